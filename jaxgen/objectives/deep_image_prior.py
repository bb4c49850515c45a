"""Deep Image Prior: a network is fitted to one degraded image, and stopped before it fits the degradation too.

A few of the known pixels are held out for validation. Noise that is independent from pixel to pixel cannot be predicted
from the others, so the expected squared error at held-out pixels is that to the clean image plus the noise's variance:
the result is best where this error is least, and no clean image is needed to find that point.
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
INPUT_SCALE = 0.1
NO_ERROR = 1e9
"""Initial validation error, above any error of images; finite, as every number of a saved state is."""


def initial_average(image: Array) -> dict[str, Array]:
    """Returns the state of `update_average` before the first output, for images of this shape."""
    none, number = jnp.zeros_like(image), jnp.zeros((), image.dtype)
    return {
        "seen": number,
        "smooth": none,
        "error": jnp.full_like(number, NO_ERROR),
        "least": jnp.full_like(number, NO_ERROR),
        "kept": none,
        "kept_step": number,
    }


def update_average(
    watch: dict[str, Array], image: Array, damaged: Array, validation: Array, hyper: Hyper
) -> dict[str, Array]:
    """Returns the exponential mean of the outputs and its validation error after one more output.

    Args:
      watch: the state before: number of outputs ("seen"), their exponential mean ("smooth"), its validation error
        ("error") and the least one so far ("least"), and the mean and the step of that ("kept", "kept_step").
      image: float[1, height, width, channel], the new output.
      damaged: float[1, height, width, channel].
      validation: float[1, height, width, 1], 1 at the pixels that are held out.
      hyper: smooth_decay, the decay of the mean at each step.
    """
    # The first outputs are averaged with equal weights.
    past = jnp.minimum(hyper["smooth_decay"], watch["seen"] / (watch["seen"] + 1))
    seen = watch["seen"] + 1
    smooth = past * watch["smooth"] + (1 - past) * image
    error = (validation * (smooth - damaged) ** 2).sum() / (jnp.maximum(validation.sum(), 1) * image.shape[-1])
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
    """Returns the objective of a network that is fitted to one degraded image.

    Args:
      module: module (noise[1, h, w, 32], train) -> images[1, h, w, c] in [0, 1].
      degrade: (key[1], images, hyper) -> Damage, done once; hidden pixels of its mask do not count.
      hyper: input_noise (standard deviation of what changes in the network's input from step to step), held_out
        (fraction of the known pixels that are held out for validation), smooth_decay, patience (steps without a smaller
        error after which it is over), and what `degrade` and `make_single` read.
      clean: whether the batch holds the clean image, to measure the PSNR; else only the error is measured.
      optimizer, schedule, microbatches, axis_name: see `make_single`.
    Returns:
      Objective whose batches are one image, always the same. Its result is the mean of its outputs at the least
        validation error; it is finished once that was `patience` steps ago. Evaluated are the least error and, by the
        clean image, the damaged one ("…_input"), the result, and the mean at the step itself ("…_now").
    """

    def initialise(key: Array, batch: Batch) -> PyTree:
        image = batch["image"]
        if len(image) != 1:
            raise UsageError(f"batch_size {len(image)}: Deep Image Prior is fitted to one image; set it to 1")
        shape = (*image.shape[:-1], INPUTS)
        made, _ = held_out(degrade, key, {"image": image}, hyper_arrays(hyper))
        known = jnp.ones_like(made.images[..., :1]) if made.mask is None else (1 - made.mask).astype(made.images.dtype)
        drawn = jax.random.bernoulli(jax.random.fold_in(key, 2), hyper["held_out"], known.shape)
        validation = known * drawn.astype(known.dtype)
        held = {
            "input": INPUT_SCALE * jax.random.uniform(jax.random.fold_in(key, 1), shape, image.dtype),
            "damaged": made.images,
            "learned": known - validation,
            "judges": validation,
        }
        return {"held": held, "watch": initial_average(made.images), **module.init(key, jnp.zeros(shape), False)}

    def draw(keys: Callable, batch: Batch, hyper: Hyper) -> PyTree:
        return keys(Stream.LATENT)

    def mean_loss(variables: PyTree, keys: Array, hyper: Hyper):
        held, watch = (variables["stats"][name] for name in ("held", "watch"))
        shake = jax.vmap(lambda key: jax.random.normal(key, held["input"].shape[1:]))(keys)
        noise = held["input"] + hyper["input_noise"] * shake.astype(held["input"].dtype)
        image = module.apply({"params": variables["params"]}, noise, True)
        value = (held["learned"] * (image - held["damaged"]) ** 2).mean()
        watch = update_average(watch, jax.lax.stop_gradient(image), held["damaged"], held["judges"], hyper)
        metrics = {
            "loss": value,
            "held_out_error": watch["error"],
            "stopped": (watch["seen"] - watch["kept_step"] >= hyper["patience"]).astype(value.dtype),
        }
        return value, (metrics, {"held": held, "watch": watch})

    def visualize(state: TrainState, batch: Batch) -> dict[str, Array]:
        """Returns the result, and a row of damaged, result, mean at this step and, if there is one, clean."""
        held, watch = (current(state, PLAYER)["stats"][name] for name in ("held", "watch"))
        row = [held["damaged"], watch["kept"], watch["smooth"], *([batch["image"][:1]] if clean else [])]
        return {"result": watch["kept"], "before-after": jnp.stack(row, 1)}

    def evaluate(state: TrainState, batch: Batch) -> Metrics:
        held, watch = (current(state, PLAYER)["stats"][name] for name in ("held", "watch"))
        validation_error = {"evaluation/held_out_error": watch["least"]}
        if not clean:
            return validation_error
        image = batch["image"][:1]
        found = quality(image, held["damaged"], None, "_input") | quality(image, watch["kept"], None)
        found |= quality(image, watch["smooth"], None, "_now")
        return found | validation_error | {"evaluation/gain": found["evaluation/psnr"] - found["evaluation/psnr_input"]}

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
