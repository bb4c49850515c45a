"""Deep Image Prior: a network is fitted to one damaged picture, and stopped before it has learned the damage too.

What it makes changes little while it is at its best and more once it fits noise: the variance of its last outputs tells
when to stop, without any clean picture.
Reference: Ulyanov, Vedaldi, Lempitsky 2018; Wang et al. 2023, "Early Stopping for Deep Image Prior", algorithm 2.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.objectives.restoration import Degrade, held_out, quality
from jaxgen.objectives.single import PLAYER, make_single
from jaxgen.step.optimizers import hyper_arrays
from jaxgen.step.randomness import Stream
from jaxgen.step.schedules import Hyper
from jaxgen.step.state import Batch, Metrics, Objective, PyTree, Selection, TrainState, current

INPUTS = 32
LOUDNESS = 0.1
EARLY = 100
"""Steps before which the variance says nothing: the outputs are still far from any picture."""
RESTLESS = 1e9
"""More than any variance of pictures; finite, as every number of a state that is saved."""


def begin_watch(picture: Array) -> dict[str, Array]:
    """Returns what is known of the outputs before the first one, for pictures of this shape."""
    none, number = jnp.zeros_like(picture), jnp.zeros((), picture.dtype)
    return {
        "seen": number,
        "mean": none,
        "variance": number,
        "smooth": none,
        "least": jnp.full_like(number, RESTLESS),
        "kept": none,
        "kept_step": number,
    }


def look(watch: dict[str, Array], picture: Array, hyper: Hyper) -> dict[str, Array]:
    """Returns what is known of the outputs after one more.

    Args:
      watch: of the outputs before: how many they are ("seen"), their exponential mean and variance, their slower mean
        ("smooth"), the least variance so far, and the smooth picture and the step of that ("kept", "kept_step").
      picture: float[1, height, width, channel], the new output.
      hyper: variance_decay and smooth_decay, the share that the past keeps at each step.
    Reference: Wang et al. 2023, equations 7 and 8.
    """
    # At first the past is short: its share grows as that of a plain mean does.
    fast, slow = (
        jnp.minimum(hyper[name], watch["seen"] / (watch["seen"] + 1)) for name in ("variance_decay", "smooth_decay")
    )
    seen = watch["seen"] + 1
    variance = fast * (watch["variance"] + (1 - fast) * ((picture - watch["mean"]) ** 2).mean())
    smooth = slow * watch["smooth"] + (1 - slow) * picture
    is_early = seen <= EARLY
    is_calmest = (variance < watch["least"]) & ~is_early
    return {
        "seen": seen,
        "mean": fast * watch["mean"] + (1 - fast) * picture,
        "variance": variance,
        "smooth": smooth,
        "least": jnp.where(is_calmest, variance, watch["least"]),
        "kept": jnp.where(is_calmest | is_early, smooth, watch["kept"]),
        "kept_step": jnp.where(is_calmest | is_early, seen, watch["kept_step"]),
    }


def make_deep_image_prior(
    module, *, degrade: Degrade, hyper: Mapping[str, float], clean: bool = True, **options: Any
) -> Objective:
    """Returns the objective of a network that is fitted to one damaged picture.

    Args:
      module: module (noise[1, h, w, 32], train) -> images[1, h, w, c] in [0, 1].
      degrade: (key[1], images, hyper) -> Damage, done once; hidden pixels of its mask do not count.
      hyper: input_noise (standard deviation of what changes in the network's input from step to step), variance_decay,
        smooth_decay, patience (steps without a calmer output after which it is over), and what `degrade` and
        `make_single` read.
      clean: whether the picture that is damaged is a clean one, to be judged by; else the variance alone is told.
      **options: optimizer, schedule, axis_name of `make_single`.
    Returns:
      Objective whose batches are one picture, always the same. Its result is the mean of its outputs where they changed
      least; it is finished once that was `patience` steps ago. Evaluated are the least variance and, by the clean
      picture, the damaged one ("…_input"), the result, and the smooth output at the step itself ("…_now").
    """

    def initialise(key: Array, batch: Batch) -> PyTree:
        picture = batch["image"]
        if len(picture) != 1:
            raise UsageError(f"batch_size {len(picture)}: Deep Image Prior is fitted to one picture; set it to 1")
        shape = (*picture.shape[:-1], INPUTS)
        made, _ = held_out(degrade, key, {"image": picture}, hyper_arrays(hyper))
        known = jnp.ones_like(made.images[..., :1]) if made.mask is None else (1 - made.mask).astype(made.images.dtype)
        held = {
            "input": LOUDNESS * jax.random.uniform(jax.random.fold_in(key, 1), shape, picture.dtype),
            "damaged": made.images,
            "known": known,
        }
        return {"held": held, "watch": begin_watch(made.images), **module.init(key, jnp.zeros(shape), False)}

    def draw(keys: Callable, batch: Batch, hyper: Hyper) -> PyTree:
        return keys(Stream.LATENT)

    def mean_loss(variables: PyTree, keys: Array, hyper: Hyper):
        held, watch = (variables["stats"][name] for name in ("held", "watch"))
        shake = jax.vmap(lambda key: jax.random.normal(key, held["input"].shape[1:]))(keys)
        noise = held["input"] + hyper["input_noise"] * shake.astype(held["input"].dtype)
        picture = module.apply({"params": variables["params"]}, noise, True)
        value = (held["known"] * (picture - held["damaged"]) ** 2).mean()
        watch = look(watch, jax.lax.stop_gradient(picture), hyper)
        told = {
            "loss": value,
            "variance": watch["variance"],
            "stopped": (watch["seen"] - watch["kept_step"] >= hyper["patience"]).astype(value.dtype),
        }
        return value, (told, {"held": held, "watch": watch})

    def pictures(state: TrainState, batch: Batch) -> dict[str, Array]:
        """Returns the result, and a row of damaged, result, smooth output of this step and, if there is one, clean."""
        held, watch = (current(state, PLAYER)["stats"][name] for name in ("held", "watch"))
        row = [held["damaged"], watch["kept"], watch["smooth"], *([batch["image"][:1]] if clean else [])]
        return {"result": watch["kept"], "before-after": jnp.stack(row, 1)}

    def evaluate(state: TrainState, batch: Batch) -> Metrics:
        held, watch = (current(state, PLAYER)["stats"][name] for name in ("held", "watch"))
        calm = {"evaluation/least_variance": watch["least"]}
        if not clean:
            return calm
        picture = batch["image"][:1]
        found = quality(picture, held["damaged"], None, "_input") | quality(picture, watch["kept"], None)
        found |= quality(picture, watch["smooth"], None, "_now")
        return found | calm | {"evaluation/gain": found["evaluation/psnr"] - found["evaluation/psnr_input"]}

    return make_single(
        initialise,
        draw,
        mean_loss,
        hyper=hyper,
        pictures=pictures,
        evaluate=evaluate,
        selection=Selection("evaluation/least_variance", largest=False),
        finished=f"{PLAYER}/stopped",
        module=module,
        **options,
    )
