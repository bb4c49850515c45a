import jax
import numpy as np
import pytest

from jaxgen.degradations import chromatic_aberration

KEY = jax.random.key(0)
AMOUNTS = np.float32([0.0, 0.05, -0.1])


def test_a_linear_image_is_magnified_about_the_center_by_each_colors_factor(computed):
    y, x = np.mgrid[:16, :21].astype(np.float32)
    ramp = np.broadcast_to((0.1 + 0.03 * x + 0.02 * y)[..., None], (3, 16, 21, 3))
    result = computed(chromatic_aberration, KEY, ramp, AMOUNTS)
    # Bilinear interpolation of a linear function is exact; outside the image it is reflected.
    inner = np.s_[:, 2:-2, 2:-2]
    for channel, sign in enumerate((1, 0, -1)):
        factor = 1 + sign * AMOUNTS[:, None, None]
        expected = 0.1 + 0.03 * (10 + (x - 10) / factor) + 0.02 * (7.5 + (y - 7.5) / factor)
        np.testing.assert_allclose(result[..., channel][inner], expected[inner], atol=1e-5)


def test_no_aberration_and_gray_images_remain_unchanged(computed):
    images = np.random.default_rng(0).random((3, 9, 8, 3), np.float32)
    np.testing.assert_array_equal(computed(chromatic_aberration, KEY, images, 0.0), images)
    np.testing.assert_array_equal(computed(chromatic_aberration, KEY, images[..., :1], AMOUNTS), images[..., :1])
    np.testing.assert_array_equal(computed(chromatic_aberration, KEY, images, AMOUNTS)[..., 1], images[..., 1])


def test_a_gray_edge_gets_opposite_color_fringes_on_both_sides(computed):
    image = np.zeros((1, 32, 32, 3), np.float32)
    image[:, 8:24, 8:24] = 1
    red, _, blue = np.moveaxis(computed(chromatic_aberration, KEY, image, 0.1)[0], -1, 0)
    assert float(red.sum()) == pytest.approx(1.1**2 * 16**2, rel=0.02)
    assert float(blue.sum()) == pytest.approx(0.9**2 * 16**2, rel=0.02)


def test_amounts_of_another_number_are_refused():
    with pytest.raises(ValueError, match="amount of shape"):
        chromatic_aberration(KEY, np.zeros((2, 8, 8, 3), np.float32), AMOUNTS)
