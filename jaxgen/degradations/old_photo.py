"""An old photograph: faded, soft and grainy, stained, scratched and torn, and scanned."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.degradations import blurring, compression, layers
from jaxgen.degradations.noise import gaussian_noise
from jaxgen.degradations.parameters import streams, uniform, wide
from jaxgen.degradations.stains import foxing, stain
from jaxgen.degradations.wear import scratches, tears
from jaxgen.io.images import LUMA

SEPIA = np.array([1.0, 0.87, 0.68], np.float32)
KERNEL = 9


def fade(images: Array, amount: float | Array, sepia: float | Array = 0.0) -> Array:
    """Returns the images with less contrast, lifted shadows and, in colour, browned.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1].
      amount: of the contrast that is lost, in [0, 1), one or float[batch].
      sepia: how far colours go to brown, in [0, 1], one or float[batch]; gray images stay gray.
    Returns:
      float[batch, height, width, channel] in [0, 1].
    Raises:
      ValueError: if there is not one of each and not one for each image.
    """
    images = layers.pictures(images)
    lost, brown = (
        layers.for_each(name, value, len(images)).reshape(-1, 1, 1, 1).astype(images.dtype)
        for name, value in (("amount", amount), ("sepia", sepia))
    )
    if images.shape[-1] == 3:
        luma = (images * LUMA).sum(-1, keepdims=True)
        images = images + brown * (luma * SEPIA - images)
    return images * (1 - lost) + 0.6 * lost


def old_photo(key: Array, images: Array) -> tuple[Array, Array]:
    """Returns the images as scans of old photographs, and the mask of what stains, scratches and tears hide.

    In the order in which it happened: the lens was soft, the picture faded and browned, foxing and water stained it, it
    was scratched and torn, and the scan added noise and JPEG's blocks. How strong each is, is drawn for each image.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1].
    Returns:
      (float[batch, height, width, channel] in [0, 1], float32[batch, height, width, 1]: 1 is hidden).
    """
    images = layers.pictures(images)
    count, dtype = len(images), images.dtype
    soft, faded, brown, fox, water, scratched, torn, level, noise, file = streams(key, count, 10)
    images = blurring.gaussian_blur(wide(images), uniform(soft, count, 0.2, 1.5), KERNEL)
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
