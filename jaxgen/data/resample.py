"""Stored images brought to the size and the channels asked for, once, on the host, in NumPy.

An image has the same bits whether it comes alone or among many: a set read while training equals one held in memory.
"""

import functools

import numpy as np

from jaxgen.data.config import Config
from jaxgen.errors import UsageError
from jaxgen.host_memory import require_room
from jaxgen.io.images import LUMA, MAX_SIXTEEN_BITS
from jaxgen.sampling import cubic

MIN_LOW_BITS, MAX_LOW_BITS = 10, 12
"""Bits of a camera or a scanner whose values are stored in 16."""
# Values that are resampled together, as many as stay in the cache.
SLAB = 2**18


@functools.cache
def taps(length: int, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns which samples of a line make each new one, and with what weights; shrinking widens the kernel as much.

    Args:
      length: samples there are.
      target: number of output samples.
    Returns:
      (int64[k, target], float32[k, target]), the weights of each new sample adding up to 1.
    """
    scale = length / target
    centre = (np.arange(target) + 0.5) * scale - 0.5
    weights = cubic((np.arange(length)[:, None] - centre) / max(scale, 1.0))
    first = (weights != 0).argmax(0)
    last = length - 1 - (weights[::-1] != 0).argmax(0)
    k = (last - first).max() + 1
    index = np.minimum(first, length - k) + np.arange(k)[:, None]
    return index, (np.take_along_axis(weights, index, 0) / weights.sum(0)).astype(np.float32)


def resample(images: np.ndarray, axis: int, target: int) -> np.ndarray:
    """Returns images as float32, resampled along one axis.

    A sum over taps and not a matrix product: BLAS's threads would wait for the cores that train.
    """
    shape = [1] * images.ndim
    shape[axis] = target
    out = np.zeros((), np.float32)
    for index, weight in zip(*taps(images.shape[axis], target), strict=True):
        out = out + np.take(images, index, axis) * weight.reshape(shape)
    return out


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Returns the nearest grey levels uint8 of values in [0, 255]; what lies outside is cut."""
    return np.rint(np.clip(images, 0, 255)).astype(np.uint8)


def white_hint(largest: int, white: int) -> str:
    """Returns a line about 16-bit gray values that are too dark for 16 bits; empty where they are not.

    Args:
      largest: of the values.
      white: the value that counts as white.
    """
    bits = max(largest.bit_length(), MIN_LOW_BITS)
    if white < MAX_SIXTEEN_BITS or bits > MAX_LOW_BITS:
        return ""
    return (
        f"warning: the 16-bit values go up to {largest}, and {white} is white: where {bits} bits are stored in 16, set "
        f"data.white to {2**bits - 1}"
    )


def resize(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns images resampled by cubic convolution, antialiased where they shrink.

    Args:
      images: uint8[n, h, w, c].
      height: in pixels.
      width: in pixels.
    Returns:
      uint8[n, height, width, c].
    Reference: Keys 1981.
    """
    if images.shape[1:3] == (height, width):
        return images
    return to_uint8(resample(resample(images, 1, height), 2, width))


def center_window(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns the largest window in the middle of images [n, h, w, c] that has the shape of height x width pixels."""
    h, w = images.shape[1:3]
    tall, wide = min(h, max(1, round(w * height / width))), min(w, max(1, round(h * width / height)))
    top, left = (h - tall) // 2, (w - wide) // 2
    return images[:, top : top + tall, left : left + wide]


def pad(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns images [n, h, w, c] in the middle of black ones of height x width pixels.

    Raises:
      UsageError: if the images are larger than that.
    """
    h, w = images.shape[1:3]
    if h > height or w > width:
        raise UsageError(f"an image of {h}x{w} cannot be padded to {height}x{width}: use fit resize or crop")
    top, left = (height - h) // 2, (width - w) // 2
    return np.pad(images, ((0, 0), (top, height - h - top), (left, width - w - left), (0, 0)))


def convert_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """Returns images with one channel (BT.601 luma, full range) or three (the one repeated).

    Args:
      images: uint8[n, h, w, c].
      channels: 1, 3, or 0 for as many as there are.
    Returns:
      uint8[n, h, w, channels].
    Raises:
      UsageError: if the images have neither one nor three channels and others are asked for.
    """
    stored = images.shape[-1]
    if channels in {0, stored}:
        return images
    if stored == 1:
        return np.repeat(images, channels, -1)
    if stored != 3:
        raise UsageError(f"images of {stored} channels cannot become {channels}: only 1 and 3 convert, 0 keeps them")
    return to_uint8((images * LUMA).sum(-1, keepdims=True))


def fit(images: np.ndarray, config: Config) -> np.ndarray:
    """Returns images as they are stored for a configuration; the random crop itself happens in the step.

    Args:
      images: uint8[n, h, w, c].
      config: its `size`, `channels` and `fit` count.
    Returns:
      uint8[n, height, width, channel].
    Raises:
      UsageError: if the images cannot come to that size or those channels.
    """
    together = max(1, SLAB // max(1, images[0].size))
    if config.frame and config.fit != "crop":
        (height, width), channels = config.frame, config.channels or images.shape[-1]
        # Of the images that are resampled together there is a copy of 4 bytes a value.
        values = (len(images) + 4 * min(together, len(images))) * height * width * channels
        purpose = f"resampling {len(images)} images to {height}x{width} pixels"
        require_room(values, purpose, "lower data.size")
    return np.concatenate([fit_slab(images[i : i + together], config) for i in range(0, len(images), together)])


def fit_slab(images: np.ndarray, config: Config) -> np.ndarray:
    """Returns what `fit` does, with floating-point copies of all the images at once."""
    images = convert_channels(images, config.channels)
    if config.frame is None:
        return images
    (h, w), (height, width) = images.shape[1:3], config.frame
    if config.fit == "resize":
        return resize(center_window(images, height, width), height, width)
    if config.fit == "pad":
        return pad(images, height, width)
    if h < height or w < width:
        raise UsageError(f"an image of {h}x{w} is smaller than the crop of {height}x{width}")
    return images
