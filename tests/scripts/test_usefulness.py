import dataclasses
import importlib
from pathlib import Path

import pytest

from jaxgen.data import Config as DataConfig
from jaxgen.errors import UsageError
from jaxgen.runs.experiment_copy import find_script
from jaxgen.runs.train import describe_run, open_folder, prepare, train

pytestmark = pytest.mark.usefixtures("no_samples")

SCRIPTS = Path(__file__).parents[2] / "scripts"
DIGITS = DataConfig(name="digits", size=18, channels=1, classes=10, fraction=0.2)


@pytest.fixture
def usefulness(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("studies.usefulness")


@pytest.fixture
def configure(load_experiment, tmp_path):
    """Returns a function from fields to the configuration of a GAN and what builds it."""
    module = load_experiment("gan_mlp")
    fields = {"steps": 1, "batch_size": 4, "variant": "plain", "tensorboard": False, "evaluate_images": 4}
    return lambda **more: (module.Config(run=str(tmp_path / "gan"), data=DIGITS, **fields | more), module.build)


def test_as_many_images_are_generated_as_there_are_real_ones(usefulness):
    results = usefulness.sets(Path("run"), DIGITS, 7)
    assert results["real"] == DIGITS
    assert results["generated"] == dataclasses.replace(DIGITS, from_run="run", samples=7)
    assert results["both"] == dataclasses.replace(results["generated"], with_real=True)


def test_training_on_real_images_is_better_than_on_noise(usefulness, configure, tmp_path, monkeypatch):
    config, build = configure(conditional=True)
    train(config, build, say=lambda line: None)
    monkeypatch.setattr(usefulness, "HELD_OUT", 100)
    messages = []
    results = usefulness.study(Path(config.run), 40, 0, tmp_path, messages.append)
    assert results["real"] > 0.4 > results["generated"]
    assert [line.split()[:2] for line in messages] == [["real", "288"], ["generated", "288"], ["both", "576"]]


def test_a_run_without_classes_is_refused(usefulness, configure, tmp_path):
    config, build = configure()
    script, prepared = find_script(build), prepare(config, build)
    content, silent = describe_run(script, prepared.dataset, prepared.config), lambda line: None
    # A run whose training is about to begin.
    with open_folder(prepared.config, Path(config.run), content, script, prepared.dataset, silent):
        pass
    with pytest.raises(UsageError, match="draws no images of classes: give a run that was trained with --conditional"):
        usefulness.study(Path(config.run), 1, 0, tmp_path, silent)
