"""The task `auto`."""

import numpy as np
import pytest
from skimage import data

from jaxgen.io.photographs import Photograph
from jaxgen.restoration import inference, tasks
from jaxgen.restoration.inference import Settings
from jaxgen.restoration.restorer import no_progress
from jaxgen.restoration.tasks import repair

PHOTOGRAPH = data.astronaut()[:200, 150:350]


@pytest.mark.parametrize("sigma", [None, 51.0])
def test_each_damage_is_repaired_where_it_is_detected(calls, monkeypatch, sigma):
    pixels = np.full((40, 30, 3), 0.8, np.float32)
    result = repair(Photograph(pixels), Settings(sigma=sigma), no_progress)
    assert calls["names"] == ["detect", "detect_lines", "denoise_gray"]
    assert calls["level"] == pytest.approx(0.1 if sigma is None else 0.2)
    assert result.message == f"no damage detected, noise σ {sigma or 25.5} removed"
    monkeypatch.setattr(tasks, "blockiness", lambda pixels: 5.0)
    monkeypatch.setattr(inference, "load_noise_estimator", lambda: lambda images: np.full(len(images), 0.001))
    calls["names"].clear()
    pixels[5:15, 5:15] = 1
    result = repair(Photograph(pixels[..., :1]), Settings(), no_progress)
    assert calls["names"] == ["detect", "detect_lines", "inpaint_all", "dejpeg"]
    assert result.message == "8.3% damaged, detected, JPEG blocks of 5.0 gray levels removed"
    np.testing.assert_allclose(result.pixels[6, 6], 0.25, atol=1e-6)
    np.testing.assert_allclose(result.pixels[30, 20], 0.4, atol=1e-6)


def test_an_undamaged_photograph_does_not_change_and_strength_scales_the_change(calls):
    pixels = PHOTOGRAPH.astype(np.float32) / 255 * 0.8
    unchanged = repair(Photograph(pixels), Settings(sigma=0.0), no_progress)
    np.testing.assert_allclose(unchanged.pixels, pixels, atol=1e-6)
    half = repair(Photograph(pixels), Settings(sigma=51, strength=0.5), no_progress)
    np.testing.assert_allclose(half.pixels, (pixels + np.clip(pixels - 0.2, 0, 1)) / 2, atol=1e-6)


def test_noise_is_estimated_with_the_pixels_before_inpainting(calls, monkeypatch):
    seen = []

    def estimate(windows):
        seen.extend(windows)
        return np.zeros(len(windows))

    monkeypatch.setattr(inference, "load_noise_estimator", lambda: estimate)
    pixels = np.full((40, 30, 1), 0.8, np.float32)
    pixels[5:15, 5:15] = 0.9
    result = repair(Photograph(pixels), Settings(mask=(pixels == 0.9).astype(np.float32)), no_progress)
    assert calls["names"] == ["inpaint_all"]
    assert result.pixels[6, 6, 0] == pytest.approx(0.5)
    np.testing.assert_array_equal(seen[0][:40, :30], pixels)
