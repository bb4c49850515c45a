import importlib
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgen.errors import UsageError
from jaxgen.restoration import tasks
from jaxgen.restoration.inference import Result

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def before_after(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("shipping.before_after")


def test_installed_networks_are_shown_and_missing_ones_printed(before_after, monkeypatch, tmp_path):
    masks = []

    def half(photograph, settings, progress):
        masks.append(settings.mask)
        return Result(photograph.pixels / 2, "")

    def missing(photograph, settings, progress):
        raise UsageError("no such network")

    for task, act in (("denoise", half), ("inpaint", half), ("dehaze", missing)):
        monkeypatch.setitem(tasks.TASKS, task, tasks.TASKS[task]._replace(restore=act))
    chosen = [shown for shown in before_after.SHOWN if shown.task in {"denoise", "inpaint", "dehaze"}]
    monkeypatch.setattr(before_after, "SHOWN", chosen)
    monkeypatch.setattr(before_after, "STRIP", (("denoise", "noise"), ("inpaint", "holes")))
    messages = []
    folder = tmp_path / "new" / "restored"
    before_after.write(folder, say=messages.append)
    assert messages == ["left out: dehaze of haze: no such network"]
    assert masks[0] is None
    assert 0 < masks[1].mean() < 1
    page = (folder / "README.md").read_text()
    for name in ("denoise-noise.jpg", "inpaint-holes.jpg"):
        assert f"]({name})" in page
        assert np.asarray(Image.open(folder / name)).shape == (256 + 8, 3 * 260 + 4, 3)
    pictures = {"denoise-noise.jpg", "inpaint-holes.jpg", "strip.jpg"}
    assert {path.name for path in folder.iterdir()} == {"README.md", *pictures}
    strip = np.asarray(Image.open(folder / "strip.jpg"))
    assert strip.shape == (2 * 260 + 4, 2 * 260 + 4, 3)
    assert strip[264:].mean() < 0.6 * strip[:260].mean()
    # Halving a photograph of mean square m costs 10 log10(4 / m) dB: the page states the PSNR of the shown image.
    decibels = [float(dB) for dB in re.findall(r"after `[^`]+`: ([\d.]+) dB", page, re.IGNORECASE)]
    assert len(decibels) == 2
    assert all(5 < dB < 15 for dB in decibels)
    assert "--task inpaint --mask MASK" in page
