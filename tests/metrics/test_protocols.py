import jax.numpy as jnp
import numpy as np
import pytest
from skimage import color, metrics

from jaxgen.errors import UsageError
from jaxgen.metrics.protocols import PROTOCOLS, compare, rounded

GENERATOR = np.random.default_rng(0)
REFERENCE = GENERATOR.integers(0, 256, (2, 24, 31, 3)).astype(np.float32) / 255
IMAGE = REFERENCE + 0.1 * GENERATOR.standard_normal(REFERENCE.shape, np.float32)
SSIM = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": -1}


def as_stored(image):
    return np.clip(np.round(np.asarray(image) * 255), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["gray8", "rgb8"])
def test_results_are_compared_as_an_8_bit_file_holds_them(name):
    channels = PROTOCOLS[name].channels
    found = compare(name, REFERENCE[..., :channels], IMAGE[..., :channels])
    for i in range(len(IMAGE)):
        pair = as_stored(REFERENCE[i, ..., :channels]), as_stored(IMAGE[i, ..., :channels])
        assert float(found["psnr"][i]) == pytest.approx(metrics.peak_signal_noise_ratio(*pair), abs=1e-3)
        whole = metrics.structural_similarity(*pair, full=True, **SSIM)[1][5:-5, 5:-5].mean()
        assert float(found["ssim"][i]) == pytest.approx(whole, abs=1e-4)


def test_luma_is_the_studio_range_without_a_border_of_4():
    found = compare("y601-shave4", REFERENCE, IMAGE)["psnr"]
    for i in range(len(IMAGE)):
        luma = [color.rgb2ycbcr(as_stored(x[i]) / 255)[4:-4, 4:-4, 0] for x in (REFERENCE, IMAGE)]
        expected = metrics.peak_signal_noise_ratio(*luma, data_range=255)
        assert float(found[i]) == pytest.approx(expected, abs=1e-3)


def test_what_lies_outside_is_cut_and_the_rest_rounded():
    np.testing.assert_allclose(rounded(jnp.array([-0.2, 0.0, 0.5, 1.3])), [0, 0, 128 / 255, 1], rtol=1e-6)


def test_what_cannot_be_compared_is_told():
    with pytest.raises(UsageError, match="gray9"):
        compare("gray9", REFERENCE, IMAGE)
    with pytest.raises(ValueError, match="images of 3 channels: protocol gray8 takes 1"):
        compare("gray8", REFERENCE, IMAGE)
