import dataclasses
import importlib
from pathlib import Path

import pytest

from jaxgen.data import Config as DataConfig
from jaxgen.errors import UsageError
from jaxgen.runs.train import train

SCRIPTS = Path(__file__).parents[2] / "scripts"
DIGITS = DataConfig(name="digits", size=18, channels=1, classes=10, fraction=0.2)


@pytest.fixture
def usefulness(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("studies.usefulness")


@pytest.fixture(scope="module")
def trained(load_experiment, tmp_path_factory):
    def trained(conditional):
        module, run = load_experiment("gan_mlp"), tmp_path_factory.mktemp("runs") / "gan"
        config = module.Config(
            steps=1, batch_size=4, variant="plain", tensorboard=False, sample_every=0, evaluate_images=4,
            conditional=conditional, run=str(run), data=DIGITS,
        )  # fmt: skip
        train(config, module.build, say=lambda line: None)
        return run

    return trained


def test_as_many_images_are_generated_as_there_are_real_ones(usefulness):
    results = usefulness.sets(Path("run"), DIGITS, 7)
    assert results["real"] == DIGITS
    assert results["generated"] == dataclasses.replace(DIGITS, from_run="run", samples=7)
    assert results["both"] == dataclasses.replace(results["generated"], with_real=True)


def test_training_on_real_images_is_better_than_on_noise(usefulness, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(usefulness, "HELD_OUT", 100)
    messages = []
    results = usefulness.study(trained(True), 40, 0, tmp_path, messages.append)
    assert results["real"] > 0.4 > results["generated"]
    assert [line.split()[:2] for line in messages] == [["real", "288"], ["generated", "288"], ["both", "576"]]


def test_a_run_without_classes_is_refused(usefulness, trained, tmp_path):
    with pytest.raises(UsageError, match="draws no images of classes: give a run that was trained with --conditional"):
        usefulness.study(trained(False), 1, 0, tmp_path, lambda line: None)
