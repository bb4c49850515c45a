"""The task `auto`, and what all tasks do where they detect nothing."""

import io

import jax
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage import data

import jaxgen
from jaxgen.degradations import haze
from jaxgen.errors import UsageError
from jaxgen.io.photographs import Photograph
from jaxgen.restoration import inference, tasks
from jaxgen.restoration.analysis import detection
from jaxgen.restoration.inference import Settings
from jaxgen.restoration.restorer import no_progress
from jaxgen.restoration.tasks import repair

# Halved, so that nothing of the JPEG file is left that it once was.
PHOTOGRAPH = np.asarray(Image.fromarray(data.astronaut()).resize((256, 256), Image.Resampling.BOX)) / np.float32(255)


@pytest.fixture(autouse=True)
def no_haze(networks):
    """A dehazing network that changes nothing."""
    networks["dehaze"] = (lambda inputs: inputs, 3, "none")


def no_noise(monkeypatch):
    monkeypatch.setattr(inference, "estimate_noise", lambda network, pixels, alpha: 0.001)


@pytest.mark.parametrize("sigma", [None, 51.0])
def test_noise_is_removed_before_damage_is_detected(calls, monkeypatch, sigma):
    pixels = np.full((40, 30, 3), (0.8, 0.5, 0.3), np.float32)
    result = repair(Photograph(pixels), Settings(sigma=sigma), no_progress)
    assert calls["names"] == ["denoise_color", "detect", "detect_lines", "dehaze"]
    assert calls["level"] == pytest.approx(0.1 if sigma is None else 0.2)
    assert result.message == f"noise σ {sigma or 25.5} gray levels {'as set' if sigma else 'estimated'}"


def test_each_damage_is_repaired_where_it_is_detected(calls, networks, monkeypatch):
    no_noise(monkeypatch)
    monkeypatch.setattr(tasks, "is_compressed", lambda pixels: True)
    pixels = np.full((40, 30, 3), (0.8, 0.7, 0.6), np.float32)
    pixels[5:15, 5:15] = 1
    networks["dejpeg"] = (lambda inputs: inputs, 3, "none")
    result = repair(Photograph(pixels), Settings(), no_progress)
    assert calls["names"] == ["dejpeg", "detect", "detect_lines", "inpaint_all", "dehaze"]
    assert result.message == "traces of JPEG, 8.3% damaged, detected with confidence 1.00"
    assert result.pixels[6, 6] == pytest.approx(0.5)
    assert result.pixels[30, 20] == pytest.approx((0.8, 0.7, 0.6))
    assert result.mask.sum() == 100


def test_a_dry_run_says_what_is_detected_and_changes_nothing(calls, networks, monkeypatch):
    no_noise(monkeypatch)
    pixels = np.full((40, 30, 3), (0.8, 0.7, 0.6), np.float32)
    pixels[5:15, 5:15] = 1
    result = repair(Photograph(pixels), Settings(dry_run=True), no_progress)
    np.testing.assert_array_equal(result.pixels, pixels)
    assert result.message == "8.3% damaged, detected with confidence 1.00"
    assert result.mask.sum() == 100


def test_strength_scales_the_change(calls, networks):
    pixels = PHOTOGRAPH * 0.8
    half = repair(Photograph(pixels), Settings(sigma=51, strength=0.5), no_progress)
    np.testing.assert_allclose(half.pixels, (pixels + np.clip(pixels - 0.2, 0, 1)) / 2, atol=1e-6)


@pytest.mark.parametrize("task", ["auto", "scratches", "derust", "dehaze", "dejpeg", "denoise", "deblur"])
def test_an_undamaged_photograph_stays_as_it_is_bit_by_bit(task):
    result = tasks.restore_photograph(Photograph(PHOTOGRAPH), task)
    np.testing.assert_array_equal(result.pixels, PHOTOGRAPH)
    assert not result.is_found
    assert result.message.endswith("unchanged")


def test_a_detecting_task_can_be_forced(calls, networks):
    del networks["dehaze"]
    for task in ("dehaze", "dejpeg", "deblur"):
        result = tasks.restore_photograph(Photograph(PHOTOGRAPH), task, Settings(force=True))
        np.testing.assert_allclose(result.pixels, PHOTOGRAPH / 2, atol=1e-6)


