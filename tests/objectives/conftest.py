import importlib.util
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxgen.degradations import noise
from jaxgen.models.gan.mlp import Discriminator as Telling
from jaxgen.objectives.restoration import Damage


@pytest.fixture(scope="session")
def tiny():
    """The smallest adversarial game there is, see toy_gan.py."""
    spec = importlib.util.spec_from_file_location("toy_gan", Path(__file__).with_name("toy_gan.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def train():
    """Returns a function that trains an objective on one batch: the state at the end, and the metrics of all steps."""

    def train(objective, batch, steps):
        @jax.jit
        def run(batch):
            state = objective.init(jax.random.key(0), batch)
            return jax.lax.scan(lambda state, _: objective.step(state, batch), state, length=steps)

        state, history = run(batch)
        return state, jax.device_get(history)

    return train


@pytest.fixture(scope="session")
def add_noise():
    """Returns the degradation that adds Gaussian noise of the hyperparameter `sigma`."""
    return lambda keys, images, hyper: Damage(noise.gaussian_noise(keys, images, hyper["sigma"]))


@pytest.fixture(scope="session")
def remedied(tiny):
    """All remedies at once under plain descent: the state, and the step as a function of changes to it."""
    objective = tiny.make(
        discriminator=Telling(),
        remedies=("feature_matching", "label_smoothing", "historical_averaging"),
        optimizer="sgd",
        hyper={"b1": 0.0, "learning_rate": tiny.RATE},
    )
    state, step = jax.jit(objective.init)(jax.random.key(0), tiny.BATCH), jax.jit(objective.step)

    def after(history=None, **hyper):
        changed = {name: np.float32(value) for name, value in hyper.items()}
        ema = state.ema | {"history": state.ema["history"] | (history or {})}
        return step(state.replace(hyper=state.hyper | changed, ema=ema), tiny.BATCH)

    return state, after


@pytest.fixture(scope="session")
def conditional(tiny):
    """Classes, packing and augmentation at once, standing still."""
    objective = tiny.make(
        discriminator=Telling(classes=tiny.CLASSES),
        loss="relativistic",
        classes=tiny.CLASSES,
        packing=2,
        augment=("color", "translation"),
        hyper={"learning_rate": 0.0},
    )
    return objective, jax.jit(objective.init)(jax.random.key(0), tiny.LABELLED), jax.jit(objective.step)
