"""Restoration: a network receives a degraded image and is trained to output the clean one."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from jaxgen.degradations.resampling import resize
from jaxgen.losses.similarity import WINDOW
from jaxgen.metrics.image import psnr, ssim
from jaxgen.metrics.masked import masked_psnr
from jaxgen.objectives.modules import EVALUATION_PART, apply, in_parts
from jaxgen.objectives.single import PLAYER, make_single
from jaxgen.training.optimizers import MakeOptimizer, hyper_arrays
from jaxgen.training.randomness import Stream, example_keys, stream
from jaxgen.training.schedules import Hyper, Schedule, constant
from jaxgen.training.state import Batch, Metrics, Objective, PyTree, Restoring, Selection, TrainState, averaged

ROWS = 8
MAX_PSNR = 100.0
"""PSNR in dB that counts for images that are equal, or nearly so: a root mean square error of 1e-5."""


class Damage(NamedTuple):
    """Degraded images, the conditioning of the network and the mask.

    Attributes:
      images: float[batch, height, width, channel]; smaller than the clean ones where that is the damage.
      conditioning: float[batch, height, width, k], further channels of the network's input, such as a map of the noise
        level or a mask; None: none.
      mask: float[batch, height, width, 1], 1 where the image is hidden; None where the damage is everywhere.
    """

    images: Array
    conditioning: Array | None = None
    mask: Array | None = None


Degrade = Callable[[Array, Array, Hyper], Damage]


def network_input(images: Array, conditioning: Array | None) -> Array:
    """Returns the input of a network: the images, and the conditioning as further channels."""
    return images if conditioning is None else jnp.concatenate([images, conditioning.astype(images.dtype)], -1)


def enlarged(images: Array, like: Array) -> Array:
    """Returns small images by bicubic interpolation in the size of others, to be shown and measured beside them."""
    return images if images.shape == like.shape else resize(images, like.shape[1], like.shape[2])


def finite_psnr(clean: Array, image: Array, mask: Array | None = None) -> Array:
    """Computes the PSNR of images in dB, or of what their masks hide, float[batch]; `MAX_PSNR` where it is larger.

    That of equal images is infinite, and so would be the mean of a batch that has one.
    """
    values = psnr(clean, image) if mask is None else masked_psnr(clean, image, mask)
    return jnp.minimum(values, MAX_PSNR)


def mean_over(counted: Array, values: Array) -> Array:
    """Returns the mean of the images that count; NaN where the value of any image is NaN."""
    return jnp.where(counted | jnp.isnan(values), values, 0).sum() / counted.sum()


def quality(clean: Array, image: Array, mask: Array | None, suffix: str = "", changed: Array | bool = True) -> Metrics:
    """Returns the mean PSNR in dB, and the mean SSIM where the images hold its window, as evaluation metrics.

    With a mask, the PSNR of the hidden pixels is reported too, over the images that have any; where none has, it is
    `MAX_PSNR`. The means are over the images that count; a NaN in any image shows in them.

    Args:
      clean: float[batch, height, width, channel] in [0, 1].
      image: the same shape, what is measured.
      mask: float[batch, height, width, 1], 1 where the image is hidden, or None.
      suffix: of the metrics' names.
      changed: bool[batch], of which images the damage changed anything: the others do not count, unless all are as they
        were. True: all count.
    """
    changed = jnp.broadcast_to(changed, len(clean))
    changed |= ~changed.any()
    means = {"psnr": mean_over(changed, finite_psnr(clean, image))}
    if min(clean.shape[1:3]) >= WINDOW:
        means["ssim"] = mean_over(changed, ssim(clean, image))
    if mask is not None:
        hidden = (mask > 0).any((1, 2, 3))
        counted = changed & hidden
        values = jnp.where(hidden, finite_psnr(clean, image, mask), MAX_PSNR)
        means["masked_psnr"] = mean_over(counted | ~counted.any(), values)
    return {f"evaluation/{name}{suffix}": value for name, value in means.items()}


class RestorationEvaluation(NamedTuple):
    """The fields of `Objective` that every objective of restoration has in common."""

    visualize: Callable[[TrainState, Batch], dict[str, Array]]
    evaluate: Callable[[TrainState, Batch], Metrics]
    selection: Selection
    restoring: Restoring


def make_evaluation(module: Any, degrade: Degrade, player: str) -> RestorationEvaluation:
    """Returns how a restorer is shown and measured on held-out images.

    Args:
      module: of the restorer; see `make_restoration`.
      degrade: (key[b], images, hyper) -> Damage.
      player: the restorer's name in the state.
    """

    def restore(variables: PyTree, images: Array, conditioning: Array | None = None) -> Array:
        return apply(module, variables, network_input(images, conditioning), train=False)[0]

    def triples(state: TrainState, batch: Batch) -> tuple[Array, Array, Array, Array | None]:
        """Returns damaged images in the size of the clean ones, restored ones, clean ones, and the mask."""

        def restore_part(part: tuple[Array, Batch]) -> tuple[Array, Array, Array, Array | None]:
            damaged, clean = pair(degrade, *part, state.hyper)
            restored = restore(averaged(state, player), damaged.images, damaged.conditioning)
            return enlarged(damaged.images, clean), restored, clean, damaged.mask

        keys = example_keys(stream(state.key, Stream.EVALUATION), len(batch["image"]))
        return in_parts(restore_part, (keys, batch), EVALUATION_PART)

    def visualize(state: TrainState, batch: Batch) -> dict[str, Array]:
        """Returns rows of damaged, restored and clean."""
        first = {name: values[:ROWS] for name, values in batch.items()}
        return {"before-after": jnp.stack(triples(state, first)[:3], 1)}

    def evaluate(state: TrainState, batch: Batch) -> Metrics:
        damaged, restored, clean, mask = triples(state, batch)
        changed = (damaged != clean).any((1, 2, 3))
        metrics = quality(clean, damaged, mask, "_input", changed) | quality(clean, restored, mask, "", changed)
        return metrics | {"evaluation/gain": metrics["evaluation/psnr"] - metrics["evaluation/psnr_input"]}

    selection = Selection("evaluation/psnr", direction="maximize")
    return RestorationEvaluation(visualize, evaluate, selection, Restoring(restore, degrade, module))


def pair(degrade: Degrade, keys: Array, batch: Batch, hyper: Hyper) -> tuple[Damage, Array]:
    """Returns damaged and clean images: those of the data where these are pairs, else damaged by `degrade`."""
    if "target" in batch:
        return Damage(batch["image"]), batch["target"]
    return degrade(keys, batch["image"], hyper), batch["image"]


def held_out(degrade: Degrade, key: Array, batch: Batch, hyper: Hyper) -> tuple[Damage, Array]:
    """Returns damaged and clean held-out images, damaged by a run's root key: the same at every evaluation."""
    return pair(degrade, example_keys(stream(key, Stream.EVALUATION), len(batch["image"])), batch, hyper)


