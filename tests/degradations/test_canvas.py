import jax
import numpy as np
import pytest

from jaxgen.degradations import blurring, canvas, compression, resampling

RANDOM = np.random.default_rng(0)
# Compiled once for each size, which is faster than operation by operation.
BLUR, JPEG = jax.jit(blurring.blur), jax.jit(compression.jpeg)
CANVAS_RESIZE = jax.jit(canvas.resize, static_argnums=3)
RESIZE = jax.jit(resampling.resize, static_argnums=(1, 2, 3, 4))
SIZES = [(20, 24), (9, 13), (1, 5)]


def laid(fill):
    """Images of three sizes on one canvas, with something else around them."""
    images = [RANDOM.random((h, w, 3), np.float32) for h, w in SIZES]
    rows = np.full((3, 20, 24, 3), fill, np.float32)
    for row, image in zip(rows, images, strict=True):
        row[: image.shape[0], : image.shape[1]] = image
    return images, canvas.Canvas(rows, *(np.array(s, np.int32) for s in zip(*SIZES, strict=True)))


def test_blur_is_that_of_each_image_alone():
    images, laid_out = laid(7)
    kernels = RANDOM.random((3, 7, 7), np.float32)
    blurred = np.asarray(jax.jit(canvas.blur)(laid_out, kernels).images)
    for image, kernel, ours in zip(images, kernels, blurred, strict=True):
        alone = np.asarray(BLUR(image[None], kernel))[0]
        np.testing.assert_allclose(ours[: image.shape[0], : image.shape[1]], alone, atol=1e-5)


def test_jpeg_is_that_of_each_image_alone():
    images, laid_out = laid(0)
    decoded = np.asarray(jax.jit(canvas.jpeg)(laid_out, np.float32([30.0, 60.0, 90.0])).images)
    for image, quality, ours in zip(images, (30, 60, 90), decoded, strict=True):
        alone = np.asarray(JPEG(image[None], float(quality)))[0]
        # The encoder's filling of the last blocks of colour differs between an odd size and a canvas.
        assert abs(ours[: image.shape[0], : image.shape[1]] - alone).mean() < 0.01


@pytest.mark.parametrize("method", ["bilinear", "area"])
def test_resize_is_that_of_each_image_alone(method):
    images, laid_out = laid(100)
    targets = [(10, 30), (9, 4), (3, 5)]
    heights, widths = (np.array(t, np.int32) for t in zip(*targets, strict=True))
    index = np.full(3, canvas.METHODS.index(method), np.int32)
    resized = jax.device_get(CANVAS_RESIZE(laid_out, heights, widths, (16, 30), index))
    np.testing.assert_array_equal(resized.height, heights)
    for image, ours, (height, width) in zip(images, resized.images, targets, strict=True):
        alone = np.asarray(RESIZE(image[None], height, width, method, False))[0]
        np.testing.assert_allclose(ours[:height, :width], alone, atol=1e-5)


def test_bicubic_agrees_with_opencv_inside():
    import cv2

    image = RANDOM.random((20, 24, 1), np.float32)
    resized = CANVAS_RESIZE(
        canvas.full_canvas(image[None]),
        np.array([30]),
        np.array([15]),
        (30, 15),
        np.array([canvas.METHODS.index("bicubic")]),
    )
    theirs = cv2.resize(image, (15, 30), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(np.asarray(resized.images)[0, 3:-3, 2:-2, 0], theirs[3:-3, 2:-2], atol=1e-5)


def test_the_gaussian_looks_around_the_centre_of_each_new_pixel():
    line = np.arange(12, dtype=np.float32).reshape(1, 1, 12, 1)
    index = np.array([canvas.METHODS.index("gaussian")])
    for sigma in (0.01, 0.5):
        reached = CANVAS_RESIZE(canvas.full_canvas(line), np.array([1]), np.array([3]), (1, 3), index, sigma)
        np.testing.assert_allclose(np.asarray(reached.images)[0, 0, 1, 0], 5.5, atol=1e-5)
