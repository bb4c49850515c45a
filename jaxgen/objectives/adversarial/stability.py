"""Metrics of the stability of adversarial training, computed inside the step, and alarms with advice.

All are means or moments over the batch on all devices, so that they do not depend on how it is sharded, and need no
synchronization with the host. Reference: Salimans et al. 2016, section 3 (collapse and its remedies); Arjovsky and
Bottou 2017, section 2 (what a discriminator that is certain does to the generator's gradient).
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.losses.adversarial import AdversarialLoss, relativistic
from jaxgen.losses.penalties import PENALTIES
from jaxgen.objectives.adversarial.diff_augment import AUGMENTATIONS
from jaxgen.training.gradients import mean_over_devices
from jaxgen.training.state import Alarm, Metrics

FLAT = 0.01
"""Slope of the loss in a logit below which the discriminator gets no gradient from an image.

With logarithms that is a sigmoid beyond 0.99, with the hinge beyond its margin, with least squares at its target.
"""

SLOW_START = 8
"""How often in a row images must be too much alike: those of an untrained generator are, for some hundred steps."""


def pixel_features(images: Array) -> Array:
    """Returns images as gray 8×8 averages, float[n, 64]: features for a Fréchet distance that needs no network."""
    gray = images.mean(-1)
    return jax.image.resize(gray, (len(gray), 8, 8), "linear", antialias=True).reshape(len(gray), 64)


def boundary(loss: AdversarialLoss, real: Array, fake: Array, axis_name: str | None) -> Array | float:
    """Returns the logit above which an image is called real.

    Where a loss looks at differences of logits alone, it is half-way between the mean logits of real and of generated
    images.
    """
    if loss.boundary is not None:
        return loss.boundary
    return mean_over_devices((real.mean() + fake.mean()) / 2, axis_name)


def discriminator_metrics(loss: AdversarialLoss, real: Array, fake: Array, axis_name: str | None) -> Metrics:
    """Returns how sure and how right a discriminator is, without a gradient.

    Args:
      loss: the pair of losses in use.
      real: float[batch], logits of real images, this device's part.
      fake: float[batch], logits of generated images.
      axis_name: the mapped axis over which the batch is spread, or None.
    Returns:
      `real_accuracy`, the fraction of real images classified as real; `false_positive`, that of generated ones;
      `saturation`, the fraction of pairs in both of whose logits the discriminator's loss is flat: it is certain
      and gets no gradient from them. The generator's gradient there depends on its own loss. A loss of constant slope
      (Wasserstein's) shows no saturation, and the metric is left out.
    """
    real, fake = lax.stop_gradient((real, fake))
    limit = boundary(loss, real, fake, axis_name)
    metrics = {
        "real_accuracy": (real > limit).mean(dtype=real.dtype),
        "false_positive": (fake > limit).mean(dtype=real.dtype),
    }
    if loss.constant_slope:
        return metrics
    slopes = jax.grad(lambda pair: loss.discriminator(*pair).sum())((real, fake))
    flat = (jnp.abs(slopes[0]) < FLAT) & (jnp.abs(slopes[1]) < FLAT)
    return metrics | {"saturation": flat.mean(dtype=real.dtype)}


def nearest(points: Array) -> Array:
    """Returns the mean distance of each point, float[n, d], to the nearest of the others; n is at least 2."""
    squares = (points * points).sum(-1)
    with jax.default_matmul_precision("highest"):
        distances = squares[:, None] + squares - 2 * points @ points.T
    apart = jnp.where(jnp.eye(len(points), dtype=bool), jnp.inf, jnp.maximum(distances, 0))
    return jnp.sqrt(apart.min(1)).mean()


def diversity(real: Array, fake: Array, axis_name: str | None) -> Metrics:
    """Returns how much generated images differ from one another, relative to how much real ones do, without a gradient.

    Both are taken on 8×8 gray pixels of the batch on all devices.

    Args:
      real: float[batch, height, width, channel], this device's part.
      fake: of the same shape.
      axis_name: the mapped axis over which the batch is spread, or None.
    Returns:
      `variance_ratio`, the ratio of the variances; `neighbour_ratio`, that of the mean distances to the nearest other
      image, which repetition brings to 0. One image alone differs from none, and both are 1.
    """
    points = pixel_features(lax.stop_gradient(jnp.concatenate([real, fake]))).reshape(2, len(real), -1)
    if axis_name is not None:
        points = lax.all_gather(points, axis_name, axis=1, tiled=True)
    if points.shape[1] == 1:
        return dict.fromkeys(("variance_ratio", "neighbour_ratio"), jnp.ones((), points.dtype))
    variances = points.var(1).mean(-1)
    distances = [nearest(kind) for kind in points]
    # Real images that are all the same must not stop a run by a ratio that is not finite.
    least = jnp.finfo(points.dtype).eps
    return {
        "variance_ratio": variances[1] / jnp.maximum(variances[0], least),
        "neighbour_ratio": distances[1] / jnp.maximum(distances[0], least),
    }


def discriminator_alarms(
    loss: AdversarialLoss, penalties: tuple[str, ...], augment: tuple[str, ...]
) -> tuple[Alarm, ...]:
    """Returns alarms of a discriminator that wins or loses, with advice that fits these options of `make_gan`."""
    weights = " and ".join(f"hyper.{PENALTIES[name].weight}" for name in penalties)
    change_weights = lambda verb: [f"{verb} {weights}"] if weights else []
    saturation = Alarm(
        "discriminator/saturation",
        high=0.95,
        advice="the discriminator is certain of nearly every image and gets no gradient: "
        + ", or ".join(["lower hyper.discriminator_scale", *advise_augmentation(augment), *change_weights("raise")]),
    )
    false_positive = Alarm(
        "discriminator/false_positive",
        high=0.95,
        advice="the discriminator classifies nearly every generated image as real: "
        + ", or ".join(["raise critic_steps or hyper.discriminator_scale", *change_weights("lower")]),
    )
    return (false_positive,) if loss.constant_slope else (saturation, false_positive)


def diversity_alarms(loss: AdversarialLoss, augment: tuple[str, ...], packing: int) -> tuple[Alarm, ...]:
    """Returns alarms of generated images that resemble one another, with advice that fits these options."""
    pack = f"set packing to {2 * packing} and batch_size to a multiple of it"
    pairs = [] if loss is relativistic else ["use the relativistic loss with penalties r1 and r2"]
    return (
        Alarm(
            "generator/variance_ratio",
            low=0.05,
            patience=SLOW_START,
            advice="generated images hardly differ from one another: "
            + ", or ".join(["lower hyper.learning_rate", pack, *pairs]),
        ),
        Alarm(
            "generator/neighbour_ratio",
            low=0.1,
            patience=SLOW_START,
            advice="generated images repeat one another: "
            + ", or ".join([pack, *advise_augmentation(augment), *pairs]),
        ),
    )


def advise_augmentation(augment: tuple[str, ...]) -> list[str]:
    """Returns the advice to augment, where nothing is augmented."""
    return [] if augment else [f"set augment to {' '.join(AUGMENTATIONS)}"]
