import jax
import numpy as np
import pytest
from skimage import color, metrics

from jaxgen.errors import UsageError
from jaxgen.metrics.protocols import PROTOCOLS, compare, least_side, rounded

GENERATOR = np.random.default_rng(0)
REFERENCE = GENERATOR.integers(0, 256, (2, 24, 31, 3)).astype(np.float32) / 255
IMAGE = REFERENCE + 0.1 * GENERATOR.standard_normal(REFERENCE.shape, np.float32)
SSIM = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": -1}


COMPILED = jax.jit(compare, static_argnums=0)


def to_uint8(image):
    return np.clip(np.round(np.asarray(image) * 255), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["gray8", "rgb8"])
def test_results_are_rounded_to_8_bits(name):
    channels = PROTOCOLS[name].channels
    metric = COMPILED(name, REFERENCE[..., :channels], IMAGE[..., :channels])
    for i in range(len(IMAGE)):
        pair = to_uint8(REFERENCE[i, ..., :channels]), to_uint8(IMAGE[i, ..., :channels])
        assert float(np.asarray(metric["psnr"])[i]) == pytest.approx(metrics.peak_signal_noise_ratio(*pair), abs=1e-3)
        expected = metrics.structural_similarity(*pair, full=True, **SSIM)[1][5:-5, 5:-5].mean()
        assert float(np.asarray(metric["ssim"])[i]) == pytest.approx(expected, abs=1e-4)


def test_luma_has_the_studio_range_without_a_border_of_4_pixels():
    psnr = COMPILED("y601-shave4", REFERENCE, IMAGE)["psnr"]
    for i in range(len(IMAGE)):
        luma = [color.rgb2ycbcr(to_uint8(x[i]) / 255)[4:-4, 4:-4, 0] for x in (REFERENCE, IMAGE)]
        expected = metrics.peak_signal_noise_ratio(*luma, data_range=255)
        assert float(np.asarray(psnr)[i]) == pytest.approx(expected, abs=1e-3)


def test_values_are_clipped_and_rounded(computed):
    np.testing.assert_allclose(computed(rounded, np.float32([-0.2, 0.0, 0.5, 1.3])), [0, 0, 128 / 255, 1], rtol=1e-6)


def test_unknown_protocols_and_wrong_channels_are_refused():
    with pytest.raises(UsageError, match="gray9"):
        compare("gray9", REFERENCE, IMAGE)
    with pytest.raises(ValueError, match="images of 3 channels: protocol gray8 needs 1"):
        compare("gray8", REFERENCE, IMAGE)


def test_the_smallest_side_is_that_of_a_metric_and_of_the_border_that_is_cut():
    assert least_side("gray8", ["psnr", "ssim"]) == 11
    assert least_side("y601-shave4", ["psnr", "ssim"]) == 19
    # PSNR-B compares whole images by any protocol.
    assert least_side("y601-shave4", ["psnr_b", "mse"]) == 9
