"""The recipes of jaxgen/ADDING.md work as written, applied to a copy of the package; so does training on own pairs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import jaxgen
from jaxgen.io import images

pytestmark = pytest.mark.usefixtures("no_samples")

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "jaxgen" / "ADDING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
CHECKS = "tests/adding_checks.py"
# They test every entry of a registry, and every experiment of the folder.
GENERIC = {
    "tests/degradations/test_degradations.py": "posterize",
    "tests/runs/test_scripts.py": "small",
    "tests/training/test_optimizers.py": "nadam",
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A repository of links, in which each block is written to its file."""
    folder = tmp_path_factory.mktemp("repository")
    for name in ("jaxgen", "experiments", "tests"):
        shutil.copytree(ROOT / name, folder / name, copy_function=os.symlink)
    (folder / "jaxgen" / "experiments").symlink_to(folder / "experiments")
    (folder / "pyproject.toml").symlink_to(ROOT / "pyproject.toml")
    for name, block in BLOCKS:
        path = folder / name
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        path.unlink(missing_ok=True)
        path.write_text(f"{before}\n\n{block}" if before else block, encoding="utf-8")
    return folder


def test_each_recipe_adds_what_its_tests_and_every_derived_list_find(copy):
    new = {name: re.findall(r"^def (test_\w+)", block, re.MULTILINE) for name, block in BLOCKS if "tests/" in name}
    cases = [f"{name}::{test}" for name, tests in new.items() for test in tests]
    words = ["-o", "addopts=--import-mode=importlib", "-v", "-p", "no:cacheprovider"]
    environment = os.environ | {"PYTHONPATH": str(copy), "JAXGEN_REPOSITORY": str(ROOT)}
    pytest_ = lambda *arguments: subprocess.run(
        [sys.executable, "-m", "pytest", *words, *arguments],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    selected = " or ".join([*GENERIC.values(), *(test for tests in new.values() for test in tests), "adding_checks"])
    done = pytest_(*sorted({*new, *GENERIC, CHECKS}), "-k", selected)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    passed = {line.split()[0] for line in done.stdout.splitlines() if " PASSED" in line}
    assert not [case for case in cases if case not in passed]
    for name, entry in GENERIC.items():
        assert [case for case in passed if case.startswith(name) and f"[{entry}" in case], name
    assert len(cases) > 4
    assert [case for case in passed if case.startswith(CHECKS)]


def test_the_table_names_the_file_of_each_registry():
    lines = [line for line in PAGE.splitlines() if re.match(r"\|.*\]\(\S+\.py\)", line)]
    assert len(lines) > 12
    for line in lines:
        *_, file = re.findall(r"\]\((\S+\.py)\)", line)
        *_, registry = re.findall(r"`([A-Z]{3,})`", line)
        text = (ROOT / "jaxgen" / file).read_text(encoding="utf-8")
        assert re.search(rf"^{registry}\b.* = ", text, re.MULTILINE), line


def test_a_shipped_network_is_trained_on_pairs_as_the_readme_says(tmp_path, monkeypatch, capsys):
    text = (ROOT / "jaxgen" / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(import jaxgen\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    image = np.random.default_rng(0).random((16, 16, 3), np.float32)
    for folder, content in (("DAMAGED", image / 2), ("CLEAN", image)):
        (tmp_path / folder).mkdir()
        for name in ("a.png", "b.png"):
            images.write(tmp_path / folder / name, content)
    images.write(tmp_path / "photo.jpg", image)
    train = jaxgen.train

    def train_little(name, data, **options):
        little = {"steps": 1, "batch_size": 1, "evaluate_images": 1, "sample_every": 0, "tensorboard": False}
        return train(name, data=data | {"size": 16}, **options | little)

    monkeypatch.setattr(jaxgen, "train", train_little)
    names = {}
    exec(block, names)
    assert "init_from dejpeg: 26 of 26 arrays copied" in capsys.readouterr().err
    last = names["run"].metrics(frame=False)[-1]
    assert np.isfinite([last["evaluation/psnr"], last["evaluation/psnr_input"]]).all()
    assert names["clean"].size == (16, 16)
