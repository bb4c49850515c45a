import jax
import numpy as np
import pytest
import scipy.ndimage
import scipy.optimize
import skimage.transform
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.degradations import geometry

KEY = jax.random.key(0)
HEIGHT, WIDTH = 21, 30


# Operation by operation they would take longer.
def compiled(function):
    """Returns the function compiled, with NumPy arrays as its results."""
    inner = jax.jit(function)
    return lambda *arguments: np.asarray(inner(*arguments))


lens, perspective, wave, warp, sample = map(
    compiled, (geometry.lens, geometry.perspective, geometry.wave, geometry.warp, geometry.sample_bilinear)
)
IMAGES = np.random.default_rng(0).random((2, HEIGHT, WIDTH, 3), np.float32)


def read(image, y, x):
    """Returns an image read at fractional places by scipy."""
    return np.stack(
        [scipy.ndimage.map_coordinates(c, [y, x], order=1, mode="mirror") for c in np.moveaxis(image, -1, 0)], -1
    )


def test_places_are_read_bilinearly_and_mirrored_however_far_out():
    places = np.random.default_rng(1).uniform(-100, 140, (2, 2, 9, 8)).astype(np.float32)
    expected = [read(image, y, x) for image, (x, y) in zip(IMAGES, places, strict=True)]
    np.testing.assert_allclose(sample(IMAGES, places), expected, atol=1e-4)


def test_a_picture_of_one_row_is_mirrored_onto_itself():
    places = np.stack([np.zeros((1, 3, 3)), np.linspace(-5, 5, 9).reshape(1, 3, 3)], 1).astype(np.float32)
    np.testing.assert_allclose(sample(IMAGES[:1, :1], places), np.broadcast_to(IMAGES[:1, :1, :1], (1, 3, 3, 3)))


def test_nothing_bent_is_the_same_picture():
    unbent = [
        lens(IMAGES, 0.0, 0.0),
        perspective(IMAGES, np.zeros((4, 2), np.float32)),
        wave(IMAGES, 0.0, 0.5, 1.0),
        warp(KEY, IMAGES, 0.0, 0.0, 0.0),
    ]
    for images in unbent:
        np.testing.assert_allclose(images, IMAGES, atol=2e-5)


corner = st.floats(-0.2, 0.2)


@given(st.lists(st.tuples(corner, corner), min_size=4, max_size=4))
@settings(deadline=None, max_examples=15)
def test_perspective_agrees_with_scikit_image(corners):
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
    extent = [WIDTH - 1, HEIGHT - 1]
    moved = skimage.transform.ProjectiveTransform.from_estimate(square * extent, (square + corners) * extent)
    ours = perspective(IMAGES, np.float32(corners))
    for image, bent in zip(np.asarray(IMAGES, np.float64), ours, strict=True):
        expected = skimage.transform.warp(image, moved.inverse, order=1, mode="reflect")
        np.testing.assert_allclose(bent, expected, atol=2e-3)


@pytest.mark.parametrize(("k1", "k2"), [(-0.14, 0.0), (-0.1, 0.05), (0.2, 0.0), (0.1, -0.01)])
def test_a_lens_shows_at_the_distorted_radius_what_was_at_the_true_one(k1, k2):
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    y, x = y - (HEIGHT - 1) / 2, x - (WIDTH - 1) / 2
    unit = np.hypot(HEIGHT - 1, WIDTH - 1) / 2
    seen = np.hypot(y, x) / unit
    top = np.linspace(0, 1.6, 1601)
    top = top[np.argmax(top * (1 + k1 * top**2 + k2 * top**4))]
    root = lambda s: scipy.optimize.brentq(lambda r: r * (1 + k1 * r**2 + k2 * r**4) - s, 0, top)
    ratio = np.vectorize(root)(seen) / seen
    expected = read(np.asarray(IMAGES[0]), y * ratio + (HEIGHT - 1) / 2, x * ratio + (WIDTH - 1) / 2)
    np.testing.assert_allclose(lens(IMAGES, k1, k2)[0], expected, atol=2e-3)


def test_a_barrel_shrinks_what_a_pincushion_stretches():
    ramp = np.broadcast_to(abs(np.linspace(-1, 1, 33, dtype=np.float32))[:, None], (2, 33, 33))[..., None]
    barrel, pincushion = lens(ramp, np.float32([-0.1, 0.1]))[:, 28, 16, 0]
    assert barrel > ramp[0, 28, 16, 0] > pincushion


def test_beyond_what_a_lens_can_show_all_is_finite():
    bent = lens(IMAGES, -0.5, -0.5)
    assert np.isfinite(bent).all() and bent.min() >= 0 and bent.max() <= 1


def test_a_wave_shifts_rows_and_columns_by_sines():
    amplitude, period, phase = np.array([0.05, 0.1]), np.array([0.5, 0.9]), np.array([0.3, 2.0])
    bent = wave(IMAGES, *np.float32([amplitude, period, phase]))
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    for i, image in enumerate(np.asarray(IMAGES)):
        a, w = amplitude[i] * HEIGHT, 2 * np.pi / (period[i] * HEIGHT)
        expected = read(image, y + a * np.sin(w * x + phase[i]), x + a * np.sin(w * y + phase[i]))
        np.testing.assert_allclose(bent[i], expected, atol=1e-3)


def test_a_warp_moves_no_further_than_its_strengths_allow():
    ramp = np.broadcast_to(np.linspace(0, 1, WIDTH, dtype=np.float32), (16, HEIGHT, WIDTH))[..., None]
    inner = (slice(None), slice(6, -6), slice(8, -8))
    shift = lambda *strengths: abs(warp(KEY, ramp, *strengths) - ramp)[inner].max((1, 2, 3)) * (WIDTH - 1)
    for shifts, most in (
        (shift(0.0, 0.0, 0.1), 0.1 * HEIGHT),
        (shift(0.0, 0.1, 0.0), 0.13 * WIDTH),
        (shift(0.1, 0.0, 0.0), 0.2),
    ):
        assert (shifts <= most).all() and shifts.max() > most / 4 and np.std(shifts) > 0


def test_corners_that_are_not_four_are_refused():
    with pytest.raises(ValueError, match=r"give \[4, 2\] or"):
        geometry.perspective(IMAGES, np.zeros((3, 2), np.float32))