def make_restoration(
    module: Any,
    *,
    degrade: Degrade,
    loss: Callable[[Array, Array, Hyper], Array],
    hyper: Mapping[str, float],
    dropout: bool = False,
    optimizer: str | MakeOptimizer = "adam",
    schedule: Schedule = constant,
    microbatches: int = 1,
    axis_name: str | None = None,
) -> Objective:
    """Returns the objective of a network that undoes a degradation.

    Args:
      module: module (inputs[b, h, w, c + k], train) -> images[b, h, w, c], conditioning last among the inputs.
      degrade: (key[b], images, hyper) -> Damage, y = H(x) + n.
      loss: (clean, restored, hyper) -> float[b]; see `reconstruction_losses.weighted_sum`.
      hyper: what `degrade`, `loss` and `make_single` read.
      dropout: whether the module takes `keys`, one for each example, in training.
      optimizer, schedule, microbatches, axis_name: see `make_single`.
    Returns:
      Objective with `restoring`. Its evaluation is the mean PSNR in dB and the mean SSIM,
      of the damaged images ("…_input") and of the restored ones, over the images of which the damage changed anything;
      with a mask, the PSNR of what is hidden too.
    """

    def initialise(key: Array, batch: Batch) -> PyTree:
        damaged, _ = held_out(degrade, key, {"image": batch["image"][:1]}, hyper_arrays(hyper))
        return module.init(key, network_input(damaged.images, damaged.conditioning), False)

    def draw(keys: Callable, batch: Batch, hyper: Hyper) -> PyTree:
        named = {"keys": keys(Stream.DROPOUT)} if dropout else {}
        return *pair(degrade, keys(Stream.DEGRADATION), batch, hyper), named

    def mean_loss(variables: PyTree, examples: PyTree, hyper: Hyper):
        damaged, clean, named = examples
        inputs = network_input(damaged.images, damaged.conditioning)
        restored, stats = apply(module, variables, inputs, train=True, **named)
        value = loss(clean, restored, hyper).mean()
        return value, ({"loss": value, "psnr": finite_psnr(clean, restored).mean()}, stats)

    return make_single(
        initialise,
        draw,
        mean_loss,
        hyper=hyper,
        **make_evaluation(module, degrade, PLAYER)._asdict(),
        optimizer=optimizer,
        schedule=schedule,
        microbatches=microbatches,
        axis_name=axis_name,
    )
