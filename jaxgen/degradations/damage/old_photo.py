"""An old photograph: faded, soft and grainy, stained, scratched and torn, and scanned."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.degradations import compression, deterministic
from jaxgen.degradations.damage.stains import foxing, stain
from jaxgen.degradations.damage.wear import scratches, tears
from jaxgen.degradations.draws import at_least_float32, gray_or_color, per_image_values, split_keys, uniform
from jaxgen.degradations.noise import gaussian_noise
from jaxgen.degradations.registry import at_defaults, register
from jaxgen.io.images import LUMA

SEPIA = np.array([1.0, 0.87, 0.68], np.float32)
KERNEL = 9


def fade(images: Array, amount: float | Array, sepia: float | Array = 0.0) -> Array:
    """Fades images: reduces contrast, lifts shadows and tints colors brown.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1].
      amount: fraction of the contrast that is lost, in [0, 1), one or float[batch].
      sepia: strength of the brown tint, in [0, 1], one or float[batch]; gray images stay gray.
    Returns:
      float[batch, height, width, channel] in [0, 1].
    Raises:
      ValueError: if the number of a parameter's values is neither 1 nor the batch size.
    """
    images = gray_or_color(images)
    loss, tint = (
        per_image_values(name, value, len(images)).reshape(-1, 1, 1, 1).astype(images.dtype)
        for name, value in (("amount", amount), ("sepia", sepia))
    )
    if images.shape[-1] == 3:
        luma = (images * LUMA).sum(-1, keepdims=True)
        images = images + tint * (luma * SEPIA - images)
    return images * (1 - loss) + 0.6 * loss


def old_photo(key: Array, images: Array) -> tuple[Array, Array]:
    """Simulates scans of old photographs, and returns the images and the opacity of stains, scratches and tears.

    In this order: blur, fading and browning, foxing and water stains, scratches and tears, noise and JPEG. All
    strengths are random for each image.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1].
    Returns:
      (float[batch, height, width, channel] in [0, 1], opacity float32[batch, height, width, 1]).
    """
    images = gray_or_color(images)
    count, dtype = len(images), images.dtype
    soft, faded, brown, fox, water, scratched, torn, level, noise, file = split_keys(key, count, 10)
    images = deterministic.blur(soft, at_least_float32(images), uniform(soft, count, 0.2, 1.5), KERNEL)
    images = fade(images, uniform(faded, count, 0.0, 0.5), uniform(brown, count))
    visible = jnp.ones((*images.shape[:-1], 1), jnp.float32)
    for damage in (
        lambda x: foxing(fox, x, density=0.15),
        lambda x: stain(water, x, count=(0, 2), strength=0.6),
        lambda x: scratches(scratched, x),
        lambda x: tears(torn, x, count=(0, 2)),
    ):
        images, alpha = damage(images)
        visible = visible * (1 - alpha)
    images = gaussian_noise(noise, images, uniform(level, count, 0.0, 15 / 255))
    return compression.jpeg(images, uniform(file, count, 50, 95)).astype(dtype), 1 - visible


register(
    old_photo,
    "a scanned old photograph: faded, stained, scratched, torn",
    sample=at_defaults(old_photo),
    returns="opacity",
)
