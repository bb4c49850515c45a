"""Optimizers built inside the step from traced numbers: a population of settings is one program."""

from collections.abc import Callable, Mapping

import jax.numpy as jnp
import optax
from jax import Array

OPTIMIZERS: dict[str, Callable[[Mapping[str, Array]], optax.GradientTransformation]] = {
    "adam": lambda hyper: optax.adam(hyper["learning_rate"], b1=hyper["b1"], b2=hyper["b2"]),
    "adamw": lambda hyper: optax.adamw(
        hyper["learning_rate"], b1=hyper["b1"], b2=hyper["b2"], weight_decay=hyper["weight_decay"]
    ),
    "rmsprop": lambda hyper: optax.rmsprop(hyper["learning_rate"], decay=hyper["b2"]),
    "sgd": lambda hyper: optax.sgd(hyper["learning_rate"], momentum=hyper["b1"]),
}


def hyper_arrays(hyper: Mapping[str, float]) -> dict[str, Array]:
    """Returns every number of a recipe as float32[]."""
    return {name: jnp.float32(value) for name, value in hyper.items()}
