"""The commands in the docstrings of the experiments: their shapes are traced; with --full each trains for 30 steps."""

import contextlib
import dataclasses
import re
import shlex
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.config.base import check
from jaxgen.errors import UsageError
from jaxgen.fields import flat_values
from jaxgen.io import images
from jaxgen.runs import command_line
from jaxgen.runs.scripts import installed_experiments
from jaxgen.runs.train import train

STEPS = 30
SLOW_TO_TRACE = {"ruined": "holes", "torn": "holes", "worn": "holes"}
"""Damage composed of many kinds, each of which the tests of degradations trace."""
SMALL = {"width": 8, "hidden": 16, "blocks": 1, "middle": 1, "batch_size": 8, "evaluate_images": 8, "samples": 2}
"""Values that make a training short, where they are smaller."""
EACH_SMALL = {"widths": 8, "discriminator_widths": 8, "hidden": 16, "encoder": 1, "decoder": 1}
"""The same of each of several values."""


def commands(path):
    """Returns the options of each command in an experiment's docstring, by the name of the experiment it runs."""
    text = path.read_text().split('"""')[1]
    found = re.findall(r"^    python experiments/(\w+)\.py((?:\\\\\n|[^#\n])*)", text, re.MULTILINE)
    return [(name, shlex.split(re.sub(r"\\\\\n", " ", words))) for name, words in found]


def parsed(load_experiment, name, words):
    module = load_experiment(name)
    return module, command_line.parse(module.Config, words, "", name)


def traced():
    """Returns the commands whose shapes are not those of the experiment's defaults."""
    return [
        (name, words)
        for path in installed_experiments().values()
        for name, words in commands(path)
        if {word for word in words if word.startswith("--")}
        - {"--run", "--data.name", "--data.dir", "--init-from", "--steps"}
    ]


@pytest.mark.parametrize(("name", "words"), traced(), ids=lambda value: value if isinstance(value, str) else None)
def test_the_networks_of_a_docstring_take_its_images(load_experiment, name, words):
    module, config = parsed(load_experiment, name, words)
    damage = getattr(config, "damage", "")
    if damage in SLOW_TO_TRACE:
        config = dataclasses.replace(config, damage=SLOW_TO_TRACE[damage])
    side, channels = config.data.size or 64, config.data.channels or 3
    batch = {"image": jax.ShapeDtypeStruct((config.batch_size, side, side, channels), jnp.float32)}
    objective = module.build(config)
    jax.eval_shape(lambda batch: objective.init(jax.random.key(0), batch), batch)


def shrunk(config):
    """Returns a configuration whose networks, batches and images are small, of options that have an effect."""
    quiet = {"tensorboard": False, "evaluate_every": STEPS, "sample_every": STEPS, "checkpoint_every": STEPS}
    config = dataclasses.replace(config, steps=STEPS, **quiet)
    for name, value in flat_values(config):
        small = config
        if isinstance(value, tuple) and name in EACH_SMALL:
            small = dataclasses.replace(config, **{name: tuple(min(one, EACH_SMALL[name]) for one in value)})
        elif isinstance(value, int) and name in SMALL:
            small = dataclasses.replace(config, **{name: min(value, SMALL[name])})
        with contextlib.suppress(UsageError):
            check(small)
            config = small
    return config


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with the files and folders that the docstrings name."""
    rng = np.random.default_rng(0)
    for folder in ("DIR", "DAMAGED", "CLEAN", "NOISY"):
        for index in range(12):
            smooth = np.kron(rng.random((20, 20, 3)), np.ones((15, 15, 1)))
            images.write(tmp_path / folder / f"{index}.png", smooth)
    images.write(tmp_path / "PHOTO.png", np.kron(rng.random((5, 6, 3)), np.ones((15, 15, 1))))
    for name, shape in (("gray", (28, 28, 1)), ("color", (32, 32, 3))):
        labels = np.arange(200) // 20  # every tenth image is held out
        np.savez(tmp_path / f"{name}.npz", image=rng.integers(0, 256, (200, *shape)).astype(np.uint8), label=labels)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_stand_ins(config):
    """Returns a configuration that reads an archive where it names a data set that must be prepared."""
    archives = {"mnist": "gray.npz", "fashion_mnist": "gray.npz", "cifar10": "color.npz", "stacked_mnist": "gray.npz"}
    if (archive := archives.get(config.data.name)) is None:
        return config
    name = config.data.name if config.data.name == "stacked_mnist" else "npz"
    return dataclasses.replace(config, data=dataclasses.replace(config.data, name=name, dir=archive))


@pytest.mark.parametrize("name", installed_experiments())
def test_every_command_of_a_docstring_trains(load_experiment, place, name, pytestconfig):
    if not pytestconfig.getoption("full"):
        pytest.skip("trains with --full")
    path = installed_experiments()[name]
    assert commands(path)
    for number, (experiment, words) in enumerate(commands(path)):
        module, config = parsed(load_experiment, experiment, words)
        config = with_stand_ins(shrunk(config))
        if not config.run:
            config = dataclasses.replace(config, run=f"runs/{number}")
        state = train(config, module.build, say=lambda line: None)
        assert int(state.step) == STEPS or "deep_image_prior" in name, words
        assert all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves(state.params)), words
        assert Path(config.run, "metrics.jsonl").exists()
