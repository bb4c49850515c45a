"""The damage benchmark's pictures: damages of fixed strengths from fixed keys, so that others can compare.

A damaged picture depends on the seed, the name of the damage and the picture's number alone: whatever restores it
meets the same one, also when fewer damages are asked for. It is cut to [0, 1] and rounded to 8 bits, as a file would
hold it. Of what hides the picture there is a mask: the places whose opacity is at least 0.1, before any blur.

noise      Gaussian, σ 25 of 255
haze       procedural depth to 1, scattering coefficient 0.6 to 1.8, airlight 0.7 to 1
rust       closed patches over 25 %, with film, specks and drips around them
holes      1 to 10 strokes, 5 to 24 pixels wide, and 0 to 3 rectangles, all of one random gray
tears      1 to 4, 1.5 to 6 pixels wide
scratches  4 to 16, 0.5 to 1.6 pixels wide, opacity 0.9; dust over 0.4 %
blur       Gaussian, σ 2 pixels
jpeg       quality 10
warp       lens to 0.1, corners by up to 0.08 of the sides, waves to 0.008 of the shorter side
all        rust over 10 %, scratches, tears; then blur of σ 1, noise of σ 10, JPEG of quality 40

Widths in pixels are those of pictures of 256×256.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen import degradations
from jaxgen.data.folder import picture_paths
from jaxgen.degradations.parameters import streams, uniform
from jaxgen.errors import UsageError, unknown
from jaxgen.filters import dilate
from jaxgen.io import images

LEVELS = 255
VISIBLE = 0.1
"""Opacity from which on damage counts as hiding the picture."""

Apply = Callable[[Array, Array], tuple[Array, Array | None]]
Layer = Callable[[Array, Array], tuple[Array, Array]]


class Damage(NamedTuple):
    """One damage.

    Attributes:
      about: what it is and how strong, in words.
      apply: (key[batch], images) -> (damaged images, opacity of what hides them or None).
      score: by which ways to restore are compared, "psnr" or "masked_psnr".
    """

    about: str
    apply: Apply
    score: str


def in_all_places(change: Callable[[Array, Array], Array]) -> Apply:
    """Returns a damage that hides nothing."""
    return lambda keys, pictures: (change(keys, pictures), None)


def holes(keys: Array, pictures: Array) -> tuple[Array, Array]:
    """Returns pictures with at least one stroke cut out of each, a random gray in its holes, and the mask."""
    cut, shade = streams(keys, len(pictures), 2)
    return degradations.holes(cut, pictures, uniform(shade, len(pictures)), (1, 10), (0, 3))


def rust(coverage: float) -> Layer:
    """Returns rust with closed patches over a share of the picture."""
    return lambda keys, pictures: degradations.rust(keys, pictures, coverage)


def tears(keys: Array, pictures: Array) -> tuple[Array, Array]:
    """Returns torn pictures and the opacity."""
    return degradations.tears(keys, pictures, (1, 4), (1.5, 6.0))


def scratches(keys: Array, pictures: Array) -> tuple[Array, Array]:
    """Returns scratched and dusty pictures and the opacity."""
    return degradations.scratches(keys, pictures, (4, 16), (0.5, 1.6), 0.004, 0.9)


def ruined(keys: Array, pictures: Array) -> tuple[Array, Array]:
    """Returns pictures with every layer, then photographed and sent: blur, noise, JPEG; and the largest opacity."""
    *over, noise = streams(keys, len(pictures), 4)
    hidden = jnp.zeros((*pictures.shape[:3], 1), pictures.dtype)
    for layer, key in zip((rust(0.1), scratches, tears), over, strict=True):
        pictures, opacity = layer(key, pictures)
        hidden = jnp.maximum(hidden, opacity)
    pictures = degradations.blur(keys, pictures, 1.0)
    pictures = degradations.gaussian_noise(noise, pictures, 10 / LEVELS)
    return degradations.jpeg(keys, jnp.clip(pictures, 0, 1), 40), hidden


# A damage's place is part of its key: further ones come last.
DAMAGES = {
    "noise": Damage(
        "Gaussian noise of σ 25 of 255",
        in_all_places(lambda keys, pictures: degradations.gaussian_noise(keys, pictures, 25 / LEVELS)),
        "psnr",
    ),
    "haze": Damage(
        "haze over a procedural depth to 1, scattering coefficient 0.6 to 1.8, airlight 0.7 to 1",
        in_all_places(lambda keys, pictures: degradations.haze(keys, pictures, beta=(0.6, 1.8), airlight=(0.7, 1.0))),
        "psnr",
    ),
    "rust": Damage("rust, closed patches over a quarter of the picture", rust(0.25), "masked_psnr"),
    "holes": Damage(
        "holes filled with one gray: 1 to 10 strokes 5 to 24 pixels wide, 0 to 3 rectangles", holes, "masked_psnr"
    ),
    "tears": Damage("1 to 4 tears 1.5 to 6 pixels wide", tears, "masked_psnr"),
    "scratches": Damage("4 to 16 scratches 0.5 to 1.6 pixels wide, dust over 0.4 %", scratches, "masked_psnr"),
    "blur": Damage(
        "Gaussian blur of σ 2 pixels",
        in_all_places(lambda keys, pictures: degradations.blur(keys, pictures, 2.0)),
        "psnr",
    ),
    "jpeg": Damage(
        "JPEG of quality 10", in_all_places(lambda keys, pictures: degradations.jpeg(keys, pictures, 10)), "psnr"
    ),
    "warp": Damage(
        "lens distortion to 0.1, corners moved by up to 0.08 of the sides, waves to 0.008 of the shorter side",
        in_all_places(lambda keys, pictures: degradations.warp(keys, pictures, 0.1, 0.08, 0.008)),
        "psnr",
    ),
    "all": Damage(
        "rust over a tenth, scratches and tears, then blur of σ 1, noise of σ 10, JPEG of quality 40", ruined, "psnr"
    ),
}

MASKED = ("rust", "holes", "tears", "scratches", "all")
"""The damages of which there is a mask."""

strike = jax.jit(lambda name, keys, pictures: DAMAGES[name].apply(keys, pictures), static_argnums=0)


def damaged(name: str, picture: np.ndarray, index: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns a picture of the benchmark, and the mask of what is hidden.

    Args:
      name: of the damage, one of `DAMAGES`.
      picture: undamaged, float32[height, width, 1 or 3] in [0, 1].
      index: the picture's number in its set.
      seed: of the benchmark.
    Returns:
      (float32[height, width, channel] in [0, 1] at 256 levels; float32[height, width, 1], 1 where the picture is
      hidden and else 0, or None for a damage that hides nothing).
    Raises:
      UsageError: if there is no such damage.
    """
    if name not in DAMAGES:
        raise unknown("damage", name, DAMAGES)
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), list(DAMAGES).index(name)), index)
    made, opacity = strike(name, key[None], picture[None])
    mask = None if opacity is None else np.asarray(opacity[0] >= VISIBLE, np.float32)
    # To the bit what is read from an 8-bit file.
    return np.rint(np.clip(made[0], 0, 1) * LEVELS) / np.float32(LEVELS), mask


