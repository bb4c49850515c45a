"""Runs written by jaxgen at commit 7b07c6c, before run folders had a format: they open, and are not resumed.

old_runs.tar.xz holds a GAN (wgan_gp), a VAE (vae) and a denoiser (denoise) of 8 steps; old_runs.json what that commit
sampled from the first two with seed 5, and how the third restored a ramp from black to white. configs.json in the
archive holds the default configuration of every experiment of then.
"""

import json
import tarfile
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.fields import flat_values
from jaxgen.runs import scoring, summary
from jaxgen.runs.disk import config_file
from jaxgen.runs.disk.config_file import FORMAT, FORMER_DEFAULTS, RENAMED_FIELDS
from jaxgen.runs.init_from import load_variables
from jaxgen.runs.open_restorer import open_restorer
from jaxgen.runs.reopen import build, open_run
from jaxgen.runs.scripts import installed_experiments, load_script
from jaxgen.runs.train import train

FOLDER = Path(__file__).parent
EXPECTED = json.loads((FOLDER / "old_runs.json").read_text())
CHANGELOG = FOLDER.parents[1] / "jaxgen" / "CHANGELOG.md"


def silent(line):
    pass


@pytest.fixture
def runs(tmp_path):
    """The folder of the runs."""
    with tarfile.open(FOLDER / "old_runs.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


@pytest.mark.parametrize("name", ["gan", "vae"])
def test_it_samples_as_it_did(runs, name):
    lines = []
    result = open_run(runs / name, say=lines.append).sample(2, 5)
    np.testing.assert_allclose(result, EXPECTED[name], atol=1e-5)
    assert [line for line in lines if "was written before run folders held their script" in line] == lines != []


def test_it_restores_as_it_did(runs):
    opened = open_run(runs / "denoise", say=silent)
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(1, 8, 8, 1)
    result = jax.jit(opened.objective.restoring.restore)(opened.variables, ramp, None)
    np.testing.assert_allclose(result, EXPECTED["denoise"], atol=1e-5)
    assert open_restorer(str(runs / "denoise")).spec.channels == 1


def test_it_is_evaluated(runs):
    result = scoring.evaluate_run(runs / "gan", extractor="digits", count=70, say=silent)
    assert result["step"] == 8
    result = scoring.evaluate_likelihood(runs / "vae", 2, count=4, say=silent)
    assert np.isfinite(result["scores"]["nll"])


def test_it_is_described_under_todays_names(runs):
    result = summary.describe(runs / "gan")
    assert result["step"] == 8 and result["config"]["keep_checkpoints"] == 1
    assert not set(RENAMED_FIELDS[0]) & set(result["config"])
    assert result["config"]["init_players"] == ["all"]


def test_a_field_that_did_not_exist_has_the_value_that_it_was_trained_with(runs, monkeypatch):
    path = runs / "denoise" / "config.json"
    content = json.loads(path.read_text())
    del content["config"]["hyper"]["opaque"]
    path.write_text(json.dumps(content))
    assert open_restorer(str(runs / "denoise")) is not None
    monkeypatch.setitem(FORMER_DEFAULTS, 0, {"hyper.sigma": 7.0})
    del content["config"]["hyper"]["sigma"]
    path.write_text(json.dumps(content))
    assert build(runs / "denoise", say=silent).config.hyper.sigma == 7.0


def test_the_configuration_of_every_experiment_of_then_is_read(runs, tmp_path):
    for name, config in json.loads((runs / "configs.json").read_text()).items():
        content = config_file.upgrade({"experiment": {"name": name}, "config": config}, tmp_path)
        module = load_script(content["experiment"]["name"])
        config_file.from_dict(module.Config, content["config"], 0)


def test_former_defaults_are_of_fields_of_today():
    configs = [load_script(name).Config() for name in installed_experiments()]
    fields = {name for config in configs for name, _ in flat_values(config)}
    assert {name for defaults in FORMER_DEFAULTS.values() for name in defaults} <= fields
    assert {name for names in RENAMED_FIELDS.values() for name in names.values()} <= fields


def test_a_field_that_does_not_exist_is_refused(runs):
    path = runs / "gan" / "config.json"
    content = json.loads(path.read_text())
    content["config"]["hyper"]["penalty_wait"] = 1.0
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError, match=r"'hyper\.penalty_wait'.*did you mean hyper\.penalty_weight"):
        build(runs / "gan", say=silent)


def test_a_later_format_is_refused(runs):
    path = runs / "gan" / "config.json"
    content = json.loads(path.read_text()) | {"format": FORMAT + 1, "jaxgen": "9.9"}
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError, match=rf"format {FORMAT + 1}, written by jaxgen 9\.9.*install the newer one"):
        build(runs / "gan", say=silent)


def test_it_is_not_resumed_as_the_data_have_another_order(runs, load_experiment, monkeypatch):
    opened = build(runs / "gan", say=silent)
    module = load_experiment("wgan_gp")
    values = vars(opened.config) | {"steps": 16, "run": str(runs / "gan")}
    before = (runs / "gan" / "config.json").read_bytes()
    with pytest.raises(UsageError, match=r"another order \(version 1 .* or start a new run from it by --init-from"):
        train(module.Config(**values), module.build, say=silent)
    assert (runs / "gan" / "config.json").read_bytes() == before


def test_its_weights_initialize_another_run(runs):
    assert set(load_variables(str(runs / "gan"), "generator", trust=False)) == {"generator", "discriminator"}


def test_the_changelog_lists_the_renamed_options():
    section = CHANGELOG.read_text().split("### Options of experiments\n")[1].split("\n###")[0]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in section.splitlines() if "`" in line]
    assert sorted(rows) == sorted([was, new] for names in RENAMED_FIELDS.values() for was, new in names.items())
