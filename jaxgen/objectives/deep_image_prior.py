"""Deep Image Prior: a network is fitted to one damaged picture, and stopped before it has learned the damage too.

A few of the known pixels are not learned. Their noise, where it is independent from pixel to pixel, cannot be told from
the others, so what the network makes of them is, in the mean, as far from them as from the clean picture and by the
noise's variance farther: where that error is least, the result is best, and no clean picture is needed to see it.
Reference: Ulyanov, Vedaldi, Lempitsky 2018; Batson and Royer 2019, "Noise2Self", proposition 1, for the error; Yaman,
Hosseini, Akçakaya 2022, "Zero-Shot Self-Supervised Learning for MRI Reconstruction", for stopping by it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.objectives.restoration import Degrade, held_out, quality
from jaxgen.objectives.single import PLAYER, make_single
from jaxgen.training.optimizers import MakeOptimizer, hyper_arrays
from jaxgen.training.randomness import Stream
from jaxgen.training.schedules import Hyper, Schedule, constant
from jaxgen.training.state import Batch, Metrics, Objective, PyTree, Selection, TrainState, current

INPUTS = 32
LOUDNESS = 0.1
UNJUDGED = 1e9
"""More than any error of pictures; finite, as every number of a state that is saved."""


def begin_watch(picture: Array) -> dict[str, Array]:
    """Returns what is known of the outputs before the first one, for pictures of this shape."""
    none, number = jnp.zeros_like(picture), jnp.zeros((), picture.dtype)
    return {
        "seen": number,
        "smooth": none,
        "error": jnp.full_like(number, UNJUDGED),
        "least": jnp.full_like(number, UNJUDGED),
        "kept": none,
        "kept_step": number,
    }


def look(watch: dict[str, Array], picture: Array, damaged: Array, judges: Array, hyper: Hyper) -> dict[str, Array]:
    """Returns what is known of the outputs after one more.

    Args:
      watch: of the outputs before: how many they are ("seen"), their exponential mean ("smooth"), its "error" by the
        judges and the least one so far, and the mean and the step of that ("kept", "kept_step").
      picture: float[1, height, width, channel], the new output.
      damaged: float[1, height, width, channel].
      judges: float[1, height, width, 1], 1 at the pixels that are not learned.
      hyper: smooth_decay, the share that the past keeps at each step.
    """
    # At first the past is short: its share grows as that of a plain mean does.
    past = jnp.minimum(hyper["smooth_decay"], watch["seen"] / (watch["seen"] + 1))
    seen = watch["seen"] + 1
    smooth = past * watch["smooth"] + (1 - past) * picture
    error = (judges * (smooth - damaged) ** 2).sum() / (judges.sum() * picture.shape[-1])
    is_best = error < watch["least"]
    return {
        "seen": seen,
        "smooth": smooth,
        "error": error,
        "least": jnp.where(is_best, error, watch["least"]),
        "kept": jnp.where(is_best, smooth, watch["kept"]),
        "kept_step": jnp.where(is_best, seen, watch["kept_step"]),
    }


def make_deep_image_prior(
    module: Any,
    *,
    degrade: Degrade,
    hyper: Mapping[str, float],
    clean: bool = True,
    optimizer: str | MakeOptimizer = "adam",
    schedule: Schedule = constant,
    microbatches: int = 1,
    axis_name: str | None = None,
) -> Objective:
    """Returns the objective of a network that is fitted to one damaged picture.

    Args:
      module: module (noise[1, h, w, 32], train) -> images[1, h, w, c] in [0, 1].
      degrade: (key[1], images, hyper) -> Damage, done once; hidden pixels of its mask do not count.
      hyper: input_noise (standard deviation of what changes in the network's input from step to step), held_out (share
        of the known pixels that judge and are not learned), smooth_decay, patience (steps without a smaller error after
        which it is over), and what `degrade` and `make_single` read.
      clean: whether the picture that is damaged is a clean one, to be compared with; else the error alone is told.
      optimizer, schedule, microbatches, axis_name: see `make_single`.
    Returns:
      Objective whose batches are one picture, always the same. Its result is the mean of its outputs where the judges
      find it best; it is finished once that was `patience` steps ago. Evaluated are the least error and, by the clean
      picture, the damaged one ("…_input"), the result, and the mean at the step itself ("…_now").
    """

    def initialise(key: Array, batch: Batch) -> PyTree:
        picture = batch["image"]
        if len(picture) != 1:
            raise UsageError(f"batch_size {len(picture)}: Deep Image Prior is fitted to one picture; set it to 1")
        shape = (*picture.shape[:-1], INPUTS)
        made, _ = held_out(degrade, key, {"image": picture}, hyper_arrays(hyper))
        known = jnp.ones_like(made.images[..., :1]) if made.mask is None else (1 - made.mask).astype(made.images.dtype)
        drawn = jax.random.bernoulli(jax.random.fold_in(key, 2), hyper["held_out"], known.shape)
        judges = known * drawn.astype(known.dtype)
        held = {
            "input": LOUDNESS * jax.random.uniform(jax.random.fold_in(key, 1), shape, picture.dtype),
            "damaged": made.images,
            "learned": known - judges,
            "judges": judges,
        }
        return {"held": held, "watch": begin_watch(made.images), **module.init(key, jnp.zeros(shape), False)}

    def draw(keys: Callable, batch: Batch, hyper: Hyper) -> PyTree:
        return keys(Stream.LATENT)

    def mean_loss(variables: PyTree, keys: Array, hyper: Hyper):
        held, watch = (variables["stats"][name] for name in ("held", "watch"))
        shake = jax.vmap(lambda key: jax.random.normal(key, held["input"].shape[1:]))(keys)
        noise = held["input"] + hyper["input_noise"] * shake.astype(held["input"].dtype)
        picture = module.apply({"params": variables["params"]}, noise, True)
        value = (held["learned"] * (picture - held["damaged"]) ** 2).mean()
        watch = look(watch, jax.lax.stop_gradient(picture), held["damaged"], held["judges"], hyper)
        told = {
            "loss": value,
            "held_out_error": watch["error"],
            "stopped": (watch["seen"] - watch["kept_step"] >= hyper["patience"]).astype(value.dtype),
        }
        return value, (told, {"held": held, "watch": watch})

    def visualize(state: TrainState, batch: Batch) -> dict[str, Array]:
        """Returns the result, and a row of damaged, result, mean at this step and, if there is one, clean."""
        held, watch = (current(state, PLAYER)["stats"][name] for name in ("held", "watch"))
        row = [held["damaged"], watch["kept"], watch["smooth"], *([batch["image"][:1]] if clean else [])]
        return {"result": watch["kept"], "before-after": jnp.stack(row, 1)}

    def evaluate(state: TrainState, batch: Batch) -> Metrics:
        held, watch = (current(state, PLAYER)["stats"][name] for name in ("held", "watch"))
        judged = {"evaluation/held_out_error": watch["least"]}
        if not clean:
            return judged
        picture = batch["image"][:1]
        found = quality(picture, held["damaged"], None, "_input") | quality(picture, watch["kept"], None)
        found |= quality(picture, watch["smooth"], None, "_now")
        return found | judged | {"evaluation/gain": found["evaluation/psnr"] - found["evaluation/psnr_input"]}

    return make_single(
        initialise,
        draw,
        mean_loss,
        hyper=hyper,
        visualize=visualize,
        evaluate=evaluate,
        selection=Selection("evaluation/held_out_error", direction="minimize"),
        finished=f"{PLAYER}/stopped",
        optimizer=optimizer,
        schedule=schedule,
        microbatches=microbatches,
        axis_name=axis_name,
    )
