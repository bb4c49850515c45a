"""MS-SSIM and GMSD against piq and a transcription of the papers."""

import jax
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import skimage.data
import skimage.metrics

from jaxgen.metrics import structure

rng = np.random.default_rng(0)
PHOTOGRAPH = (skimage.data.astronaut() / 255).astype(np.float32)
REFERENCE = np.stack([PHOTOGRAPH[:176, 100:292], PHOTOGRAPH[200:376, 200:392]])
NOISY = REFERENCE[0] + 0.1 * rng.normal(size=REFERENCE[0].shape)
BLURRED = scipy.ndimage.gaussian_filter(0.8 * REFERENCE[1], (2, 2, 0))
IMAGE = np.stack([NOISY, BLURRED]).clip(0, 1).astype(np.float32)
ms_ssim = jax.jit(structure.ms_ssim, static_argnames="max_value")
gmsd = jax.jit(structure.gmsd, static_argnames="max_value")


def to_torch(images):
    import torch

    return torch.tensor(images).permute(0, 3, 1, 2)


@pytest.mark.parametrize("name", ["ms_ssim", "gmsd"])
def test_the_metric_agrees_with_piq(name, torch_with_vision):
    piq = pytest.importorskip("piq", reason="the package piq is not installed")
    theirs = {"ms_ssim": piq.multi_scale_ssim, "gmsd": piq.gmsd}[name]
    expected = theirs(to_torch(REFERENCE), to_torch(IMAGE), data_range=1.0, reduction="none").numpy()
    np.testing.assert_allclose(globals()[name](REFERENCE, IMAGE), expected, rtol=2e-5)


def test_ms_ssim_is_the_product_over_scales_of_scikit_images_similarity():
    """An odd side, of one channel: the last row and column are repeated before they are averaged."""
    x, y = (np.float64(images[0, :171, :189, 0]) for images in (REFERENCE, IMAGE))
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0, "full": True}
    expected = 1.0
    for scale, weight in enumerate(structure.MS_SSIM_WEIGHTS):
        # Without its luminance term SSIM is large; K1 → ∞ makes the term one.
        constants = {"K1": 0.01 if scale == 4 else 1e8, "K2": 0.03}
        windows = skimage.metrics.structural_similarity(x, y, **constants, **options)[1]
        expected *= windows[5:-5, 5:-5].mean() ** weight
        padded = (np.pad(image, [(0, side % 2) for side in image.shape], "edge") for image in (x, y))
        x, y = (image.reshape(len(image) // 2, 2, -1, 2).mean((1, 3)) for image in padded)
    ours = ms_ssim(REFERENCE[:1, :171, :189, :1], IMAGE[:1, :171, :189, :1])
    np.testing.assert_allclose(ours, [expected], rtol=2e-5)


def test_gmsd_is_the_deviation_of_the_papers_similarity():
    """An odd size, of one channel from 0 to 255, by SciPy's convolutions."""

    def gradient(image):
        halved = scipy.signal.convolve2d(image, np.full((2, 2), 0.25))[1:, 1:][::2, ::2]
        kernel = np.outer(np.ones(3), [1, 0, -1]) / 3
        return np.hypot(*(scipy.signal.convolve2d(halved, k, mode="same") for k in (kernel, kernel.T)))

    x, y = (255 * images[:1, :51, :67, :1] for images in (REFERENCE, IMAGE))
    first, second = (gradient(np.float64(image[0, ..., 0])) for image in (x, y))
    expected = ((2 * first * second + 170) / (first**2 + second**2 + 170)).std()
    np.testing.assert_allclose(gmsd(x, y, max_value=255), [expected], rtol=1e-5)


def test_equal_images_are_equal_and_inverted_ones_have_no_structure():
    np.testing.assert_allclose(ms_ssim(REFERENCE, REFERENCE), 1, atol=1e-6)
    np.testing.assert_array_equal(ms_ssim(REFERENCE, 1 - REFERENCE), 0)
    np.testing.assert_array_equal(gmsd(REFERENCE, REFERENCE), 0)


def test_small_images_are_refused():
    images = np.zeros((1, 160, 200, 1), np.float32)
    with pytest.raises(ValueError, match="images of 160×200 pixels: MS-SSIM needs at least 161×161"):
        structure.ms_ssim(images, images)
    with pytest.raises(ValueError, match="images of 3×9 pixels: GMSD needs at least 4×4"):
        structure.gmsd(images[:, :3, :9], images[:, :3, :9])
