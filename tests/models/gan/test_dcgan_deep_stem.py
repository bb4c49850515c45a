from itertools import pairwise

import pytest

from jaxgen.errors import UsageError
from jaxgen.models.gan.dcgan_deep_stem import Discriminator, Generator


def test_generator_is_the_network_asked_for(describe):
    generator = describe(Generator(), (2, 100))
    stem, maps = [100, 128, 128, 1024, 1024, 4 * 4 * 512], [512, 512, 256, 128, 64]
    dense = sum(a * b + b for a, b in pairwise(stem))
    convolutions = sum(4 * 4 * a * b + b for a, b in zip(maps, [*maps[1:], 3], strict=True))
    assert generator.parameters == dense + convolutions + 2 * (sum(stem[1:]) + sum(maps[1:]))
    assert generator.output == (2, 128, 128, 3)
    assert {name for name in generator.variables["params"] if "norm" in name} == {
        *(f"dense_norm_{i}" for i in range(5)),
        *(f"norm_{i}" for i in range(4)),
    }


def test_discriminator_is_the_network_asked_for(describe):
    discriminator = describe(Discriminator(), (2, 128, 128, 3))
    maps = [3, 64, 128, 256, 512]
    convolutions = sum(4 * 4 * a * b + b for a, b in pairwise(maps))
    assert discriminator.parameters == convolutions + 2 * (128 + 256 + 512) + (8 * 8 * 512 + 1)
    assert discriminator.output == (2,)
    assert set(discriminator.variables["batch_stats"]) == {"norm_1", "norm_2", "norm_3"}


def test_other_sizes_are_refused_in_one_line(describe):
    with pytest.raises(UsageError, match=r"image size 64x64: the deep-stem dcgan takes 128x128 only; .* radford"):
        describe(Generator(size=64), (1, 100))
    with pytest.raises(UsageError, match="image size 128x64: the deep-stem dcgan"):
        describe(Discriminator(), (1, 128, 64, 3))
