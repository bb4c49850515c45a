import dataclasses

import jax
import numpy as np
import pytest

from jaxgen import restorers, weights
from jaxgen.errors import UsageError
from jaxgen.experiment.reopen import open_run
from jaxgen.experiment.run import train
from jaxgen.models.srresnet import SRResNet

QUIET = {"steps": 1, "batch_size": 2, "tensorboard": False, "picture_every": 0, "evaluate_images": 2}
SMALL = {"width": 2, "blocks": 1, "scale": 2}


@pytest.fixture(scope="module")
def config(load_experiment):
    def config(name, run, **fields):
        module = load_experiment(name)
        config = module.Config(**QUIET, **SMALL, run=str(run), **fields)
        small = dataclasses.replace(config.data, name="digits", size=8, channels=1, fit="resize")
        return dataclasses.replace(config, data=small), module.build

    return config


@pytest.fixture(scope="module")
def pretrained(config, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "pretrained"
    train(*config("srresnet", path), say=lambda line: None)
    return path


def test_the_player_that_makes_pictures_starts_from_another_runs_averages(config, pretrained, tmp_path):
    fields = {"judge_widths": (2,), "judge_hidden": 2, "start": str(pretrained)}
    settings, build = config("srgan", tmp_path / "run", **fields)
    still = dataclasses.replace(settings, hyper=dataclasses.replace(settings.hyper, learning_rate=0.0))
    state = train(still, build, say=lambda line: None)
    expected = open_run(pretrained).variables
    jax.tree.map(np.testing.assert_array_equal, state.params["generator"], expected["params"])
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5)
    jax.tree.map(close, state.ema["generator"]["params"], expected["params"])


def test_a_file_of_weights_is_a_start_too(config, pretrained, tmp_path):
    variables = open_run(pretrained).variables
    told = {"damage": "noise", "command": "c", "trained": "t", "data": "d", "terms": "t", "scores": {}}
    about = restorers.about(SRResNet(2, 1, 2), "pictures", None, **told)
    path = tmp_path / "start.safetensors"
    weights.write(path, {"params": variables["params"], **variables["stats"]}, about)
    settings, build = config("srresnet", tmp_path / "run", start=str(path))
    still = dataclasses.replace(settings, hyper=dataclasses.replace(settings.hyper, learning_rate=0.0))
    state = train(still, build, say=lambda line: None)
    jax.tree.map(np.testing.assert_array_equal, state.params["model"], variables["params"])


def test_another_network_is_told(config, pretrained, tmp_path):
    settings, build = config("srresnet", tmp_path / "run", start=str(pretrained))
    with pytest.raises(UsageError, match=r"has another network: params/.* is absent there"):
        train(dataclasses.replace(settings, blocks=2), build, say=lambda line: None)
    with pytest.raises(UsageError, match=r"it has no config\.json"):
        train(dataclasses.replace(settings, start=str(tmp_path)), build, say=lambda line: None)
