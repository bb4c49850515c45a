import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from jaxgen.io.photographs import Photograph
from jaxgen.restoration import automatic
from jaxgen.restoration.automatic import BLOCKY, blockiness, repair
from jaxgen.restoration.inference import Settings

PICTURE = data.astronaut()[:200, 150:350]
nothing = lambda done, total: None


def as_jpeg(quality):
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), np.float32) / 255


def test_blocks_stand_out_where_a_photograph_is_much_compressed_however_it_is_cut():
    found = [blockiness(as_jpeg(quality)) for quality in (95, 75, 40, 20, 10)]
    assert found == sorted(found)
    assert found[1] < BLOCKY < found[2]
    assert blockiness(as_jpeg(20)[3:, 5:]) == pytest.approx(found[3], rel=0.1)
    assert blockiness(PICTURE.repeat(2, 0).repeat(2, 1) / np.float32(255)) < 1
    assert blockiness(PICTURE[:16, :16] / np.float32(255)) == 0


@pytest.mark.parametrize("sigma", [None, 51.0])
def test_each_damage_is_undone_where_it_is_found(told, monkeypatch, sigma):
    pixels = np.full((40, 30, 3), 0.8, np.float32)
    result = repair(Photograph(pixels), Settings(sigma=sigma), nothing)
    assert told["names"] == ["detect", "detect_lines", "denoise_color"]
    assert told["level"] == pytest.approx(0.1 if sigma is None else 0.2)
    assert result.told == f"no damage found, noise σ {sigma or 25.5} taken away"
    monkeypatch.setattr(automatic, "blockiness", lambda pixels: 5.0)
    monkeypatch.setattr(automatic, "load_noise_level", lambda: lambda images: np.full(len(images), 0.001))
    told["names"].clear()
    pixels[5:15, 5:15] = 1
    result = repair(Photograph(pixels[..., :1]), Settings(), nothing)
    assert told["names"] == ["detect", "detect_lines", "mend", "dejpeg"]
    assert result.told == "8.3% damaged, found, JPEG's blocks of 5.0 grey levels taken away"
    np.testing.assert_allclose(result.pixels[6, 6], 0.25, atol=1e-6)
    np.testing.assert_allclose(result.pixels[30, 20], 0.4, atol=1e-6)


def test_what_is_undamaged_comes_back_and_strength_is_the_share_of_the_change(told, monkeypatch):
    pixels = PICTURE.astype(np.float32) / 255 * 0.8
    nothing_to_do = repair(Photograph(pixels), Settings(sigma=0.0), nothing)
    np.testing.assert_allclose(nothing_to_do.pixels, pixels, atol=1e-6)
    half = repair(Photograph(pixels), Settings(sigma=51, strength=0.5), nothing)
    np.testing.assert_allclose(half.pixels, (pixels + np.clip(pixels - 0.2, 0, 1)) / 2, atol=1e-6)
