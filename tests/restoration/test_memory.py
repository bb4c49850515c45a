"""Memory of the tasks: that of a few photographs, so that 24 megapixels fit into 1.5 GB beside JAX and one tile."""

import tracemalloc

import numpy as np
import pytest

from jaxgen.io.photographs import Photograph
from jaxgen.restoration import inference, tasks
from jaxgen.restoration.inference import Settings
from jaxgen.restoration.restorer import no_progress

SIZE = (1200, 1600)
MAX_COPIES = 2.0
"""Largest memory beyond that of the photograph in float32, which the result overwrites, in photographs."""


@pytest.fixture
def photograph(networks):
    networks["dejpeg"] = (lambda inputs: inputs, 3, "none")  # What it halved would not look damaged.
    pixels = np.full((*SIZE, 3), (0.8, 0.7, 0.6), np.float32)
    pixels[:, ::2] = (0.4, 0.5, 0.6)  # In several colors: not toned.
    pixels[::3] = (0.2, 0.6, 0.3)
    pixels[300:340, 200:900] = 1  # Damage.
    return Photograph(pixels)


def copies(run, pixels):
    """Returns the most memory that NumPy holds at a time while a function runs, in copies of a photograph."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1] / pixels.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("task", [name for name, task in tasks.TASKS.items() if task.scale == 1])
def test_no_task_holds_more_than_a_few_copies(calls, photograph, monkeypatch, task):
    monkeypatch.setattr(tasks, "is_compressed", lambda pixels: True)
    monkeypatch.setattr(tasks, "blur_sigma", lambda pixels: 2.0)
    monkeypatch.setattr(tasks.haze, "confidence", lambda pixels: 1.0)
    # Not of this test: the estimator's network is a program of JAX's.
    monkeypatch.setattr(inference, "estimate_noise", lambda network, pixels, alpha: 0.03)
    mask = np.zeros((*SIZE, 1), np.float32)
    mask[300:340, 200:900] = 1
    settings = Settings(mask=mask if tasks.TASKS[task].needs_mask else None, tile_size=128, in_place=True)
    restore = tasks.choose(task, settings)
    result = []
    used = copies(lambda: result.append(restore(photograph, settings, no_progress)), photograph.pixels)
    assert result[0].is_found
    assert 0 < used < MAX_COPIES


@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("task", ["denoise", "dehaze", "derust", "inpaint", "superres", "auto"])
@pytest.mark.parametrize("kind", ["color", "gray", "toned"])
def test_what_overwrites_the_photograph_is_what_is_new(calls, networks, monkeypatch, task, strength, kind):
    networks["superres"] = (lambda inputs: inputs.repeat(4, 1).repeat(4, 2), 3, "none", {"scale": 4})
    monkeypatch.setattr(tasks.haze, "confidence", lambda pixels: 1.0)
    rng = np.random.default_rng(0)
    pixels = rng.random((128, 144, 3), np.float32) * np.float32(0.6)
    if kind != "color":
        pixels = pixels[..., :1] * np.array((1, 1, 1) if kind == "gray" else (1, 0.95, 0.9), np.float32)
    pixels[20:40, 30:60] = 1
    mask = np.zeros((128, 144, 1), np.float32)
    mask[20:40, 30:60] = 1
    settings = Settings(mask=mask if tasks.TASKS[task].needs_mask else None, strength=strength)
    new = tasks.choose(task, settings)(Photograph(pixels.copy()), settings, no_progress).pixels
    settings = settings._replace(in_place=True)
    assert np.array_equal(tasks.choose(task, settings)(Photograph(pixels), settings, no_progress).pixels, new)
