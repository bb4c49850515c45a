"""What a discriminator is shown, what it says, what holds it, and which combinations make no sense."""

from collections.abc import Callable, Collection
from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxgen.errors import UsageError, unknown
from jaxgen.losses import penalties
from jaxgen.nn.heads import FEATURES, MINIBATCH
from jaxgen.objectives.diff_augment import CHANGES, diff_augment
from jaxgen.objectives.modules import apply
from jaxgen.training.state import PyTree

PENALTIES: dict[str, Callable[..., Array]] = {
    "gradient_penalty": lambda critic, real, fake, keys, hyper: (
        hyper["penalty_weight"] * penalties.gradient_penalty(critic, real, fake, keys, hyper["penalty_target"])
    ),
    "r1": lambda critic, real, fake, keys, hyper: hyper["r1_weight"] / 2 * penalties.zero_centered(critic, real),
    "r2": lambda critic, real, fake, keys, hyper: hyper["r2_weight"] / 2 * penalties.zero_centered(critic, fake),
}
REMEDIES = ("feature_matching", "label_smoothing", "historical_averaging", "orthogonal_regularisation")


def pack(images: Array, count: int) -> Array:
    """Returns every `count` images in a row as one, side by side in its channels: [b, h, w, c] -> [b/m, h, w, m · c].

    Raises:
      UsageError: if they do not come out even.
    Reference: Lin, Khetan, Fanti, Oh 2018, section 3.
    """
    if len(images) % count:
        raise UsageError(
            f"packing {count} does not divide the {len(images)} images that one device has of a batch or microbatch: "
            "set batch_size to a multiple of packing × devices × microbatches, or use fewer devices"
        )
    if count == 1:
        return images
    packed = images.reshape(-1, count, *images.shape[1:])
    return jnp.moveaxis(packed, 1, -2).reshape(len(packed), *images.shape[1:-1], -1)


def show(images: Array, keys: Array | None, policy: tuple[str, ...], packing: int) -> Array:
    """Returns images as the discriminator sees them: augmented, then packed."""
    return pack(diff_augment(keys, images, policy) if policy else images, packing)


def call(discriminator: Any, variables: PyTree, images: Array, labels: Array | None, train: bool) -> tuple:
    """Returns a discriminator's logits of shown images, and its statistics; labels are int32[batch, m], or None."""
    named = {} if labels is None else {"labels": labels}
    return apply(discriminator, variables, images, train=train, **named)


def logits_of_both(
    discriminator: Any, variables: PyTree, real: Array, fake: Array, labels: Array | None, separate: bool
) -> tuple[Array, Array, PyTree]:
    """Returns the logits of real and of generated images, and the discriminator's updated statistics.

    Where nothing couples the examples of a batch, one pass over both does the same work in fewer and larger operations;
    else `separate` tells whether each kind is a batch by itself (Radford et al. 2016) or both together.
    """
    if separate and coupling(variables):
        real_logits, stats = call(discriminator, variables, real, labels, True)
        fake_logits, stats = call(discriminator, variables | {"stats": stats}, fake, labels, True)
        return real_logits, fake_logits, stats
    logits, stats = call(discriminator, variables, *in_one_batch(real, fake, labels), True)
    return *jnp.split(logits, [len(real)]), stats


def in_one_batch(real: Array, fake: Array, labels: Array | None) -> tuple[Array, Array | None]:
    """Returns real images and, after them, generated ones of the same labels; and the labels of all."""
    return jnp.concatenate([real, fake]), None if labels is None else jnp.concatenate([labels, labels])


def mean_difference(
    discriminator: Any, variables: PyTree, real: Array, fake: Array, labels: Array | None, separate: bool
) -> Array:
    """Returns the mean features of real images less those of generated ones, float[features].

    `separate` is that of `logits_of_both`. Where one batch norm sees both kinds, it does here too: after a batch norm
    of its own either kind would have the same means.
    Reference: Salimans et al. 2016, section 3.1.
    """
    if separate and coupling(variables):
        told = [features(discriminator, variables, images, labels) for images in (real, fake)]
    else:
        told = jnp.split(features(discriminator, variables, *in_one_batch(real, fake, labels)), 2)
    return told[0].mean(0) - told[1].mean(0)


