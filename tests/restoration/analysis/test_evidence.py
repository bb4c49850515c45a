"""Traces of JPEG and of blur in a photograph's pixels."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage import data

from jaxgen.restoration.analysis.evidence import (
    MIN_BLOCKINESS,
    MIN_BLUR,
    MIN_QUANTIZATION,
    blockiness,
    blur_sigma,
    is_compressed,
    quantization,
)

# The file is a JPEG's decoded pixels: halved, it has no traces of that.
PHOTOGRAPH = np.asarray(Image.fromarray(data.astronaut()).resize((256, 256), Image.Resampling.BOX))
PIXELS = PHOTOGRAPH / np.float32(255)


def compressed(quality, pixels=PHOTOGRAPH):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), np.float32) / 255


def test_blockiness_grows_with_compression_whatever_the_crop():
    values = [blockiness(compressed(quality)) for quality in (95, 75, 40, 20, 10)]
    assert values == sorted(values)
    assert values[1] < MIN_BLOCKINESS < values[4]
    assert blockiness(compressed(10)[3:, 5:]) == pytest.approx(values[4], rel=0.1)
    assert blockiness(PIXELS.repeat(2, 0).repeat(2, 1)) < 0.1
    assert blockiness(PIXELS[:16, :16]) == 0


def test_quantization_is_seen_in_files_of_visible_loss_alone():
    assert quantization(PIXELS) < 0.05
    values = [quantization(compressed(quality)) for quality in (75, 50, 30)]
    assert min(values) > MIN_QUANTIZATION
    assert quantization(compressed(97)) < MIN_QUANTIZATION / 2
    assert quantization(compressed(50)[..., :1]) > MIN_QUANTIZATION


def test_a_flat_image_and_one_smaller_than_a_block_say_nothing():
    assert quantization(np.full((64, 64, 3), 0.5, np.float32)) == 0
    assert quantization(PIXELS[:7, :7]) == 0
    assert not is_compressed(np.full((64, 64, 3), 0.5, np.float32))


@pytest.mark.parametrize("quality", [10, 25, 50, 75])
def test_a_compressed_photograph_is_told_from_a_lossless_one(quality):
    assert is_compressed(compressed(quality)) and not is_compressed(PIXELS)


def test_lines_of_the_grid_of_eight_pixels_are_no_blocks():
    image = np.ones((160, 160, 1), np.float32)
    image[::8] = image[:, ::8] = 0.2
    assert not is_compressed(image)
    checks = np.kron(np.indices((20, 20)).sum(0) % 2, np.ones((8, 8)))[..., None].astype(np.float32)
    assert not is_compressed(checks)


@pytest.mark.parametrize("sigma", [1.5, 2.0, 3.0])
def test_the_blur_of_edges_is_measured(sigma):
    y, x = np.mgrid[:128, :128].astype(np.float32)
    disk = (np.hypot(y - 64, x - 64) < 40).astype(np.float32)[..., None]
    assert blur_sigma(ndimage.gaussian_filter(disk, (sigma, sigma, 0))) == pytest.approx(sigma, abs=0.25)


def test_a_blurred_photograph_is_told_from_one_with_a_soft_background():
    blurred = ndimage.gaussian_filter(PIXELS, (2, 2, 0))
    assert blur_sigma(PIXELS) < MIN_BLUR < blur_sigma(blurred)
    half = np.concatenate([PIXELS[:128], blurred[128:]])
    assert blur_sigma(half) < MIN_BLUR
    assert blur_sigma(np.full((64, 64, 1), 0.5, np.float32)) == 0
