"""What tells, inside the step, that adversarial training goes wrong, and what to try then.

All are means or moments over the batch on all devices, so that they do not depend on how it is spread, and need no word
from the host. Reference: Salimans et al. 2016, section 3 (collapse and its remedies); Arjovsky and Bottou 2017, section
2 (a discriminator that is certain gives no gradient).
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.losses import adversarial
from jaxgen.losses.adversarial import AdversarialLoss
from jaxgen.step.gradients import mean_over_devices
from jaxgen.step.state import Alarm, Metrics

FLAT = 0.01
"""Slope of the loss in a logit below which an image teaches nothing: a sigmoid beyond 0.99."""

SLOW_START = 8
"""How often in a row images must be too much alike: those of an untrained generator are, for some hundred steps."""

BOUNDARIES = {
    adversarial.minimax.discriminator: 0.0,
    adversarial.hinge.discriminator: 0.0,
    adversarial.least_squares.discriminator: 0.5,
}
"""The logit above which an image is called real, by discriminator loss; the others know only differences of logits."""

ALARMS = (
    Alarm(
        "discriminator/saturation",
        high=0.95,
        advice="the discriminator is certain of nearly every image and teaches nothing: add --penalties r1 r2 (in "
        "place of batch norm) or --augment color translation cutout, or lower hyper.discriminator_scale",
    ),
    Alarm(
        "discriminator/false_positive",
        high=0.95,
        advice="the discriminator calls nearly every generated image real: raise critic_steps or "
        "hyper.discriminator_scale, or lower the penalties' weights",
    ),
    Alarm(
        "generator/variance_ratio",
        low=0.05,
        patience=SLOW_START,
        advice="generated images hardly differ from one another: try --packing 2, --loss relativistic with --penalties "
        "r1 r2, or a lower learning rate",
    ),
    Alarm(
        "generator/neighbour_ratio",
        low=0.1,
        patience=SLOW_START,
        advice="generated images repeat one another: try --packing 2, --minibatch-kernels 16, or --loss relativistic "
        "with --penalties r1 r2",
    ),
)


def pixel_features(images: Array) -> Array:
    """Returns images as gray 8×8 averages, float[n, 64]: features for a Fréchet distance that needs no network."""
    gray = images.mean(-1)
    return jax.image.resize(gray, (len(gray), 8, 8), "linear", antialias=True).reshape(len(gray), 64)


def boundary(loss: AdversarialLoss, real: Array, fake: Array, axis_name: str | None) -> Array | float:
    """Returns the logit above which an image is called real.

    Where a loss looks at differences of logits alone, it is half-way between the mean logits of real and of generated
    images.
    """
    if loss.discriminator in BOUNDARIES:
        return BOUNDARIES[loss.discriminator]
    return mean_over_devices((real.mean() + fake.mean()) / 2, axis_name)


def discriminator_metrics(loss: AdversarialLoss, real: Array, fake: Array, axis_name: str | None) -> Metrics:
    """Returns how sure and how right a discriminator is, without a gradient.

    Args:
      loss: the pair of losses in use.
      real: float[batch], logits of real images, this device's share.
      fake: float[batch], logits of generated images.
      axis_name: the mapped axis over which the batch is spread, or None.
    Returns:
      `real_accuracy`, the share of real images called real; `false_positive`, that of generated ones called real;
      `saturation`, the share of pairs in both of whose logits the discriminator's loss is flat.
    """
    real, fake = lax.stop_gradient((real, fake))
    limit = boundary(loss, real, fake, axis_name)
    slopes = jax.grad(lambda pair: loss.discriminator(*pair).sum())((real, fake))
    flat = (jnp.abs(slopes[0]) < FLAT) & (jnp.abs(slopes[1]) < FLAT)
    return {
        "real_accuracy": (real > limit).mean(dtype=real.dtype),
        "false_positive": (fake > limit).mean(dtype=real.dtype),
        "saturation": flat.mean(dtype=real.dtype),
    }


def nearest(points: Array) -> Array:
    """Returns the mean distance of each point, float[n, d], to the nearest of the others; 0 where it is alone."""
    if len(points) == 1:
        return jnp.zeros((), points.dtype)
    squares = (points * points).sum(-1)
    with jax.default_matmul_precision("highest"):
        distances = squares[:, None] + squares - 2 * points @ points.T
    apart = jnp.where(jnp.eye(len(points), dtype=bool), jnp.inf, jnp.maximum(distances, 0))
    return jnp.sqrt(apart.min(1)).mean()


def diversity(real: Array, fake: Array, axis_name: str | None) -> Metrics:
    """Returns how much generated images differ from one another, relative to how much real ones do, without a gradient.

    Both are taken on 8×8 gray pixels of the batch on all devices.

    Args:
      real: float[batch, height, width, channel], this device's share.
      fake: of the same shape.
      axis_name: the mapped axis over which the batch is spread, or None.
    Returns:
      `variance_ratio`, the ratio of the variances; `neighbour_ratio`, that of the mean distances to the nearest other
      image, which repetition brings to 0.
    """
    points = pixel_features(lax.stop_gradient(jnp.concatenate([real, fake]))).reshape(2, len(real), -1)
    if axis_name is not None:
        points = lax.all_gather(points, axis_name, axis=1, tiled=True)
    variances = points.var(1).mean(-1)
    distances = [nearest(kind) for kind in points]
    # Real images that are all the same must not stop a run by a ratio that is not finite.
    least = jnp.finfo(points.dtype).eps
    return {
        "variance_ratio": variances[1] / jnp.maximum(variances[0], least),
        "neighbour_ratio": distances[1] / jnp.maximum(distances[0], least),
    }
