import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from jaxgen.models.gan.mlp import Discriminator as Telling


@pytest.fixture(scope="session")
def tiny():
    """The smallest adversarial game there is, see toy_gan.py."""
    spec = importlib.util.spec_from_file_location("toy_gan", Path(__file__).with_name("toy_gan.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
        changed = {name: jnp.float32(value) for name, value in hyper.items()}
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
