"""Applies a network that computes maps from a thumbnail of an image to the image, some rows at a time.

The image is resized along its longer side first, as `jax.image.resize` does, so that both give the same thumbnail.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

BAND = 256
"""Rows that are resized or restored at once: a whole image of 24 megapixels would take 1 GB."""

PyTree = Any


def has_thumbnail(module: Any) -> bool:
    """Returns whether a module computes maps of an image from a thumbnail, as `models.restoration.dehazer.Dehazer`."""
    return hasattr(module, "maps") and hasattr(module, "apply_maps")


def compile_bands(module: Any, variables: PyTree) -> Callable[[np.ndarray], Iterator[np.ndarray]]:
    """Returns the function that yields a module's output for an image, some rows at a time from above.

    The rows of the image that belong to what was yielded may be overwritten before the next is asked for.

    Args:
      module: with `side`, `maps` and `apply_maps`; see `has_thumbnail`.
      variables: of the module.
    Returns:
      float32[height, width, channel] -> iterator of float32[rows, width, channel].
    """
    on_device = jax.device_put(variables)
    compute = jax.jit(lambda variables, thumbnail: module.apply(variables, thumbnail, False, method="maps"))

    @jax.jit
    def restore(images: jax.Array, maps: jax.Array) -> jax.Array:
        size = (*images.shape[:3], maps.shape[-1])
        return module.apply_maps(images, jax.image.resize(maps, size, "linear"))

    def bands(image: np.ndarray) -> Iterator[np.ndarray]:
        maps = compute(on_device, thumbnail(image, module.side)[None])
        tall = resize(maps, (1, len(image), *maps.shape[2:]))
        for top in range(0, len(image), BAND):
            rows = slice(top, top + BAND)
            yield np.array(restore(jnp.asarray(image[None, rows]), tall[:, rows])[0])

    return bands


@partial(jax.jit, static_argnames="shape")
def resize(images: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Resizes images by linear interpolation, of a mean where they become smaller."""
    return jax.image.resize(images, shape, "linear")


def thumbnail(image: np.ndarray, side: int) -> np.ndarray:
    """Returns an image[height, width, channel] resized to float32[side, side, channel]."""
    height, width, channels = image.shape
    if height > width:
        return thumbnail(image.swapaxes(0, 1), side).swapaxes(0, 1)
    bands = [image[None, top : top + BAND] for top in range(0, height, BAND)]
    narrow = np.concatenate([resize(jnp.asarray(band), (1, band.shape[1], side, channels)) for band in bands], 1)
    return np.asarray(resize(jnp.asarray(narrow), (1, side, side, channels))[0])
