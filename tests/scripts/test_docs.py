"""The API reference, which scripts/docs writes; any warning of pdoc is an error there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import jaxgen
from jaxgen import degradations

SCRIPT = Path(__file__).parents[2] / "scripts" / "docs"


def test_the_reference_has_a_page_for_each_module_and_each_public_name(tmp_path, pytestconfig):
    if not pytestconfig.getoption("full"):
        pytest.skip("takes some ten seconds: scripts/test --full")
    done = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"{tmp_path / 'index.html'}\n")
    names = lambda page: set(re.findall(r'<section id="([^"]+)">', (tmp_path / page).read_text(encoding="utf-8")))
    assert names("jaxgen.html") == set(jaxgen.__all__)
    functions = {entry.function.__name__ for entry in degradations.DEGRADATIONS.values()}
    assert functions <= names("jaxgen/degradations.html")
    assert {"Run", "train"} <= names("jaxgen/runs/run.html")
    assert "make_gan" in names("jaxgen/objectives/adversarial/gan.html")
    generator = (tmp_path / "jaxgen/models/gan/dcgan.html").read_text(encoding="utf-8")
    assert "Generator.width" in generator
    assert "Generator.parent" not in generator
    links = re.findall(r'href="([^"#:]+\.html)', (tmp_path / "jaxgen.html").read_text(encoding="utf-8"))
    assert {"jaxgen/runs/run.html", "jaxgen/losses.html"} <= set(links)
    assert [link for link in links if not (tmp_path / link).is_file()] == []
