"""Optimizers as functions of hyperparameters, built inside the step from traced numbers: a sweep never recompiles."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import optax
from jax import Array

from jaxgen.errors import UsageError, unknown

MakeOptimizer = Callable[[Mapping[str, Array]], optax.GradientTransformation]
"""(hyperparameters) -> an optax optimizer. Its state must not depend on the values of the hyperparameters."""


@dataclass(frozen=True)
class Optimizer:
    """An optimizer with the names of the hyperparameters that it reads.

    Attributes:
      make: (hyperparameters) -> an optax optimizer.
      hyper: names of the hyperparameters that `make` reads.
    """

    make: MakeOptimizer
    hyper: tuple[str, ...]

    def __call__(self, hyper: Mapping[str, Array]) -> optax.GradientTransformation:
        """Returns the optax optimizer with these hyperparameters."""
        return self.make(hyper)


adam = Optimizer(
    lambda hyper: optax.adam(hyper["learning_rate"], b1=hyper["b1"], b2=hyper["b2"]), ("learning_rate", "b1", "b2")
)
"""Reference: Kingma and Ba 2015."""

adamw = Optimizer(
    lambda hyper: optax.adamw(
        hyper["learning_rate"], b1=hyper["b1"], b2=hyper["b2"], weight_decay=hyper["weight_decay"]
    ),
    ("learning_rate", "b1", "b2", "weight_decay"),
)
"""Adam with decoupled weight decay. Reference: Loshchilov and Hutter 2019."""

sgd = Optimizer(lambda hyper: optax.sgd(hyper["learning_rate"], momentum=hyper["b1"]), ("learning_rate", "b1"))
"""Stochastic gradient descent with momentum b1."""

rmsprop = Optimizer(lambda hyper: optax.rmsprop(hyper["learning_rate"], decay=hyper["b2"]), ("learning_rate", "b2"))
"""Reference: Tieleman and Hinton 2012."""

lion = Optimizer(
    lambda hyper: optax.lion(
        hyper["learning_rate"], b1=hyper["b1"], b2=hyper["b2"], weight_decay=hyper["weight_decay"]
    ),
    ("learning_rate", "b1", "b2", "weight_decay"),
)
"""Sign of the momentum. Reference: Chen et al. 2023."""

muon = Optimizer(
    lambda hyper: optax.contrib.muon(
        hyper["learning_rate"],
        beta=hyper["b1"],
        weight_decay=hyper["weight_decay"],
        adam_b1=hyper["b1"],
        adam_b2=hyper["b2"],
        adam_weight_decay=hyper["weight_decay"],
    ),
    ("learning_rate", "b1", "b2", "weight_decay"),
)
"""Orthogonalized momentum for matrices, AdamW for every other parameter. Reference: Jordan et al. 2024."""

OPTIMIZERS: dict[str, Optimizer] = {
    "adam": adam,
    "adamw": adamw,
    "lion": lion,
    "muon": muon,
    "rmsprop": rmsprop,
    "sgd": sgd,
}
"""Optimizers by name."""


def resolve_optimizer(optimizer: str | MakeOptimizer) -> MakeOptimizer:
    """Returns an optimizer given by its name in `OPTIMIZERS` or as a function.

    Raises:
      UsageError: if the name is unknown.
    """
    if not isinstance(optimizer, str):
        return optimizer
    if optimizer not in OPTIMIZERS:
        raise unknown("optimizer", optimizer, OPTIMIZERS)
    return OPTIMIZERS[optimizer]


def require_hyper(hyper: Mapping[str, float], names: Iterable[str], *optimizers: MakeOptimizer) -> None:
    """Raises UsageError, which names them all, where hyperparameters are missing.

    Args:
      hyper: the hyperparameters.
      names: of those that are needed.
      *optimizers: what those of `OPTIMIZERS` read is needed too; what other functions read is not known.
    """
    read = [name for optimizer in optimizers if isinstance(optimizer, Optimizer) for name in optimizer.hyper]
    missing = [name for name in dict.fromkeys([*names, *read]) if name not in hyper]
    if missing:
        raise UsageError(f"hyper has no {', '.join(missing)}: give a number for each")


def hyper_arrays(hyper: Mapping[str, float]) -> dict[str, Array]:
    """Returns hyperparameters as float32[] arrays."""
    return {name: jnp.float32(value) for name, value in hyper.items()}