def widened(mask: np.ndarray, margin: int) -> np.ndarray:
    """Returns a mask as one drawn by hand: float32[height, width, 1], 1 where a pixel so near is hidden too.

    Args:
      mask: float32[height, width, 1], 1 where the picture is hidden.
      margin: pixels by which it reaches beyond that on all sides; 0: the mask itself.
    """
    return np.asarray(dilate(mask[None], margin)[0])


def centre(picture: np.ndarray, side: int, path: str) -> np.ndarray:
    """Returns the middle of a picture, [side, side, channel].

    Args:
      picture: [height, width, channel].
      side: in pixels.
      path: of the picture, for the message.
    Raises:
      UsageError: if it is smaller.
    """
    height, width = picture.shape[:2]
    if min(height, width) < side:
        raise UsageError(f"{path} is {height}×{width}: give pictures of at least {side}×{side} pixels")
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]


def read_photographs(folder: str, side: int, count: int | None = None) -> list[np.ndarray]:
    """Returns the middles of the first pictures of a folder, in the order of their paths.

    Args:
      folder: of undamaged colour pictures.
      side: in pixels.
      count: how many at most; None: all.
    Returns:
      float32[side, side, 3] in [0, 1] for each.
    Raises:
      UsageError: if there are none, or one of them is gray, too small or cannot be read.
    """
    found = []
    for path in picture_paths(folder)[:count]:
        picture = images.read(path)
        if picture.shape[-1] != 3:
            raise UsageError(f"{path} is gray: the damage benchmark is of colour photographs; take it out")
        found.append(centre(picture, side, str(path)))
    return found
