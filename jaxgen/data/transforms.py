"""What happens to a stored image on its way into a batch, inside the compiled step.

What is drawn for an example is a hash of the data's seed and the example's global position: the same on any device, and
on any number of them. The functions of one example take its random word, uint32[], and its image uint8[height, width,
channel].
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.data import order
from jaxgen.data.config import Config
from jaxgen.errors import UsageError

# What an example's random word is hashed with for each purpose.
TOP, LEFT, FLIP, NOISE, ROTATION = (np.uint32(purpose) for purpose in range(5))

# A product has the same bits compiled and not; XLA turns a quotient by a constant into a product in one of the two.
GRAY_LEVEL = np.float32(1 / 255)


def example_draws(seed: Array, epoch: Array, position: Array) -> Array:
    """Returns one random word per example.

    Args:
      seed: uint32[], the data's.
      epoch: uint32[n].
      position: uint32[n], in the epoch.
    Returns:
      uint32[n].
    """
    # The complement, because the order of images starts from the hash of the seed itself.
    return order.absorb(order.absorb(order.mix(~seed), epoch), position)


def crop(draw: Array, image: Array, size: tuple[int, int]) -> Array:
    """Returns a window of the image, each one as likely as the others.

    Args:
      draw: uint32[], the example's random word.
      image: [height, width, channel], at least as large as the window.
      size: height and width of the window in pixels.
    Returns:
      [*size, channel].
    """
    height, width, channels = image.shape
    top = order.absorb(draw, TOP) % (height - size[0] + 1)
    left = order.absorb(draw, LEFT) % (width - size[1] + 1)
    return lax.dynamic_slice(image, (top, left, jnp.uint32(0)), (*size, channels))


def flip(draw: Array, image: Array) -> Array:
    """Returns the image, left and right exchanged half of the time."""
    return jnp.where(order.absorb(draw, FLIP) % 2 == 0, image, image[:, ::-1])


def rotate(draw: Array, image: Array) -> Array:
    """Returns the image [side, side, channel], rotated by 0, 90, 180 or 270 degrees, each with probability 1/4.

    Raises:
      UsageError: if it is not square.
    """
    height, width, _ = image.shape
    if height != width:
        raise UsageError(
            f"data.rotate on images of {height}x{width}: it needs square ones; give data.size one number, or "
            "--data.no-rotate"
        )
    quarters = order.absorb(draw, ROTATION) % 4
    image = jnp.where(quarters % 2 == 0, image, jnp.rot90(image))
    return jnp.where(quarters < 2, image, image[::-1, ::-1])


def dequantize(draw: Array, image: Array) -> Array:
    """Returns (x + u) / 256 with u uniform in [0, 1): its density bounds the grey levels' likelihood from below.

    Args:
      draw: uint32[], the example's random word.
      image: uint8[height, width, channel].
    Returns:
      float32[height, width, channel] in [0, 1].
    Reference: Theis, van den Oord, Bethge 2016, section 3.1.
    """
    values = np.arange(math.prod(image.shape), dtype=np.uint32).reshape(image.shape)
    noise = (order.absorb(order.absorb(draw, NOISE), values) >> 8).astype(jnp.float32) * np.float32(2**-24)
    return (image.astype(jnp.float32) + noise) * np.float32(1 / 256)


def apply(images: Array, draws: Array, config: Config) -> Array:
    """Returns stored images as a batch: cropped, flipped, rotated and dequantized as the configuration says.

    Args:
      images: uint8[n, height, width, channel].
      draws: uint32[n], the examples' random words.
      config: its `size`, `fit`, `flip`, `rotate` and `dequantize` count.
    Returns:
      float32[n, height, width, channel] in [0, 1].
    """

    def one(draw: Array, image: Array) -> Array:
        if config.frame and config.fit == "crop":
            image = crop(draw, image, config.frame)
        if config.flip:
            image = flip(draw, image)
        if config.rotate:
            image = rotate(draw, image)
        return dequantize(draw, image) if config.dequantize else image.astype(jnp.float32) * GRAY_LEVEL

    return jax.vmap(one)(draws, images)
