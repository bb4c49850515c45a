"""The package installs whole: experiments, shipped weights and the command, from a wheel and as an editable install."""

import importlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from jaxgen.io import images
from jaxgen.runs.scripts import installed_experiments, load_script

ROOT = Path(__file__).parents[1]
SOURCES = ("jaxgen", "experiments", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The folder that a wheel of this source unpacks to."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        # A build leaves files behind, and takes up those of an earlier one.
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name, **({"ignore": ignored} if copy is shutil.copytree else {}))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", folder, source], check=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def run(wheel, folder, *commands):
    """Returns what `jaxgen WORDS`, for each of the commands, does in a folder with the package of the wheel."""
    code = f"""
import json, sys
from pathlib import Path
import jaxgen
from jaxgen.commands.main import main

assert Path(jaxgen.__file__).is_relative_to({str(wheel)!r})
for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as ended:
        if ended.code:
            raise
"""
    environment = os.environ | {"PYTHONPATH": str(wheel), "JAX_PLATFORMS": "cpu"}
    words = json.dumps([command.split() for command in commands])
    return subprocess.run(
        [sys.executable, "-c", code, words], check=False, cwd=folder, env=environment, capture_output=True, text=True
    )


def test_every_folder_with_modules_is_listed_as_a_package():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "jaxgen").rglob("*.py")}
    assert sorted(listed) == sorted([".".join(folder.parts) for folder in folders] + ["jaxgen.experiments"])


def test_a_wheel_holds_every_module_experiment_and_weight(wheel):
    found = {str(path.relative_to(wheel)) for path in wheel.rglob("*") if path.is_file()}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "jaxgen").rglob("*.py")}
    weights = {str(path.relative_to(ROOT)) for path in (ROOT / "jaxgen").rglob("*.safetensors")}
    experiments = {f"jaxgen/experiments/{path.name}" for path in (ROOT / "experiments").glob("*.py")}
    assert len(weights) > 10
    assert found >= modules | weights | experiments | {"jaxgen/py.typed"}
    assert not [name for name in found if name.startswith(("experiments/", "tests/", "scripts/"))]


def test_every_command_works_from_a_wheel_in_an_empty_folder(wheel, tmp_path):
    images.write(tmp_path / "photo.png", np.full((16, 16, 1), 0.5, np.float32))
    train = "gan_mlp --steps 2 --batch-size 8 --variant plain --no-tensorboard --checkpoint-every 2"
    done = run(
        wheel,
        tmp_path,
        f"train {train}",
        "sample runs/gan_mlp --count 4",
        "evaluate runs/gan_mlp --count 65",
        "info runs/gan_mlp --json",
        "export runs/gan_mlp --out generator.stablehlo",
        "restore photo.png --task denoise --sigma 5",
        f"sweep {train} --trials 2 --search hyper.learning-rate=log:1e-4:1e-3",
    )
    assert done.returncode == 0, done.stderr
    assert '"step": 2' in done.stdout
    for path in ("runs/gan_mlp/checkpoints", "generator.stablehlo", "sweeps"):
        assert (tmp_path / path).exists()


def test_an_unknown_experiment_names_the_installed_ones(wheel, tmp_path):
    done = run(wheel, tmp_path, "train wgan_pg")
    assert done.returncode == 2
    assert "did you mean wgan_gp" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_editable_install_has_the_experiments_of_the_repository():
    assert importlib.import_module("jaxgen.experiments").__file__ == str(ROOT / "experiments" / "__init__.py")
    assert set(installed_experiments()) == {path.stem for path in (ROOT / "experiments").glob("[!_]*.py")}


def test_a_local_experiment_wins_over_the_installed_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_script("vae").__name__ == "jaxgen.experiments.vae"
    (tmp_path / "experiments").mkdir()
    own = tmp_path / "experiments" / "vae.py"
    own.write_text("class Config: pass\ndef build(config): pass\n")
    assert Path(load_script("vae").__file__).resolve() == own
    assert load_script("wgan").__name__ == "jaxgen.experiments.wgan"
    shutil.move(own, tmp_path / "mine.py")
    assert load_script("mine.py").__name__ == "experiment mine"