def features(discriminator: Any, variables: PyTree, images: Array, labels: Array | None) -> Array:
    """Returns what the discriminator's logit is made of, float[batch, features].

    Raises:
      UsageError: if the discriminator does not tell.
    """
    named = {} if labels is None else {"labels": labels}
    held = variables | {"stats": variables["stats"] | {"intermediates": {}}}
    told = apply(discriminator, held, images, train=True, **named)[1].get("intermediates", {})
    if FEATURES not in told:
        raise UsageError(f"feature_matching needs a discriminator that sows {FEATURES!r}, and this one does not")
    return told[FEATURES][0]


def coupling(variables: PyTree) -> str:
    """Returns what couples the examples of a batch in a discriminator, "" where nothing does."""
    if "batch_stats" in variables["stats"]:
        return "batch norm"
    return "minibatch discrimination" if MINIBATCH in variables["params"] else ""


def require_sense(
    variables: PyTree, named: Collection[str], clip_weights: bool, separate_batches: bool, microbatches: int
) -> None:
    """Raises UsageError where a discriminator's layers contradict what is asked of it.

    Args:
      variables: the discriminator's.
      named: the penalties on it.
      clip_weights: whether its parameters are clipped.
      separate_batches: see `make_gan`.
      microbatches: parts of a batch that are differentiated one after the other.
    """
    coupled = coupling(variables)
    if named and coupled:
        raise UsageError(
            f"penalties {', '.join(named)} are per example, and {coupled} in the discriminator couples the examples of "
            "a batch: give the discriminator another norm and no minibatch kernels"
        )
    if clip_weights and "spectral" in variables["stats"]:
        raise UsageError(
            "clip_weights bounds kernels that spectral norm then divides by their largest singular value, which undoes "
            "it: choose one of the two"
        )
    if MINIBATCH in variables["params"] and coupled == "batch norm" and not separate_batches:
        raise UsageError(
            "minibatch discrimination compares images of one kind, and this network's batch norm must see both kinds "
            "in one batch: choose one of the two, or another network"
        )
    if MINIBATCH in variables["params"] and microbatches > 1:
        raise UsageError(
            f"minibatch discrimination compares the images of a batch, and {microbatches} microbatches would hide each "
            "part from the others: set microbatches to 1, or leave the minibatch kernels out"
        )


def require_options(
    named: tuple[str, ...],
    every: int,
    augment: tuple[str, ...],
    remedies: tuple[str, ...],
    packing: int,
    microbatches: int,
) -> None:
    """Raises UsageError for options that are unknown, told twice, out of range, without effect or contradictory."""
    kinds = (
        ("penalty", named, PENALTIES),
        ("augmentation", augment, CHANGES),
        ("remedy", remedies, REMEDIES),
    )
    for kind, given, allowed in kinds:
        for name in given:
            if name not in allowed:
                raise unknown(kind, name, allowed)
            if given.count(name) > 1:
                raise UsageError(f"{kind} {name} is given twice: once is enough")
    for name, value in (("penalty_every", every), ("packing", packing)):
        if value < 1:
            raise UsageError(f"{name} is {value}: give at least 1")
    if every > 1 and not named:
        raise UsageError(f"penalty_every is {every} and there is no penalty: add one to penalties, or leave it at 1")
    if "feature_matching" in remedies and microbatches > 1:
        raise UsageError(
            f"feature_matching compares the means of a batch, and {microbatches} microbatches would compare those of "
            "each part, which is another loss: set microbatches to 1, or leave the remedy out"
        )


def require_labels(batch: dict[str, Array], classes: int) -> None:
    """Raises UsageError where labels are needed and the data has none."""
    if classes and "label" not in batch:
        raise UsageError(f"classes is {classes} and the data has no labels: choose labelled data, or set classes to 0")
