"""The table of the estimate and the removal of noise of every kind."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgen.restoration.inference import Result

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def noise(monkeypatch):
    """The module scripts/studies/noise.py, with a denoiser that subtracts the level from gray."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    module = importlib.import_module("studies.noise")
    monkeypatch.setattr(module, "SIDE", 32)
    return module


def test_each_kind_is_measured_without_and_with_the_best_level(noise, tmp_path, monkeypatch):
    Image.fromarray(np.full((40, 48, 3), 128, np.uint8)).save(tmp_path / "a.png")
    monkeypatch.setattr(noise, "KINDS", [noise.Kind("white", 10.0), noise.Kind("none", 0.0)])
    monkeypatch.setattr(noise.inference, "noise_sigma", lambda photograph: 12.0)

    def restore(photograph, task, settings):
        assert task == "denoise"
        # Right at σ 14, and without one.
        error = 0 if settings.sigma is None else abs(settings.sigma - 14) / 255
        return Result(np.full_like(photograph.pixels, 128 / 255 + error + 1e-3), "")

    monkeypatch.setattr(noise.tasks, "restore_photograph", restore)
    lines = []
    results = noise.run(str(tmp_path), 1, 0, tmp_path / "out.json", lines.append)
    (white,), (none,) = results.values()
    assert white["estimate"] == 12
    assert white["denoise"] == white["best"] == pytest.approx(60, abs=0.1)
    assert white["input"] == pytest.approx(20 * np.log10(255 / 10), abs=0.3)
    assert none["input"] == np.inf and "best" not in none
    assert lines[1].startswith("| white | 10 | 12.0 (12.0 to 12.0) | 28.") and lines[1].endswith("| 60.00 | 60.00 |")
    assert json.loads((tmp_path / "out.json").read_text()).keys() == results.keys()


def test_a_square_is_the_middle_of_a_photograph_and_keeps_its_exposure(noise, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 48, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (square,) = noise.squares(str(tmp_path), 3)
    np.testing.assert_allclose(square, pixels[4:36, 8:40] / np.float32(255), atol=1e-6)
    kind = next(kind for kind in noise.KINDS if kind.about == "white, picture × 0.2")
    clean, damaged = noise.noisy(kind, square, 0)
    np.testing.assert_allclose(clean, 0.2 * square, atol=1e-6)
    np.testing.assert_allclose(255 * damaged, np.rint(255 * damaged), atol=1e-3)
