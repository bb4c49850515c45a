import dataclasses

import numpy as np
import pytest

from jaxgen import data
from jaxgen.config import Config, RestorationConfig
from jaxgen.errors import UsageError
from jaxgen.runs.data import derived
from jaxgen.runs.reopen import OpenOptions, open_run
from jaxgen.runs.train import train
from jaxgen.training.state import Restoring
from tests.bare_objective import bare

pytestmark = pytest.mark.usefixtures("no_samples")

QUIET = {"steps": 1, "batch_size": 4, "tensorboard": False, "sample_every": 0, "evaluate_images": 4}
DIGITS = data.Config(name="digits", size=8, channels=1)


@pytest.fixture(scope="module")
def make(load_experiment, tmp_path_factory):
    def make(name, config=DIGITS, **fields):
        module, path = load_experiment(name), tmp_path_factory.mktemp("runs") / name
        train(module.Config(**QUIET, run=str(path), data=config, **fields), module.build, say=lambda line: None)
        return path

    return make


@pytest.fixture(scope="module")
def generator(make):
    return make("gan_mlp", dataclasses.replace(DIGITS, classes=10), variant="plain", conditional=True)


def test_a_generators_samples_become_the_data_with_their_labels(generator, make):
    config = dataclasses.replace(DIGITS, from_run=str(generator), samples=13)
    result = derived.derive(data.load(config))
    drawn = open_run(generator).sample(derived.BATCH, derived.SEED)
    np.testing.assert_array_equal(result.arrays["image"], np.rint(np.asarray(drawn[:13]) * 255).astype(np.uint8))
    np.testing.assert_array_equal(result.arrays["label"], np.arange(13) % 10)
    # And a restorer is trained on them by one command.
    make("denoise", config, depth=3, width=2)


def test_generated_images_may_stand_beside_the_real_ones(generator):
    stored = data.load(DIGITS)
    config = dataclasses.replace(DIGITS, from_run=str(generator), samples=13, with_real=True, fraction=0.1)
    part = data.load(config)
    result = derived.derive(part)
    assert len(result) == len(part) + 13 < len(stored)
    np.testing.assert_array_equal(result.arrays["image"][:-13], part.arrays["image"])
    np.testing.assert_array_equal(result.arrays["label"][:-13], part.arrays["label"])
    alone = derived.derive(data.load(dataclasses.replace(config, with_real=False)))
    np.testing.assert_array_equal(result.arrays["image"][-13:], alone.arrays["image"])
    np.testing.assert_array_equal(result.arrays["label"][-13:], alone.arrays["label"])


def test_a_restorers_run_leaves_no_real_images_beside_its_own(make):
    run = make("denoise", depth=3, width=2)
    with pytest.raises(UsageError, match="with_real is of a generator's run"):
        derived.derive(data.load(dataclasses.replace(DIGITS, from_run=str(run), with_real=True)))


def test_a_restorer_is_what_the_data_pass_through(make):
    run = make("denoise", depth=3, width=2)
    stored = data.load(DIGITS)
    result = derived.derive(data.load(dataclasses.replace(DIGITS, from_run=str(run))))
    opened = open_run(run)
    images = stored.arrays["image"][-5:].astype(np.float32) / 255
    expected = np.clip(opened.objective.restoring.restore(opened.variables, images), 0, 1)
    np.testing.assert_allclose(result.arrays["image"][-5:], expected * 255, atol=0.6)
    np.testing.assert_array_equal(result.arrays["label"], stored.arrays["label"])


def test_without_a_run_the_data_stay():
    stored = data.load(DIGITS)
    assert derived.derive(stored) is stored


def test_the_run_opens_with_the_data_set_moved(monkeypatch):
    seen = []

    def open_run(path, options):
        seen.append(options)
        return derived.Opened(path, Config(), bare(), {}, 1)

    monkeypatch.setattr(derived, "open_run", open_run)
    for name, moved in (("folder", "moved"), ("digits", "")):
        monkeypatch.setattr(derived, "read_config", lambda run, name=name: {"config": {"data": {"name": name}}})
        stored = data.load(DIGITS)
        config = dataclasses.replace(DIGITS, name="folder", dir="moved", from_run="run")
        with pytest.raises(UsageError, match="neither generates nor restores"):
            derived.derive(dataclasses.replace(stored, config=config), trust=True)
        assert seen.pop() == OpenOptions(trust=True, data_dir=moved)


def enlarge(variables, images, condition=None):
    return images.repeat(2, 1).repeat(2, 2)


def test_what_cannot_make_data_is_reported(generator, monkeypatch):
    def derive(objective, config, **fields):
        monkeypatch.setattr(derived, "open_run", lambda path, options: derived.Opened(path, config, objective, {}, 1))
        monkeypatch.setattr(derived, "read_config", lambda run: {"config": {}})
        return derived.derive(data.load(dataclasses.replace(DIGITS, from_run="run", **fields)))

    larger = bare(restoring=Restoring(enlarge, None, None))
    with pytest.raises(UsageError, match="neither generates nor restores"):
        derive(bare(), Config())
    with pytest.raises(UsageError, match="it enlarges images"):
        derive(larger, RestorationConfig())
    with pytest.raises(UsageError, match="samples 7: from_run run restores all images of the data set"):
        derive(larger, RestorationConfig(), samples=7)
    with pytest.raises(UsageError, match="from_run run: its network needs a mask of the damage"):
        derive(larger, RestorationConfig(damage="holes", conditioning=True, data=DIGITS))
    monkeypatch.undo()
    other = dataclasses.replace(DIGITS, size=16, from_run=str(generator))
    with pytest.raises(UsageError, match=r"generates images of \(8, 8, 1\) and the data have \(16, 16, 1\)"):
        derived.derive(data.load(other))
    with pytest.raises(UsageError, match="samples is 0: give at least 1"):
        data.load(dataclasses.replace(DIGITS, samples=0))
