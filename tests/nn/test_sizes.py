import pytest

from jaxgen.errors import UsageError
from jaxgen.nn.sizes import pyramid, require_multiple


@pytest.mark.parametrize(("side", "base", "doublings"), [(8, 4, 1), (28, 7, 2), (32, 4, 3), (64, 4, 4), (128, 4, 5)])
def test_a_pyramid_multiplies_out_to_the_side(side, base, doublings):
    assert pyramid(side, side, "net") == (base, doublings)
    assert base * 2**doublings == side


@pytest.mark.parametrize(("height", "width"), [(30, 30), (7, 7), (4, 4), (32, 64), (0, 0), (2048, 2048)])
def test_other_sizes_are_named_with_those_allowed(height, width):
    with pytest.raises(
        UsageError,
        match=rf"^image size {height}x{width}: net takes .*28, 32, .*64.* data.size .* train gan_mlp",
    ) as error:
        pyramid(height, width, "net")
    assert "\n" not in str(error.value)


def test_multiples_are_required_of_both_sides():
    require_multiple(4, 20, 4, "net")
    for height, width in [(6, 8), (8, 6), (0, 4), (2, 2)]:
        with pytest.raises(UsageError, match=rf"^image size {height}x{width}: net takes .* multiples of 4 pixels"):
            require_multiple(height, width, 4, "net")
