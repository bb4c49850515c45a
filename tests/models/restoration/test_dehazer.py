import numpy as np
import pytest

from jaxgen.degradations.scattering import scatter
from jaxgen.models.restoration.dehazer import Dehazer
from jaxgen.nn.receptive_field import receptive_field_radius

MODULE = Dehazer((4, 4), side=8)


@pytest.fixture(scope="module")
def variables(draw):
    return draw(MODULE, (1, 12, 20, 3))


def with_maps(variables, gain, offset):
    """Returns variables that give the same gain and offset everywhere."""
    last = {"kernel": np.zeros((1, 1, 4, 6), np.float32), "bias": np.float32([np.log(gain)] * 3 + [offset] * 3)}
    return {"params": {"unet": variables["params"]["unet"] | {"last": last}}}


def test_homogeneous_haze_is_inverted_by_the_scattering_model(variables, infer, computed):
    scene = np.random.default_rng(0).random((2, 12, 20, 3), np.float32)
    hazy, transmission = computed(scatter, scene, np.ones((2, 12, 20, 1), np.float32), 0.9, 0.8)
    gain = float(1 / transmission[0, 0, 0, 0])
    found = infer(MODULE, with_maps(variables, gain, 0.8 * (1 - gain)), hazy)
    np.testing.assert_allclose(found, scene, atol=1e-5)


def test_the_maps_do_not_depend_on_the_resolution(variables, infer):
    y, x = np.mgrid[:96, :64] / 64
    large = np.stack([np.sin(5 * y), np.cos(3 * x), np.sin(2 * x * y)], -1).astype(np.float32)[None] / 2 + 0.5
    small = large.reshape(1, 32, 3, 64 // 2, 2, 3).mean((2, 4))
    found = infer(MODULE, variables, large).reshape(1, 32, 3, 32, 2, 3).mean((2, 4))
    np.testing.assert_allclose(found, infer(MODULE, variables, small), atol=0.05)
    assert abs(found - small).max() > 0.2


def test_its_receptive_field_is_the_whole_image():
    assert receptive_field_radius(Dehazer((2, 2), side=4), 3) is None
