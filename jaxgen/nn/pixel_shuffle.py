"""Pixels moved into channels and back, so that a network works on a smaller image and loses nothing."""

from jax import Array


def space_to_depth(images: Array, factor: int) -> Array:
    """Returns each block of pixels as the channels of one, float[b, h, w, c] -> float[b, h / f, w / f, c · f²].

    Args:
      images: float[batch, height, width, channel]; the factor divides height and width.
      factor: side of a block, pixels.
    Returns:
      Channels of one original channel are neighbours: its block row by row, as in PyTorch's PixelUnshuffle.
    Reference: Shi et al. 2016, equation 4, backwards.
    """
    batch, height, width, channels = images.shape
    blocks = images.reshape(batch, height // factor, factor, width // factor, factor, channels)
    return blocks.transpose(0, 1, 3, 5, 2, 4).reshape(
        batch, height // factor, width // factor, channels * factor * factor
    )


def depth_to_space(images: Array, factor: int) -> Array:
    """Returns the channels of each pixel as a block of pixels, the inverse of `space_to_depth`.

    Args:
      images: float[batch, height, width, channel · factor²].
      factor: side of a block, pixels.
    Returns:
      float[batch, height · factor, width · factor, channel].
    Reference: Shi et al. 2016, equation 4.
    """
    batch, height, width, depth = images.shape
    channels = depth // (factor * factor)
    blocks = images.reshape(batch, height, width, channels, factor, factor)
    return blocks.transpose(0, 1, 4, 2, 5, 3).reshape(batch, height * factor, width * factor, channels)
