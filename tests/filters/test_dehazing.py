import jax
import numpy as np
import pytest
from scipy.ndimage import minimum_filter

from jaxgen import filters
from jaxgen.filters import dehazing

dehaze = jax.jit(lambda images, omega=0.95: filters.dehaze(images, size=5, omega=omega, radius=8))


@pytest.fixture(scope="module")
def hazy(photograph):
    """A colourful scene, the same behind haze that thickens upwards, and the haze's light."""
    scene = 0.8 * photograph
    scene[::3, ::3] = 0  # the prior: some colour is dark in every patch
    light = np.array([0.9, 0.92, 0.95], np.float32)
    transmission = np.linspace(0.25, 0.95, len(scene), dtype=np.float32)[:, None, None]
    veiled = scene * transmission + light * (1 - transmission)
    veiled[0, :4] = light
    return scene, veiled.astype(np.float32), light


def test_the_dark_channel_is_the_least_of_each_window(pair):
    expected = [minimum_filter(image.min(-1), 7, mode="mirror") for image in pair]
    np.testing.assert_array_equal(filters.dark_channel(pair, 7)[..., 0], expected)


def test_the_light_is_the_brightest_of_the_haziest_pixels():
    images = np.random.default_rng(0).uniform(size=(2, 40, 60, 3)).astype(np.float32)
    dark = np.asarray(filters.dark_channel(images, 3))
    for image, channel, light in zip(images, dark, dehazing.atmospheric_light(images, dark), strict=True):
        # 0.1 % of 2400 pixels are two.
        haziest = image.reshape(-1, 3)[np.argsort(-channel.ravel(), kind="stable")[:2]]
        np.testing.assert_array_equal(light[0, 0], haziest[haziest.sum(1).argmax()])


def test_what_the_haze_took_comes_back(hazy):
    scene, veiled, light = hazy
    batch = np.stack([veiled, veiled[:, ::-1]])
    clear = np.asarray(dehaze(batch, 0.95))
    np.testing.assert_allclose(clear[1], clear[0][:, ::-1], atol=1e-4)
    rows = slice(10, None)
    assert np.abs(clear[0] - scene)[rows].mean() < 0.25 * np.abs(veiled - scene)[rows].mean()
    np.testing.assert_allclose(
        dehazing.atmospheric_light(veiled[None], filters.dark_channel(veiled[None], 5)).ravel(), light
    )


def test_no_haze_is_removed_for_an_omega_of_0(pair):
    np.testing.assert_allclose(dehaze(pair, 0.0), pair, atol=1e-5)


def test_a_black_picture_stays_black(pair):
    np.testing.assert_array_equal(dehaze(np.zeros_like(pair), 0.95), 0)


def test_a_window_without_a_centre_is_refused(pair):
    with pytest.raises(ValueError, match="a window of size 14: give an odd number of pixels"):
        filters.dehaze(pair, 14)
