"""A run folder opens by its own copy of the experiment script, and executes nothing that is not trusted."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.runs.disk import config_file
from jaxgen.runs.experiment_copy import Script, find_script, local_imports
from jaxgen.runs.reopen import OpenOptions, build, open_run
from jaxgen.runs.scripts import load_script
from jaxgen.runs.train import closing_lines, train

pytestmark = pytest.mark.usefixtures("no_samples")

QUIET = {"steps": 1, "batch_size": 2, "tensorboard": False, "sample_every": 0, "evaluate_images": 2, "variant": "plain"}
TRUST = OpenOptions(trust=True)


def silent(line):
    pass


@pytest.fixture(scope="module")
def original(experiments, tmp_path_factory):
    """The run of an installed experiment."""
    run = tmp_path_factory.mktemp("installed") / "run"
    module = load_script(str(experiments / "gan_mlp.py"))
    train(module.Config(**QUIET, run=str(run)), module.build, say=silent)
    return run


@pytest.fixture
def run(original, tmp_path):
    """A copy of that run, elsewhere."""
    return shutil.copytree(original, tmp_path / "moved" / "run")


@pytest.fixture
def own(original, run, tmp_path):
    """A run whose script is a user's own: it leaves a file wherever it is executed."""
    mark = tmp_path / "executed"
    with (run / "experiment.py").open("a") as file:
        file.write(f"\nopen({str(mark)!r}, 'w').close()\n")
    return run, mark


def test_training_copies_the_script_and_records_what_wrote_the_run(original, experiments):
    source = (experiments / "gan_mlp.py").read_bytes()
    assert (original / "experiment.py").read_bytes() == source
    content = json.loads((original / "config.json").read_text())
    assert content["experiment"] == {"name": "gan_mlp", "sha256": Script("", original, source).sha256}
    assert content | config_file.versions() == content
    assert str(experiments) not in json.dumps(content)
    assert "trust" not in content["config"]


@pytest.mark.parametrize(("addition", "expected"), [(b"", "run;"), (b"# Mine.", "run --trust;")])
def test_the_commands_to_go_on_with_trust_an_own_script(original, experiments, addition, expected):
    source = (experiments / "gan_mlp.py").read_bytes() + addition
    objective = build(original, say=silent).objective
    lines = closing_lines(Path("run"), [], objective, Script("gan_mlp", Path("gan_mlp.py"), source))
    assert f"jaxgen sample {expected}" in lines[-1]


def test_a_run_opens_from_anywhere_without_writing(original, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = lambda: {path: path.stat().st_mtime_ns for path in run.parent.rglob("*")}
    before = files()
    result = open_run(run).sample(2, 3)
    assert files() == before
    np.testing.assert_array_equal(result, open_run(original).sample(2, 3))
    assert open_run(run).metrics()[-1]["step"] == 1


def test_a_script_that_is_not_installed_is_executed_only_if_trusted(own, original):
    run, mark = own
    with pytest.raises(UsageError, match=r"experiment\.py \(sha256 [0-9a-f]{12}…\) is not a script .* give --trust"):
        build(run)
    assert not mark.exists()
    result = open_run(run, TRUST)
    assert mark.exists()
    np.testing.assert_array_equal(result.sample(2, 3), open_run(original).sample(2, 3))
    assert not (run / "__pycache__").exists()


def test_no_path_in_config_json_is_imported(own, tmp_path):
    run, mark = own
    script = shutil.move(run / "experiment.py", tmp_path / "gan_mlp.py")
    content = json.loads((run / "config.json").read_text())
    content["experiment"]["path"] = str(script)
    for name in ("gan_mlp", str(script.with_suffix("")), "../../executed"):
        content["experiment"]["name"] = name
        (run / "config.json").write_text(json.dumps(content))
        with pytest.raises(UsageError, match=r"experiment\.py is missing"):
            build(run, TRUST)
    assert not mark.exists()


def test_a_recorded_trust_has_no_effect(own):
    run, mark = own
    content = json.loads((run / "config.json").read_text())
    content["config"]["trust"] = True
    (run / "config.json").write_text(json.dumps(content))
    with pytest.raises(UsageError, match="--trust"):
        build(run)
    assert not mark.exists()
    with pytest.raises(UsageError, match="unknown configuration field 'trust'"):
        build(run, TRUST)


def test_two_scripts_of_one_name_do_not_share_a_module(own, original):
    run, _ = own
    one, other = build(run, TRUST).config, build(original).config
    assert type(one) is not type(other)
    assert type(one).__module__ != type(other).__module__


def test_a_script_that_needs_modules_beside_it_is_named(own, tmp_path):
    run, _ = own
    copy = run / "experiment.py"
    copy.write_text("import my_networks_beside\n" + copy.read_text())
    with pytest.raises(UsageError, match=r"No module named 'my_networks_beside'\): an experiment script may import"):
        build(run, TRUST)
    (tmp_path / "beside.py").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__init__.py").touch()
    source = b"import os, beside\nimport jaxgen.data\nfrom folder.inner import x\nfrom numpy import sin\n"
    assert local_imports(Script("a", tmp_path / "a.py", source)) == ["beside", "folder"]


def test_a_function_without_a_file_is_refused():
    names = {}
    exec("def build(config): pass", names)
    with pytest.raises(UsageError, match="is defined in no file"):
        find_script(names["build"])


def test_moved_data_are_named_when_the_run_is_opened(run, tmp_path):
    assert build(run, OpenOptions(data_dir=str(tmp_path))).config.data.dir == str(tmp_path)


def test_data_and_weights_of_another_run_are_trusted_by_an_option(own, original, experiments, tmp_path):
    run, mark = own
    module = load_script(str(experiments / "gan_mlp.py"))
    for fields in (
        {"init_from": str(run)},
        {"data": module.Config.data.__class__(**vars(module.Config.data) | {"from_run": str(run), "samples": 8})},
    ):
        config = module.Config(**QUIET, **fields, run=str(tmp_path / "new"))
        with pytest.raises(UsageError, match="give --trust"):
            train(config, module.build, say=silent)
        assert not mark.exists()
        train(module.Config(**vars(config) | {"trust": True}), module.build, say=silent)
        os.remove(mark)
        shutil.rmtree(tmp_path / "new")
