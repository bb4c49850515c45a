from functools import partial

import jax
import numpy as np
import pytest

from jaxgen.degradations import scattering

KEY = jax.random.key(0)
IMAGES = np.random.default_rng(0).random((3, 8, 9, 3), np.float32)
ONES = np.ones((3, 8, 9, 1), np.float32)


def test_haze_over_constant_depth_is_the_scattering_equation(computed):
    hazy, transmission = computed(scattering.scatter, IMAGES, 2 * ONES, 0.7, 0.9)
    np.testing.assert_allclose(transmission, np.exp(-1.4) * ONES, rtol=1e-6)
    np.testing.assert_allclose(hazy, IMAGES * np.exp(-1.4) + 0.9 * (1 - np.exp(-1.4)), rtol=1e-5)


def test_clear_air_and_no_depth_leave_the_image_and_infinite_depth_the_airlight(computed):
    for depth, beta in ((ONES, 0.0), (0 * ONES, 3.0)):
        hazy, transmission = computed(scattering.scatter, IMAGES, depth, beta, 0.8)
        np.testing.assert_array_equal(hazy, IMAGES)
        np.testing.assert_array_equal(transmission, ONES)
    np.testing.assert_allclose(computed(scattering.scatter, IMAGES, np.inf * ONES, 1.0, 0.8)[0], 0.8, rtol=1e-6)


def test_each_image_may_have_its_own_air(computed):
    hazy, _ = computed(scattering.scatter, IMAGES, ONES, np.float32([0.0, 1.0, 2.0]), np.float32([0.5, 0.7, 1.0]))
    np.testing.assert_array_equal(hazy[1:2], computed(scattering.scatter, IMAGES[1:2], ONES[1:2], 1.0, 0.7)[0])


def test_random_air_is_drawn_from_its_limits(computed):
    count = 400
    black, depth = np.zeros((count, 1, 1, 1), np.float32), np.ones((count, 1, 1, 1), np.float32)
    limits = {"beta": (0.5, 2.0), "airlight": (0.6, 0.8)}
    hazy, transmission = computed(partial(scattering.random_haze, **limits), KEY, black, depth)
    beta, airlight = -np.log(transmission).ravel(), np.ravel(hazy / (1 - transmission))
    for drawn, low, high in ((beta, 0.5, 2.0), (airlight, 0.6, 0.8)):
        assert low - 1e-4 <= drawn.min() < low + 0.05 * (high - low)
        assert high + 1e-4 >= drawn.max() > high - 0.05 * (high - low)
    assert abs(np.corrcoef(beta, airlight)[0, 1]) < 0.2
    np.testing.assert_array_equal(hazy, computed(partial(scattering.haze, **limits), KEY, black, depth))


def test_random_scenes_recede_towards_the_top():
    depth = np.asarray(jax.jit(lambda k: scattering.procedural_depth(k, (40, 24, 30)))(KEY))
    assert depth.shape == (40, 24, 30, 1) and depth.min() > 0 and depth.max() <= 1
    rows = depth.mean((0, 2, 3))
    assert rows[0] > 0.75 and rows[-1] < 0.25
    # Averaged over scenes the ground rises with every row.
    assert (np.diff(rows[8:]) < 0.01).all()
    assert np.std(depth, axis=(1, 2, 3)).min() > 0.05


def test_a_depth_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="give one channel of their size"):
        scattering.scatter(IMAGES, np.ones((3, 8, 8, 1), np.float32), 1.0, 1.0)
