"""Gray photographs that are stored in color."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

import jaxgen
from jaxgen.io import photographs
from jaxgen.io.photographs import Photograph
from jaxgen.restoration import tasks, toning
from jaxgen.restoration.analysis.noise import estimate_noise
from jaxgen.restoration.inference import Settings
from jaxgen.restoration.restorer import no_progress

CASES = Path(__file__).parents[3] / "shared" / "cases" / "photographs"
GENERATOR = np.random.default_rng(0)
COLORS = data.astronaut()[:192, 100:292].astype(np.float32) / 255
GRAY = COLORS.mean(-1)
# Colors of black, middle gray and white.
TONES = {
    "none": ([0, 0, 0], [0.5, 0.5, 0.5], [1, 1, 1]),
    "sepia": ([0.08, 0.05, 0.03], [0.56, 0.49, 0.40], [1, 0.96, 0.88]),
    "cyanotype": ([0.02, 0.08, 0.2], [0.35, 0.52, 0.66], [0.97, 0.98, 0.98]),
}


def tone(gray, name):
    curve = np.polyfit([0, 0.5, 1], TONES[name], 2)
    return np.clip(sum(gray[..., None] ** (2 - k) * row for k, row in enumerate(curve)), 0, 1).astype(np.float32)


def noisy(values, sigma):
    noise = GENERATOR.normal(0, sigma / 255, values.shape)
    return (np.rint(np.clip(values + noise, 0, 1) * 255) / 255).astype(np.float32)


def compressed(pixels, quality):
    file = io.BytesIO()
    Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).astype(np.float32) / 255


@pytest.mark.parametrize("name", TONES)
@pytest.mark.parametrize("sigma", [0, 15, 30])
def test_a_toned_photograph_is_recognized_under_noise(sigma, name):
    assert toning.is_toned(noisy(tone(GRAY, name), sigma))
    assert toning.is_toned(tone(noisy(GRAY, sigma), name))
    assert toning.is_toned(compressed(tone(noisy(GRAY, sigma), name), 75))


@pytest.mark.parametrize("sigma", [0, 15, 30])
def test_a_photograph_with_colors_is_not_toned(sigma):
    assert not toning.is_toned(noisy(COLORS, sigma))
    assert not toning.is_toned(noisy(0.5 * GRAY[..., None] + 0.5 * COLORS, sigma))
    with_lamp = tone(GRAY, "sepia")
    with_lamp[40:52, 60:72] = 0.8, 0.2, 0.2
    assert not toning.is_toned(noisy(with_lamp, sigma))


def test_colors_that_are_saturated_or_too_few_to_tell_are_kept():
    red = np.ones((192, 192, 3), np.float32)
    red[50:100, 50:100] = 0.9, 0.1, 0.1
    assert not toning.is_toned(red)
    assert not toning.is_toned(tone(GRAY, "sepia")[:32, :32])
    assert toning.is_toned(GRAY[:32, :32, None].repeat(3, -1))


def test_noise_in_each_channel_is_no_gray():
    assert not toning.is_toned(GENERATOR.random((192, 192, 3), np.float32))


@pytest.mark.parametrize("name", TONES)
def test_a_tone_is_found_in_noise_and_given_back(name):
    clean = tone(GRAY, name)
    found = toning.toned(toning.gray_of(clean), noisy(clean, 15))
    assert np.sqrt(np.mean((found - clean) ** 2)) < 2.5 / 255


def test_a_gray_photograph_in_color_is_restored_as_a_gray_one(calls):
    gray = np.random.default_rng(0).random((40, 30, 1), np.float32)
    for task in ("denoise", "auto", "dejpeg", "superres"):
        restore = tasks.choose(task, Settings())
        expected, found = (restore(Photograph(one), Settings(), no_progress) for one in (gray, gray.repeat(3, -1)))
        np.testing.assert_array_equal(found.pixels, expected.pixels.repeat(3, -1))
        assert found.message == expected.message
    assert "denoise_color" not in calls["names"]


def test_a_toned_photograph_goes_to_the_network_for_gray(calls):
    pixels = tone(GRAY, "sepia")
    result = tasks.denoise(Photograph(pixels), Settings(sigma=0), no_progress)
    assert calls["names"] == ["denoise_gray"]
    np.testing.assert_allclose(result.pixels, pixels, atol=4 / 255)
    assert result.message == "noise σ 0.0 gray levels as set, one tone kept"
    none = tasks.denoise(Photograph(pixels), Settings(strength=0.0), no_progress).pixels
    np.testing.assert_allclose(none, pixels, atol=1e-6)
    tasks.denoise(Photograph(COLORS), Settings(), no_progress)
    assert calls["names"] == ["denoise_gray", "denoise_gray", "denoise_color"]


def test_the_noise_of_the_brightness_is_the_level_that_the_network_gets(calls, monkeypatch):
    spread = lambda windows: (windows - windows.mean((1, 2), keepdims=True)).std((1, 2, 3))
    monkeypatch.setattr("jaxgen.restoration.inference.estimate_noise", estimate_noise)  # Not that of the fixture.
    monkeypatch.setattr("jaxgen.restoration.inference.load_noise_estimator", lambda: spread)
    flat = np.full((192, 192), 0.5, np.float32)
    for pixels, fraction in ((noisy(tone(flat, "sepia"), 20), 1 / np.sqrt(3)), (tone(noisy(flat, 20), "none"), 1.0)):
        tasks.denoise(Photograph(pixels), Settings(sigma=20), no_progress)
        assert calls["level"] * 255 == pytest.approx(20 * fraction, rel=0.1)


def psnr(found, clean):
    return -10 * np.log10(np.mean((found - clean) ** 2))


def test_grain_that_was_toned_is_removed():
    clean = tone(GRAY, "sepia")
    seen = tone(noisy(GRAY, 25), "sepia")
    found = jaxgen.restore(seen, "denoise")
    assert psnr(found, clean) > psnr(seen, clean) + 3.5


@pytest.mark.skipif(not CASES.exists(), reason="no cases in ../shared")
def test_the_case_has_one_result():
    gray, color = (photographs.read(CASES / "modes" / f"noisy_gray{end}.png") for end in ("", "_as_rgb"))
    expected, found = (tasks.restore_photograph(one, "denoise") for one in (gray, color))
    np.testing.assert_array_equal(found.pixels, expected.pixels.repeat(3, -1))
