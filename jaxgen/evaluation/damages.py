"""The images of the damage benchmark: degradations at fixed strengths from fixed keys, so that results can be compared.

A damaged image depends on the seed, the name of the damage and the image's index alone. It is clipped to [0, 1] and
rounded to 8 bits, like an image file. Damage that hides pixels has a mask: the pixels whose opacity is at least 0.1,
before any blur. Widths in pixels are those of images of 256×256.
"""

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen import degradations
from jaxgen.data.sources.listing import image_paths
from jaxgen.degradations.draws import split_keys
from jaxgen.degradations.registry import DEGRADATIONS, OPACITY_THRESHOLD
from jaxgen.errors import UsageError, unknown
from jaxgen.filters import dilate
from jaxgen.io import images

LEVELS = 255
PUBLISHED = ("noise", "haze", "rust", "holes", "tears", "scratches", "blur", "jpeg", "warp", "all")
"""The damages of the published results: the position of a name here is part of its key."""


class Damage(NamedTuple):
    """One damage of the benchmark.

    Attributes:
      about: what it is and how strong, in words.
      apply: (key[batch], images) -> images, or (images, opacity) with `has_mask`.
      has_mask: whether it hides pixels.
      score: the metric by which methods are compared, "psnr" or "masked_psnr".
    """

    about: str
    apply: Callable[[Array, Array], Any]
    has_mask: bool
    score: str


def apply_all(keys: Array, clean: Array) -> tuple[Array, Array]:
    """Returns images with rust, scratches and tears, then blurred, noisy and compressed; and the largest opacity."""
    *for_overlays, for_noise = split_keys(keys, len(clean), 4)
    overlays = (
        lambda key, x: degradations.rust(key, x, 0.1),
        lambda key, x: degradations.scratches(key, x, (4, 16), (0.5, 1.6), 0.004, 0.9),
        lambda key, x: degradations.tears(key, x, (1, 4), (1.5, 6.0)),
    )
    opacity = jnp.zeros((*clean.shape[:3], 1), clean.dtype)
    degraded = clean
    for overlay, key in zip(overlays, for_overlays, strict=True):
        degraded, added = overlay(key, degraded)
        opacity = jnp.maximum(opacity, added)
    degraded = degradations.blur(keys, degraded, 1.0)
    degraded = degradations.gaussian_noise(for_noise, degraded, 10 / LEVELS)
    return degradations.jpeg(keys, jnp.clip(degraded, 0, 1), 40), opacity


def registered_damages() -> dict[str, Damage]:
    """Returns the damages of the benchmark by name: the published ones first, then the other registered ones."""
    damages = {}
    for name, entry in DEGRADATIONS.items():
        if entry.benchmark:
            has_mask = entry.returns == "opacity"
            score = "masked_psnr" if has_mask else "psnr"
            damages[name] = Damage(entry.benchmark.about, entry.benchmark.apply, has_mask, score)
    about = "rust over a tenth, scratches and tears, then blur of σ 1, noise of σ 10, JPEG of quality 40"
    damages["all"] = Damage(about, apply_all, True, "psnr")
    return {name: damages[name] for name in dict.fromkeys((*PUBLISHED, *damages))}


DAMAGES = registered_damages()
"""Every damage of the benchmark by name."""

apply_damage = jax.jit(lambda name, keys, clean: DAMAGES[name].apply(keys, clean), static_argnums=0)


def damage_image(name: str, image: np.ndarray, index: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns a damaged image of the benchmark, and the mask of its hidden pixels.

    Args:
      name: of the damage, a key of `DAMAGES`.
      image: undamaged, float32[height, width, 1 or 3] in [0, 1].
      index: the image's index in its set.
      seed: of the benchmark.
    Returns:
      (float32[height, width, channel] in [0, 1] at 256 levels; float32[height, width, 1], 1 where a pixel is hidden
      and else 0, or None for a damage that hides nothing).
    Raises:
      UsageError: if there is no such damage.
    """
    if name not in DAMAGES:
        raise unknown("damage", name, DAMAGES)
    number = PUBLISHED.index(name) if name in PUBLISHED else zlib.crc32(name.encode())
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), number), index)
    result = apply_damage(name, key[None], image[None])
    degraded, opacity = result if DAMAGES[name].has_mask else (result, None)
    mask = None if opacity is None else np.asarray(opacity[0] >= OPACITY_THRESHOLD, np.float32)
    # Bit for bit what an 8-bit file holds.
    return np.rint(np.clip(degraded[0], 0, 1) * LEVELS) / np.float32(LEVELS), mask


def dilate_mask(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Returns a dilated mask, as one drawn by hand, float32[height, width, 1].

    Args:
      mask: float32[height, width, 1], 1 where a pixel is hidden.
      pixels: by which the mask grows on all sides.
    """
    return np.asarray(dilate(jnp.asarray(mask[None]), pixels)[0])


def center_crop(image: np.ndarray, side: int, path: str) -> np.ndarray:
    """Returns the central square of an image, [side, side, channel].

    Args:
      image: [height, width, channel].
      side: in pixels.
      path: of the image, for the message.
    Raises:
      UsageError: if the image is smaller.
    """
    height, width = image.shape[:2]
    if min(height, width) < side:
        raise UsageError(f"{path} is {height}×{width}: give images of at least {side}×{side} pixels")
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def read_squares(folder: str, side: int) -> list[np.ndarray]:
    """Returns the central squares of all images of a folder, float32[side, side, 1 or 3] in [0, 1], sorted by path.

    Raises:
      UsageError: if there are none, or one of them is too small or cannot be read.
    """
    return [center_crop(images.read(path), side, str(path)) for path in image_paths(folder)]


def read_photographs(folder: str, side: int, count: int | None = None) -> list[np.ndarray]:
    """Returns the central squares of the first images of a folder, sorted by path.

    Args:
      folder: of undamaged color images.
      side: in pixels.
      count: largest number of images; None: all.
    Returns:
      float32[side, side, 3] in [0, 1] for each.
    Raises:
      UsageError: if there are none, or one of them is gray, too small or cannot be read.
    """
    crops = []
    for path in image_paths(folder)[:count]:
        image = images.read(path)
        if image.shape[-1] != 3:
            raise UsageError(f"{path} is gray: the damage benchmark takes color photographs; remove it")
        crops.append(center_crop(image, side, str(path)))
    return crops
