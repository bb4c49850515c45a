import io

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgen.degradations import compression
from jaxgen.errors import UsageError

RANDOM = np.random.default_rng(0)
COMPILED = jax.jit(compression.jpeg, static_argnames=("subsampling", "rounding"))
JPEG = lambda *arguments, **options: np.asarray(COMPILED(*arguments, **options))


def photograph(height=61, width=75):
    """Smooth colours, edges and some grain, uint8."""
    y, x = np.mgrid[:height, :width] / 60
    channels = [np.sin(5 * x + 3 * y) + (y > 0.4 + 0.3 * x), np.cos(4 * x * y) + (x > 0.8), np.sin(7 * y) * x]
    grain = RANDOM.normal(0, 3, (height, width, 3))
    return np.uint8(np.clip(70 * np.stack(channels, -1) + 90 + grain, 0, 255))


PHOTOGRAPH = photograph()


def by_pillow(pixels, quality, subsampling):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(file), np.float32)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_colours_agree_with_libjpeg(subsampling):
    for quality in (10, 50, 75, 95):
        ours = 255 * JPEG(PHOTOGRAPH[None] / np.float32(255), float(quality), subsampling=subsampling)[0]
        difference = abs(ours - by_pillow(PHOTOGRAPH, quality, subsampling))
        assert difference.mean() < 0.3
        assert (difference > 0.5).mean() < 0.25


def test_grey_agrees_with_libjpeg_for_a_quality_each():
    qualities = np.array([1, 10, 30, 49, 50, 90, 100])
    images = np.stack([PHOTOGRAPH[..., :1]] * len(qualities)) / np.float32(255)
    for ours, quality in zip(JPEG(images, np.float32(qualities)), qualities, strict=True):
        theirs = by_pillow(PHOTOGRAPH[..., 0], int(quality), -1)
        assert abs(255 * ours[..., 0] - theirs).mean() < 0.2


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 17, 3), (16, 8, 1)])
def test_any_size(shape):
    pixels = photograph()[: shape[0], : shape[1], : shape[2]]
    ours = 255 * JPEG(pixels[None] / np.float32(255), 80.0)[0]
    theirs = by_pillow(pixels if shape[2] == 3 else pixels[..., 0], 80, 2 if shape[2] == 3 else -1).reshape(shape)
    assert ours.shape == shape
    assert abs(ours - theirs).mean() < 0.5


def test_what_comes_back_are_grey_levels():
    decoded = 255 * JPEG(2 * PHOTOGRAPH[None] / np.float32(255) - 0.5, 20.0)
    np.testing.assert_allclose(decoded, np.rint(decoded), atol=1e-4)
    assert decoded.min() >= 0
    assert decoded.max() <= 255


@pytest.mark.parametrize("rounding", compression.ROUNDINGS)
def test_gradients_reach_every_pixel(rounding, computed):
    images = PHOTOGRAPH[None, :20, :24] / np.float32(255 / 0.8) + np.float32(0.1)
    weights = RANDOM.standard_normal(images.shape, np.float32)
    gradient = computed(jax.grad(lambda x: (weights * COMPILED(x, 60.0, rounding=rounding)).sum()), images)
    assert np.isfinite(gradient).all()
    assert (gradient != 0).mean() > 0.95


def test_straight_through_the_gradient_is_that_of_the_identity(computed):
    images = PHOTOGRAPH[None, :16, :16, :1] / np.float32(255 / 0.8) + np.float32(0.1)
    weights = RANDOM.standard_normal(images.shape, np.float32)
    gradient = computed(jax.grad(lambda x: (weights * COMPILED(x, 90.0)).sum()), images)
    np.testing.assert_allclose(gradient, weights, atol=1e-4)


def test_the_polynomial_is_near_and_has_a_gradient_of_its_own(computed):
    x = np.float32([0.2, 0.5001, 1.9, -0.7])
    values, slope = computed(jax.vmap(jax.value_and_grad(compression.polynomial)), x)
    np.testing.assert_allclose(values, [0.008, 1 - 0.4999**3, 1.999, -1 + 0.027], atol=1e-5)
    np.testing.assert_allclose(slope, 3 * np.array([0.2, 0.4999, 0.1, 0.3]) ** 2, rtol=1e-4)
    images = PHOTOGRAPH[None] / np.float32(255)
    exact, near = (255 * JPEG(images, 70.0, rounding=rounding) for rounding in compression.ROUNDINGS)
    assert 0 < abs(exact - near).mean() < 2


def test_an_image_does_not_see_its_batch():
    images = np.stack([PHOTOGRAPH, PHOTOGRAPH[::-1]]) / np.float32(255)
    whole = JPEG(images, np.float32([20.0, 60.0]))
    np.testing.assert_allclose(whole[1:], JPEG(images[1:], np.float32([60.0])), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"subsampling": "4:2:2"}, "unknown subsampling"), ({"rounding": "none"}, "rounding 'none'")],
)
def test_unknown_names_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        compression.jpeg(np.zeros((1, 8, 8, 3), np.float32), 50, **options)


def test_other_channels_are_refused():
    with pytest.raises(ValueError, match="2 channels: give 1"):
        compression.jpeg(np.zeros((1, 8, 8, 2), np.float32), 50)
