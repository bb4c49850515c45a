"""Dry runs, masks that are written, and the task that only detects."""

import numpy as np
import pytest
from PIL import Image

from jaxgen.commands.main import parse_command
from jaxgen.errors import UsageError
from jaxgen.restoration import inference


@pytest.fixture
def photograph(tmp_path, calls, networks, monkeypatch):
    """A file with a bright square, which the detector of the fixture takes for damage."""
    monkeypatch.setattr(inference, "estimate_noise", lambda *_: 0.0)
    networks["dehaze"] = (lambda inputs: inputs, 3, "none")
    pixels = np.full((40, 30, 3), (200, 150, 100), np.uint8)
    pixels[5:15, 5:15] = 255
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


def run(*words):
    command, _ = parse_command(["restore", *map(str, words)])
    command()


def test_a_dry_run_writes_the_mask_alone_which_a_restoration_then_replaces(photograph, capsys):
    run(photograph, "--dry-run")
    assert sorted(path.name for path in photograph.parent.iterdir()) == ["photo-auto-mask.png", "photo.png"]
    mask = np.asarray(Image.open(photograph.with_name("photo-auto-mask.png")))
    assert (mask[5:15, 5:15] == 255).all() and mask.sum() == 100 * 255
    assert "photo.png: 8.3% damaged, detected with confidence 1.00, mask in " in capsys.readouterr().out
    run(photograph, "--save-mask")
    assert (photograph.parent / "photo-auto.png").exists()


def test_a_mask_that_was_edited_is_used_and_not_replaced(photograph):
    run(photograph, "--dry-run")
    path = photograph.with_name("photo-auto-mask.png")
    Image.fromarray(np.asarray(Image.open(path))).save(path)  # As a program does that keeps no notes.
    with pytest.raises(UsageError, match=r"photo-auto-mask\.png is there and not known as a result"):
        run(photograph, "--save-mask")
    run(photograph, "--mask", path)
    assert (np.asarray(Image.open(photograph.with_name("photo-auto.png")))[7:13, 7:13] == 128).all()


def test_detect_writes_the_mask_as_png(photograph):
    jpeg = photograph.with_suffix(".jpg")
    Image.open(photograph).save(jpeg, quality=100)
    run(jpeg, "--task", "detect")
    mask = np.asarray(Image.open(photograph.with_name("photo.jpg-detect.png")))
    assert mask.shape == (40, 30) and set(np.unique(mask)) == {0, 255}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "denoise", "--save-mask"], "--save-mask: task denoise uses no mask"),
        (["--dry-run", "--compare"], "--compare: a dry run writes no result"),
        (["--task", "superres", "--force"], "force: it is for .*, scratches, .* and not for superres"),
        (["--network", "deblur", "--force"], "--dry-run and --force: they are for tasks"),
    ],
)
def test_options_without_effect_are_refused(photograph, words, message):
    with pytest.raises(UsageError, match=message):
        run(photograph, *words)
