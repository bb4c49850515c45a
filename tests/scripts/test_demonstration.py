"""The page of scripts/demo. The commands that it runs are parsed, and stand-ins write what they would write."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxgen.commands.main import parse_command
from jaxgen.io import images
from jaxgen.runs import command_line
from scripts import demonstration


@pytest.fixture
def page(tmp_path, monkeypatch, load_experiment):
    """The page, from commands that are parsed and then leave the files that the page shows."""

    def run_command(*words):
        command, rest = parse_command(words[1:])
        if words[1] == "restore":
            (photo,) = command.photos
            assert command.mask is None or command.mask.exists()
            shutil.copy(photo, photo.with_name(f"{photo.stem}-{command.task or 'restored'}.png"))
            return
        config = command_line.parse(load_experiment(words[2]).Config, rest, "", "script.py")
        run = Path(config.run)
        for step in range(config.sample_every, config.steps + 1, config.sample_every):
            for kind in ("samples", "reconstructions", "interpolations"):
                images.write(run / "samples" / f"{kind}-{step:08d}.png", np.zeros((8, 8), np.float32))
        lines = [{"step": step, "loss": 0.5, "evaluation/psnr": 20.0, "hidden": 1.0} for step in (1, 2)]
        (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    def spoil(clean):
        return clean * 0.9, (clean[..., :1] > 0.5).astype(np.float32)

    # Noise alone is real: to compile all damages takes long.
    for name, shown in demonstration.RESTORATIONS.items():
        damage = shown.damage if name == "noisy" else spoil
        monkeypatch.setitem(demonstration.RESTORATIONS, name, shown._replace(damage=damage))
    monkeypatch.setattr(demonstration, "OWN", demonstration.OWN._replace(damage=spoil))
    monkeypatch.setattr(demonstration, "run_command", run_command)
    monkeypatch.setattr(sys, "argv", ["demonstration", str(tmp_path / "demo")])
    demonstration.main()
    return (tmp_path / "demo" / "index.html").read_text(encoding="utf-8")


def test_the_page_compares_each_photograph_and_names_each_command(page):
    assert page.count('class="compare"') == len(demonstration.RESTORATIONS) + 1
    for shown in demonstration.TRAININGS:
        assert f"jaxgen train {shown.experiment} <span>--run" in page
    assert f"source {sys.prefix}/bin/activate" in page
    # The stand-in restored nothing, so that before and after score the same.
    scores = [sentence.split(" ") for sentence in page.split("PSNR ")[1:]]
    assert len(scores) == len(demonstration.RESTORATIONS) + 1
    assert all(before == after for before, _, _, after, *_ in scores)


@pytest.mark.parametrize(("argument", "status", "message"), [("--help", 0, "RUNS=DIR"), ("x", 2, "no arguments")])
def test_help_is_printed_before_anything_is_installed(argument, status, message):
    script = Path(demonstration.__file__).with_name("demo")
    done = subprocess.run([script, argument], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == status
    assert message in done.stdout + done.stderr
    assert "installing" not in done.stdout


@pytest.mark.parametrize("line", [line for shown in demonstration.TRAININGS for line in shown.next])
def test_next_commands_are_understood(line):
    parse_command(shlex.split(line.format(run="runs/demo/x"))[1:])


def test_an_enlarged_picture_has_the_size_of_the_result():
    from io import BytesIO

    from PIL import Image

    small = np.zeros((3, 5, 3), np.float32)
    assert Image.open(BytesIO(demonstration.jpeg(small, (12, 20)))).size == (20, 12)
