import jax
import numpy as np
import pytest

from jaxgen.models.features.trunks import TRUNKS, max_pool_with_rest
from jaxgen.models.features.vgg import l2_pool

rng = np.random.default_rng(0)


@pytest.mark.parametrize("name", TRUNKS)
def test_a_trunk_has_maps_of_its_channels_down_to_the_smallest_image(name):
    trunk = TRUNKS[name]()
    for side in (trunk.min_side, 64):
        images = jax.ShapeDtypeStruct((1, side, side + 3, 1), "float32")
        maps, _ = jax.eval_shape(trunk.init_with_output, jax.random.key(0), images)
        assert tuple(x.shape[-1] for x in maps) == trunk.channels
        assert min(min(x.shape) for x in maps) >= 1


@pytest.mark.parametrize("side", [4, 5, 8, 9, 10])
def test_poolings_are_those_of_pytorch(side):
    torch = pytest.importorskip("torch")
    images = rng.normal(size=(2, side, side + 1, 3)).astype(np.float32)
    theirs = torch.tensor(images).permute(0, 3, 1, 2)
    pooled = torch.nn.functional.max_pool2d(theirs, 3, 2, ceil_mode=True)
    np.testing.assert_array_equal(max_pool_with_rest(images), pooled.permute(0, 2, 3, 1))
    window = torch.tensor(np.outer([1, 2, 1], [1, 2, 1]) / 16, dtype=torch.float32).expand(3, 1, 3, 3)
    squares = torch.nn.functional.conv2d(theirs**2, window, stride=2, padding=1, groups=3)
    np.testing.assert_allclose(l2_pool(images), squares.sqrt().permute(0, 2, 3, 1), rtol=1e-5)


def test_l2_pooling_keeps_the_length_of_a_constant_inside():
    np.testing.assert_allclose(l2_pool(np.full((1, 8, 8, 1), -0.5, np.float32))[:, 1:, 1:], 0.5, rtol=1e-5)
