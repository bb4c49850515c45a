"""The discriminator's inputs and outputs."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.nn.heads import FEATURES
from jaxgen.objectives.adversarial.diff_augment import diff_augment
from jaxgen.objectives.modules import apply, compares_batch
from jaxgen.training.state import PyTree


def pack(images: Array, count: int) -> Array:
    """Concatenates every `count` consecutive images along their channels: [b, h, w, c] -> [b / count, h, w, count · c].

    Raises:
      UsageError: if the batch does not divide.
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


def discriminator_input(
    images: Array, condition: Array | None, keys: Array | None, policy: tuple[str, ...], packing: int
) -> Array:
    """Returns images as the discriminator sees them: augmented, beside what conditions them, packed.

    Args:
      images: float[batch, height, width, channel] in [-1, 1].
      condition: the same but for the channels, augmented by the same random numbers; None for none.
      keys: key[batch] of the augmentation; None without.
      policy: names in `AUGMENTATIONS`.
      packing: images that are concatenated.
    """
    if policy:
        assert keys is not None
        images = diff_augment(keys, images, policy)
        condition = None if condition is None else diff_augment(keys, condition, policy)
    if condition is not None:
        images = jnp.concatenate([images, condition], -1)
    return pack(images, packing)


def call(discriminator: Any, variables: PyTree, images: Array, labels: Array | None, train: bool) -> tuple:
    """Returns a discriminator's logits and its updated statistics; labels are int32[batch, packing], or None."""
    named: dict[str, Any] = {} if labels is None else {"labels": labels}
    return apply(discriminator, variables, images, train=train, **named)


def logits_of_both(
    discriminator: Any, variables: PyTree, real: Array, fake: Array, labels: Array | None, separate: bool
) -> tuple[Array, Array, PyTree]:
    """Returns the logits of real and of generated images, and the discriminator's updated statistics.

    Where nothing couples the examples of a batch, one pass over both does the same work in fewer and larger operations;
    else `separate` decides whether each kind is a batch by itself (Radford et al. 2016) or both together.
    """
    if separate and coupling(discriminator, variables):
        real_logits, stats = call(discriminator, variables, real, labels, True)
        fake_logits, stats = call(discriminator, variables | {"stats": stats}, fake, labels, True)
        return real_logits, fake_logits, stats
    logits, stats = call(discriminator, variables, *in_one_batch(real, fake, labels), True)
    real_logits, fake_logits = jnp.split(logits, [len(real)])
    return real_logits, fake_logits, stats


def in_one_batch(real: Array, fake: Array, labels: Array | None) -> tuple[Array, Array | None]:
    """Returns real images and, after them, generated ones of the same labels; and the labels of all."""
    return jnp.concatenate([real, fake]), None if labels is None else jnp.concatenate([labels, labels])


def mean_difference(
    discriminator: Any, variables: PyTree, real: Array, fake: Array, labels: Array | None, separate: bool
) -> Array:
    """Returns the mean features of real images minus those of generated ones, float[features].

    `separate` is that of `logits_of_both`. Where one batch norm sees both kinds, it does here too: after a batch norm
    of its own either kind would have the same means.
    Reference: Salimans et al. 2016, section 3.1.
    """
    if separate and coupling(discriminator, variables):
        real_features, fake_features = (features(discriminator, variables, x, labels) for x in (real, fake))
    else:
        both = features(discriminator, variables, *in_one_batch(real, fake, labels))
        real_features, fake_features = jnp.split(both, 2)
    return real_features.mean(0) - fake_features.mean(0)


def features(discriminator: Any, variables: PyTree, images: Array, labels: Array | None) -> Array:
    """Returns the features from which the discriminator computes its logit, float[batch, features].

    Raises:
      UsageError: if the discriminator sows none.
    """
    named: dict[str, Any] = {} if labels is None else {"labels": labels}
    held = variables | {"stats": variables["stats"] | {"intermediates": {}}}
    sown = apply(discriminator, held, images, train=True, **named)[1].get("intermediates", {})
    if FEATURES not in sown:
        raise UsageError(f"feature_matching needs a discriminator that sows {FEATURES!r}, and this one does not")
    return sown[FEATURES][0]


def coupling(discriminator: Any, variables: PyTree) -> str:
    """Returns what couples the examples of a batch in a discriminator, "" where nothing does."""
    if "batch_stats" in variables["stats"]:
        return "batch norm"
    return "minibatch discrimination" if compares_batch(discriminator) else ""


def require_labels(batch: dict[str, Array], classes: int) -> None:
    """Raises UsageError where labels are needed and the data have none."""
    if classes and "label" not in batch:
        raise UsageError(f"classes is {classes} and the data has no labels: choose labelled data, or set classes to 0")
