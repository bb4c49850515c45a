"""Denoising without clean images: a pixel of a noisy image is the target of its neighbour.

Noise that is independent from pixel to pixel cannot be predicted from a neighbour, so that the prediction is clean.
Reference: Huang, Li, Jia, Lu, Liu 2021 (Neighbor2Neighbor), sections 3.3 and 3.4.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.losses.reconstruction import mse
from jaxgen.nn.pixel_shuffle import space_to_depth
from jaxgen.objectives.modules import EVALUATION_PART, apply, in_parts
from jaxgen.objectives.restoration import Degrade, held_out, make_evaluation, pair
from jaxgen.objectives.single import PLAYER, make_single
from jaxgen.training.optimizers import MakeOptimizer, hyper_arrays
from jaxgen.training.randomness import Stream, example_keys, stream
from jaxgen.training.schedules import Hyper, Schedule, constant
from jaxgen.training.state import Batch, Metrics, Objective, PyTree, Selection, TrainState, averaged

# Two pixels of a cell of four, 0 1 over 2 3, side by side or one above the other, in either order.
PAIRS = np.array([(0, 1), (1, 0), (0, 2), (2, 0), (1, 3), (3, 1), (2, 3), (3, 2)], np.int32)


def draw_pairs(keys: Array, height: int, width: int) -> Array:
    """Returns which two neighbours are taken of each cell, int32[batch, ⌊height / 2⌋, ⌊width / 2⌋, 2].

    Args:
      keys: key[batch].
      height: of the images in pixels.
      width: of the images in pixels.
    """
    draw = lambda key: jax.random.randint(key, (height // 2, width // 2), 0, len(PAIRS))
    return jnp.asarray(PAIRS)[jax.vmap(draw)(keys)]


def neighbours(images: Array, pairs: Array) -> tuple[Array, Array]:
    """Returns two images of half the size, each pixel of one being a neighbour of the same pixel of the other.

    Args:
      images: float[batch, height, width, channel]; the last row or column of an odd side is in no cell.
      pairs: int32[batch, ⌊height / 2⌋, ⌊width / 2⌋, 2], of `draw_pairs`.
    """
    batch, rows, columns, _ = pairs.shape
    cells = space_to_depth(images[:, : 2 * rows, : 2 * columns], 2).reshape(batch, rows, columns, -1, 4)
    taken = jnp.take_along_axis(cells, pairs[..., None, :], axis=-1)
    return taken[..., 0], taken[..., 1]


def make_neighbours(
    module: Any,
    *,
    degrade: Degrade,
    loss: Callable[[Array, Array, Hyper], Array],
    hyper: Mapping[str, float],
    clean: bool = True,
    optimizer: str | MakeOptimizer = "adam",
    schedule: Schedule = constant,
    microbatches: int = 1,
    axis_name: str | None = None,
) -> Objective:
    """Returns the objective of a denoiser that is trained without clean images.

    Args:
      module: module (images[b, h, w, c], train) -> images[b, h, w, c], of any size.
      degrade: (key[b], images, hyper) -> Damage; its images alone are trained on.
      loss: (neighbour, restored, hyper) -> float[b].
      hyper: consistency_weight, and what `degrade`, `loss` and `make_single` read.
      clean: whether there are clean images, to measure the PSNR; else only the loss on held-out images is measured.
      optimizer, schedule, microbatches, axis_name: see `make_single`.
    Returns:
      Objective with `restoring`; the best checkpoint is that of least loss on held-out images.
    Reference: Huang et al. 2021, equation 9.
    """

    def initialise(key: Array, batch: Batch) -> PyTree:
        made, _ = held_out(degrade, key, {"image": batch["image"][:1]}, hyper_arrays(hyper))
        return module.init(key, made.images, False)

    def examples(keys: Callable, batch: Batch, hyper: Hyper) -> PyTree:
        noisy = pair(degrade, keys(Stream.DEGRADATION), batch, hyper)[0].images
        return noisy, draw_pairs(keys(Stream.SUBSAMPLE), *noisy.shape[1:3])

    def terms(variables: PyTree, drawn: PyTree, hyper: Hyper) -> tuple[dict[str, Array], PyTree]:
        """Returns the two terms of the loss, float[b] each, and the updated statistics."""
        noisy, pairs = drawn
        one, other = neighbours(noisy, pairs)
        restored, stats = apply(module, variables, one, train=True)
        # The output for the denoised image differs between neighbours where the clean image does.
        denoised = lax.stop_gradient(apply(module, variables, noisy, train=True)[0])
        differs = jnp.subtract(*neighbours(denoised, pairs))
        return {"neighbour": loss(other, restored, hyper), "consistency": mse(differs, restored - other)}, stats

    def weighted_sum(means: dict[str, Array], hyper: Hyper) -> Array:
        return means["neighbour"] + hyper["consistency_weight"] * means["consistency"]

    def mean_loss(variables: PyTree, drawn: PyTree, hyper: Hyper):
        each, stats = terms(variables, drawn, hyper)
        means = {name: values.mean() for name, values in each.items()}
        value = weighted_sum(means, hyper)
        return value, (means | {"loss": value}, stats)

    clean_evaluation = make_evaluation(module, degrade, PLAYER)

    def evaluate(state: TrainState, batch: Batch) -> Metrics:
        keys = lambda name: example_keys(stream(state.key, Stream.EVALUATION, int(name)), len(batch["image"]))
        each = in_parts(
            lambda part: terms(averaged(state, PLAYER), part, state.hyper)[0],
            examples(keys, batch, state.hyper),
            EVALUATION_PART,
        )
        value = weighted_sum({name: values.mean() for name, values in each.items()}, state.hyper)
        return {"evaluation/loss": value} | (clean_evaluation.evaluate(state, batch) if clean else {})

    return make_single(
        initialise,
        examples,
        mean_loss,
        hyper=hyper,
        visualize=clean_evaluation.visualize,
        evaluate=evaluate,
        selection=Selection("evaluation/loss", direction="minimize"),
        restoring=clean_evaluation.restoring,
        optimizer=optimizer,
        schedule=schedule,
        microbatches=microbatches,
        axis_name=axis_name,
    )
