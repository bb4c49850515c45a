import pytest

from jaxgen.errors import UsageError
from jaxgen.models.gan.conv_gan import Discriminator, Generator


@pytest.mark.parametrize(("size", "channels"), [(16, 3), (28, 1)])
def test_both_players_are_the_networks_asked_for(describe, size, channels):
    base = size // 4
    generator = describe(Generator(size=size, channels=channels), (5, 100))
    project, block = 100 * base * base * 64 + base * base * 64, 3 * 3 * 64 * 64 + 64
    assert generator.parameters == project + 2 * block + 3 * 3 * 64 * channels + channels
    assert generator.output == (5, size, size, channels)
    discriminator = describe(Discriminator(), (5, size, size, channels))
    dense = base * base * 64 * 128 + 128
    assert discriminator.parameters == (3 * 3 * channels * 64 + 64) + block + dense + (128 + 1)
    assert discriminator.output == (5,)


def test_other_sizes_are_refused(describe):
    with pytest.raises(UsageError, match="image size 30x30: conv_gan takes sides that are multiples of 4"):
        describe(Generator(size=30), (1, 3))
    with pytest.raises(UsageError, match="image size 28x30: conv_gan"):
        describe(Discriminator(), (1, 28, 30, 1))
