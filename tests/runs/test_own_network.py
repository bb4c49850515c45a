"""A network of the user's with no attribute but Flax's own: it trains, restores and is evaluated."""

import numpy as np
import pytest

import jaxgen
from jaxgen.commands import main
from jaxgen.io import images

SCRIPT = '''
"""Denoises by a network of my own."""

from dataclasses import dataclass

import jax
from flax import linen as nn

from jaxgen.config import RestorationConfig, restoration_options
from jaxgen.data import Config as DataConfig
from jaxgen.objectives.restoration import make_restoration
from jaxgen.runs.command_line import run_script


class Mine(nn.Module):
    @nn.compact
    def __call__(self, inputs, train):
        small = jax.nn.relu(nn.Conv(2, (3, 3), strides=2)(inputs))
        # Of sides that are no multiples of 2 the sum fails.
        return inputs + nn.ConvTranspose(inputs.shape[-1], (4, 4), strides=(2, 2))(small)


@dataclass(frozen=True)
class Config(RestorationConfig):
    data: DataConfig = DataConfig(name="digits", size=8, channels=1)


def build(config, axis_name=None):
    return make_restoration(Mine(), **restoration_options(config, axis_name))


if __name__ == "__main__":
    run_script(Config, build, __doc__)
'''


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "mine.py").write_text(SCRIPT)
    quiet = {"tensorboard": False, "sample_every": 0, "evaluate_images": 2, "batch_size": 2}
    return jaxgen.train(str(folder / "mine.py"), run=folder / "run", steps=2, **quiet)


@pytest.fixture
def pictures(tmp_path):
    images.write(tmp_path / "pictures" / "a.png", np.random.default_rng(0).random((13, 18, 1)).astype(np.float32))
    return tmp_path / "pictures"


def command(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main.main([str(word) for word in words])
    printed = capsys.readouterr()
    assert stop.value.code == 0, printed.err
    return printed.out


def test_it_restores_photographs_of_any_size(run, pictures, capsys):
    command(capsys, "restore", pictures / "a.png", "--network", run.path, "--trust")
    restored, original = (images.read(pictures / name) for name in ("a-restored.png", "a.png"))
    variables = {"params": run.variables["params"], **run.variables["stats"]}
    padded = np.pad(original, ((0, 1), (0, 0), (0, 0)), "reflect")[None]
    expected = np.clip(run.objective.restoring.module.apply(variables, padded, False), 0, 1)[0, :13]
    np.testing.assert_allclose(restored, expected, atol=0.6 / 255)
    np.testing.assert_allclose(run.restore(original), expected, atol=1e-5)


def test_it_is_evaluated(run, pictures, capsys):
    assert "σ 25" in command(capsys, "evaluate", run.path, "--images", pictures, "--sigma", 25, "--trust")