@pytest.mark.parametrize("task", ["scratches", "derust", "detect"])
def test_damage_that_is_not_sure_is_inpainted_by_force(calls, networks, monkeypatch, task):
    no_noise(monkeypatch)
    monkeypatch.setattr(detection, "load_classifier", lambda name: lambda features: np.full(len(features), 1.0))
    pixels = np.full((40, 30, 3), (0.8, 0.7, 0.6), np.float32)
    pixels[5:15, 5:15] = 1
    result = tasks.restore_photograph(Photograph(pixels), task)
    assert result.message == "no damage detected (confidence 0.73), unchanged" and not result.is_found
    result = tasks.restore_photograph(Photograph(pixels), task, Settings(force=True))
    assert result.mask.sum() == 100
    with pytest.raises(UsageError, match="force: the mask" if task != "detect" else "mask: task detect"):
        tasks.restore_photograph(Photograph(pixels), task, Settings(force=True, mask=result.mask))


def psnr(first, second):
    return -10 * np.log10(np.mean((first - second) ** 2))


@pytest.mark.parametrize(
    ("task", "damage"), [("deblur", "blur"), ("dejpeg", "jpeg"), ("denoise", "noise"), ("dehaze", "haze")]
)
def test_on_one_damage_alone_auto_does_as_well_as_its_task(task, damage):
    if damage == "blur":
        damaged = ndimage.gaussian_filter(PHOTOGRAPH, (2, 2, 0))
    elif damage == "haze":
        damaged = np.asarray(haze(jax.random.key(1), PHOTOGRAPH[None], beta=(1.6, 1.6))[0])
    elif damage == "jpeg":
        file = io.BytesIO()
        Image.fromarray((PHOTOGRAPH * 255).astype(np.uint8)).save(file, "JPEG", quality=20)
        damaged = np.asarray(Image.open(file), np.float32) / 255
    else:
        noise = np.random.default_rng(0).normal(0, 15 / 255, PHOTOGRAPH.shape)
        damaged = np.clip(PHOTOGRAPH + noise, 0, 1).astype(np.float32)
    scores = [psnr(tasks.restore_photograph(Photograph(damaged), name).pixels, PHOTOGRAPH) for name in (task, "auto")]
    assert scores[1] > scores[0] - 0.3
    assert scores[1] > psnr(damaged, PHOTOGRAPH)


def test_a_denoiser_changes_no_pixel_by_more_than_four_standard_deviations():
    noisy = np.clip(PHOTOGRAPH + np.random.default_rng(0).normal(0, 0.2, PHOTOGRAPH.shape), 0, 1).astype(np.float32)
    result = tasks.restore_photograph(Photograph(noisy), "denoise", Settings(sigma=1.5))
    assert abs(result.pixels - noisy).max() <= 4 * 1.5 / 255 + 1e-6


def test_auto_says_where_too_much_looks_damaged_to_be_inpainted(calls, monkeypatch):
    pixels = np.full((40, 30, 3), (1.0, 0.95, 0.9), np.float32)
    result = repair(Photograph(pixels), Settings(sigma=0.0), no_progress)
    assert result.message.endswith("too much to inpaint without a mask: give --mask") and result.mask is None
    no_noise(monkeypatch)
    result = repair(Photograph(pixels), Settings(), no_progress)
    assert result.message == "100% look damaged, too much to inpaint without a mask: give --mask"
    assert not result.is_found


def test_the_task_detect_marks_what_auto_inpaints_in_a_noisy_photograph(calls, monkeypatch):
    """The denoiser of the fixture subtracts the level, after which nothing is bright."""
    monkeypatch.setattr(inference, "estimate_noise", lambda network, pixels, alpha: 0.2)
    pixels = np.full((40, 30, 3), (0.8, 0.7, 0.6), np.float32)
    pixels[5:15, 5:15] = 0.95
    found = tasks.restore_photograph(Photograph(pixels), "detect")
    assert not found.mask.any() and not found.is_found
    assert jaxgen.detect_damage(pixels).max() <= 0.5
    monkeypatch.setattr(inference, "estimate_noise", lambda network, pixels, alpha: 0.03)
    found, repaired = (tasks.restore_photograph(Photograph(pixels), task) for task in ("detect", "auto"))
    np.testing.assert_array_equal(found.mask, repaired.mask)
    assert found.mask.sum() == 100
    np.testing.assert_array_equal(jaxgen.detect_damage(pixels) > 0.5, found.mask[..., 0] > 0)
