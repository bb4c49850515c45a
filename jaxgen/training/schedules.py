"""Schedules as pure functions (hyper, step) -> hyper, evaluated first in every step.

A schedule's ends and its length are numbers in `hyper`, so that they may be traced, swept and different for each member
of a population; optax's schedules raise on a traced length. How long a schedule runs is not how long a run goes on:
past its length it stays at its end.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array

Hyper = dict[str, Array]
Schedule = Callable[[Hyper, Array], Hyper]


def constant(hyper: Hyper, step: Array) -> Hyper:
    """Returns hyper as it is."""
    del step
    return hyper


def progress(step: Array, length: Array) -> Array:
    """Returns how much of a schedule is over, in [0, 1]; a schedule of length 0 is over at once.

    Args:
      step: int32[].
      length: float32[], steps.
    """
    return jnp.where(length > 0, jnp.clip(step / jnp.maximum(length, 1), 0, 1), 1.0)


def make_linear(name: str) -> Schedule:
    """Returns the schedule from hyper[name] to hyper[name + "_final"], linear over hyper["schedule_steps"] steps."""

    def schedule(hyper: Hyper, step: Array) -> Hyper:
        done = progress(step, hyper["schedule_steps"])
        return hyper | {name: hyper[name] + done * (hyper[f"{name}_final"] - hyper[name])}

    return schedule


def make_cosine(name: str) -> Schedule:
    """Returns the schedule from hyper[name] to hyper[name + "_final"] along half a cosine.

    Reference: Loshchilov and Hutter 2017, equation 5, without restarts.
    """

    def schedule(hyper: Hyper, step: Array) -> Hyper:
        done = progress(step, hyper["schedule_steps"])
        left = (1 + jnp.cos(jnp.pi * done)) / 2
        return hyper | {name: hyper[f"{name}_final"] + left * (hyper[name] - hyper[f"{name}_final"])}

    return schedule


def make_warmup(name: str) -> Schedule:
    """Returns the schedule that scales hyper[name] by (step + 1) / hyper["warmup_steps"] until that is 1."""

    def schedule(hyper: Hyper, step: Array) -> Hyper:
        length = hyper["warmup_steps"]
        return hyper | {name: hyper[name] * jnp.minimum(1.0, (step + 1) / jnp.maximum(length, 1))}

    return schedule


def make_half_life(images: int) -> Schedule:
    """Returns the schedule that makes hyper["ema_decay"] halve what is averaged every hyper["ema_half_life"] images.

    A half-life of 0 averages nothing. It comes last where the half-life is scheduled itself.

    Args:
      images: seen in a step.
    """

    def schedule(hyper: Hyper, step: Array) -> Hyper:
        del step
        half_life = hyper["ema_half_life"]
        decay = jnp.where(half_life > 0, 0.5 ** (images / jnp.where(half_life > 0, half_life, 1)), 0)
        return hyper | {"ema_decay": decay}

    return schedule


def compose(*schedules: Schedule) -> Schedule:
    """Returns the schedule that applies those given from left to right."""

    def schedule(hyper: Hyper, step: Array) -> Hyper:
        for apply in schedules:
            hyper = apply(hyper, step)
        return hyper

    return schedule


SHAPES: dict[str, Callable[[str], Schedule]] = {
    "constant": lambda name: constant,
    "linear": make_linear,
    "cosine": make_cosine,
}


def make_learning_rate(shape: str) -> Schedule:
    """Returns warm-up and then the named shape, both on hyper["learning_rate"].

    Args:
      shape: a name in `SHAPES`.
    """
    return compose(SHAPES[shape]("learning_rate"), make_warmup("learning_rate"))
