"""Restores, and detects damage and noise in, the images that a Python caller has: the functions `jaxgen.restore`,
`jaxgen.detect_damage` and `jaxgen.estimate_noise`.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from jaxgen.errors import UsageError
from jaxgen.io import conversion, formats, photographs
from jaxgen.io.photographs import Photograph
from jaxgen.restoration import inference, tasks
from jaxgen.restoration.analysis import detection
from jaxgen.restoration.files import tile_progress
from jaxgen.restoration.inference import Restoration, Settings
from jaxgen.restoration.masks import Color, mask_of, mask_of_array, read_mask
from jaxgen.restoration.restorer import Progress, no_progress
from jaxgen.restoration.transparency import with_extended_colors

if TYPE_CHECKING:
    from jaxgen.io.conversion import Image


def restore(
    image: "Image",
    task: str = "auto",
    *,
    sigma: float | None = None,
    mask: "Image | None" = None,
    mask_color: Color | None = None,
    scale: int | None = None,
    strength: float = 1.0,
    ensemble: bool = False,
    tile_size: int | None = None,
    force: bool = False,
    out: str | os.PathLike | None = None,
    progress: bool | Callable[[int, int], None] = False,
) -> Any:
    """Restores a photograph, or a batch of images, by the networks that come with the package.

    It takes no traced images. In a `jax.jit` of your own apply a network's module: see
    `jaxgen.restoration.pretrained.read`.

    >>> import jaxgen, numpy as np
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (32, 32)).clip(0, 1).astype("float32")
    >>> clean = jaxgen.restore(noisy, "denoise", sigma=25.5)
    >>> clean.shape, clean.dtype, bool(clean.std() < 0.2 * noisy.std())
    ((32, 32), dtype('float32'), True)

    Args:
      image: a path; a Pillow image of mode L, LA, RGB, RGBA or I;16; or an array [height, width],
        [height, width, 1, 3 or 4] or [n, height, width, 1, 3 or 4] of NumPy or JAX, uint8 in 0 to 255 or floating point
        in [0, 1]. A fourth channel is alpha, which is kept.
      task: "auto" (removes what it detects: JPEG's traces, noise, rust, tears, scratches, blur), "denoise", "dehaze",
        "deblur", "dejpeg", "superres", "derust", "scratches", "inpaint" or "detect" (the result is the mask of the
        damage, of one channel).
      sigma: standard deviation of the noise in gray levels of 0-255, for "denoise" and "auto"; None: estimated.
      mask: where the image is damaged, for "inpaint", "scratches", "derust" and "auto". A path or a Pillow image,
        white there, or a copy of the image that is painted on; or an array bool (True), uint8 (255) or floating point
        (1), [height, width] or [height, width, 1], of a batch [n, height, width] or [n, height, width, 1]. Whatever a
        soft brush touched is damaged. None: damage is detected; "inpaint" needs a mask.
      mask_color: "white" or "black", that of the damage in the mask; None: white, and more than half is refused.
      scale: factor by which the result is larger, for "superres": 4. None: that of the task.
      strength: fraction of the change that is applied, 0 to 1.
      ensemble: whether to average over eight flipped and rotated views: better, and 8 times as slow.
      tile_size: side of the largest tile, 64 to 1024 pixels; None: chosen. It never changes the result.
      force: whether to restore also where what is detected is not sure; not for "auto", "superres" and "inpaint".
      out: file for the result, of a single image. Its suffix names the format; 16 bits and metadata of a file are kept.
      progress: True: shows the tiles done on a terminal; a function: takes the number of tiles done and of all tiles.
    Returns:
      a Pillow image for a path (of 8 bits a channel, and of 16 for a gray file of 16), with what was done in
      `info["restoration"]`; otherwise the kind, shape, dtype and range that were given. The image is never changed.
    Raises:
      jaxgen.errors.UsageError: if an argument must be corrected; it is a ValueError.
    """
    settings = Settings(sigma, strength, ensemble, tile_size, force=force)
    restoration = tasks.choose(task, settings, has_mask=mask is not None)
    factor = tasks.TASKS[task].scale
    if scale not in {None, factor}:
        advice = "leave scale out, or choose superres" if factor == 1 else f"give {factor}"
        raise UsageError(f"scale {scale}: task {task} enlarges by {factor}; {advice}")
    return apply_to_images(
        restoration, image, settings, mask=mask, mask_color=mask_color, scale=factor, out=out, progress=progress
    )


def apply_to_images(
    restoration: Restoration,
    image: "Image",
    settings: Settings,
    *,
    mask: "Image | None" = None,
    mask_color: Color | None = None,
    scale: int = 1,
    out: str | os.PathLike | None = None,
    progress: bool | Callable[[int, int], None] = False,
) -> Any:
    """Returns what a restoration makes of the images in an argument; see `restore`.

    Args:
      restoration: of one photograph.
      image, mask, mask_color, out, progress: see `restore`.
      scale: size of the results as a multiple of the images', by which `out` is checked before the work.
      settings: of the restoration, without a mask.
    """
    given = conversion.read(image)
    masks = read_masks(mask, given, mask_color)
    show = chosen_progress(progress)
    if out is not None:
        given = given._replace(photographs=[fitted_to(Path(out), image, given, scale)])
    results, messages = [], []
    for photograph, one in zip(given.photographs, masks, strict=True):
        result = restoration(photograph, settings._replace(mask=one), show)
        pixels, message = result.pixels, result.message
        factor = pixels.shape[0] // photograph.pixels.shape[0]
        alpha = None if photograph.alpha is None else inference.upsampled(photograph.alpha, factor)
        results.append(photographs.with_pixels(photograph, pixels, alpha))
        messages.append(", ".join(filter(None, (message, *photograph.notes))))
    if out is not None:
        conversion.write(Path(out), results[0])
    result = given.rebuild(results)
    if hasattr(result, "info"):
        result.info["restoration"] = messages[0]
    return result


def fitted_to(out: Path, image: "Image", given: conversion.Images, scale: int) -> Photograph:
    """Returns the photograph of an argument with what a file can hold of its metadata.

    Raises:
      UsageError: where the result cannot be written to that file, before the work is done.
    """
    if given.is_batch:
        raise UsageError(f"out {out}: a file holds one image, and this is a batch; leave out out=")
    if isinstance(image, str | os.PathLike) and out.resolve() == Path(image).resolve():
        raise UsageError(f"out {out} is the photograph itself, which is never replaced: give another file")
    photograph = given.photographs[0]._replace(kind=conversion.format_of(out), read_kind="")
    height, width = (scale * side for side in photograph.pixels.shape[:2])
    if reason := formats.misfit(photograph.kind, height, width, has_alpha=photograph.alpha is not None):
        raise UsageError(f"out {out}: {reason}; give a file that ends in .png")
    return photographs.fitted(photograph, scale)


def chosen_progress(progress: bool | Progress) -> Progress:
    """Returns the function that takes the tiles done: the caller's, one that shows them on a terminal, or neither."""
    if callable(progress):
        return progress
    return tile_progress(sys.stderr) if progress else no_progress


def read_masks(mask: "Image | None", given: conversion.Images, color: Color | None = None) -> list[np.ndarray | None]:
    """Returns a mask, float32[height, width, 1] of 0 and 1, for each photograph; None where there is none.

    Args:
      mask: see `restore`.
      given: the photographs.
      color: of the damage; see `restore`.
    Raises:
      UsageError: if it is no mask, does not fit the photographs, or there is a color without it.
    """
    if color not in {None, *get_args(Color)}:
        raise UsageError(f"mask_color {color!r}: give {' or '.join(get_args(Color))}")
    if mask is None:
        if color is not None:
            raise UsageError(f"mask_color {color!r}: there is no mask; give mask, or leave it out")
        return [None] * len(given.photographs)
    pixels = [photograph.pixels for photograph in given.photographs]
    if isinstance(mask, str | os.PathLike):
        masks = [read_mask(Path(mask), pixels[0], float("inf"), color)]
    elif conversion.is_pillow(mask):
        masks = [mask_of(conversion.read_pillow(mask).photographs[0], pixels[0], "mask", color)]
    else:
        values = np.asarray(mask)
        unit = values.astype(np.float32) if values.dtype == bool else conversion.to_unit_range(values, "mask")
        if unit.ndim == given.is_batch + 2:
            unit = unit[..., None]
        if unit.ndim != given.is_batch + 3 or unit.shape[-1] != 1:
            wanted = "[n, height, width]" if given.is_batch else "[height, width]"
            raise UsageError(f"mask of shape {values.shape}: give {wanted}")
        each = unit if given.is_batch else unit[None]
        if len(each) == len(pixels):
            return [mask_of_array(one, image, color) for one, image in zip(each, pixels, strict=True)]
        masks = list(each)
    if len(masks) != len(pixels):
        raise UsageError(f"{len(masks)} masks for {len(pixels)} images: give as many masks as images")
    return [*masks]


def detect_damage(image: "Image") -> Any:
    """Detects the damage of a photograph: rust, stains, holes, tears and scratches.

    >>> import jaxgen, numpy as np
    >>> jaxgen.detect_damage(np.full((64, 64), 0.5)).shape
    (64, 64)

    Args:
      image: see `restore`.
    Returns:
      float32[height, width] in [0, 1], of a batch [n, height, width]; a JAX array for one, otherwise NumPy's. Above 0.5
      exactly where `restore` would inpaint. Elsewhere it is the probability that two networks give, at most 0.5: a
      region counts as a whole, where a classifier is confident that it is damage.
    Raises:
      jaxgen.errors.UsageError: if the image must be corrected.
    """
    given = conversion.read(image)
    found = np.stack([confidence(with_extended_colors(photograph)) for photograph in given.photographs])
    return given.to_array(found if given.is_batch else found[0])


def confidence(photograph: Photograph) -> np.ndarray:
    """Returns the probabilities of damage in [height, width], above 0.5 where the damage counts and nowhere else."""
    # As `auto` does: the detectors take noise and JPEG's traces for damage.
    found = tasks.without_noise(photograph, Settings(), no_progress)
    pixels = found[-1].pixels if found else photograph.pixels
    mask, probability, _ = detection.detect_damage(pixels)
    above_half = np.nextafter(np.float32(0.5), np.float32(1))
    limited = np.where(mask > 0, np.maximum(probability, above_half), np.minimum(probability, np.float32(0.5)))
    return limited[..., 0].astype(np.float32)


def estimate_noise(image: "Image") -> Any:
    """Estimates the noise of a photograph.

    >>> import jaxgen, numpy as np
    >>> noisy = np.random.default_rng(0).normal(0.5, 25 / 255, (128, 128)).clip(0, 1)
    >>> 24 < jaxgen.estimate_noise(noisy) < 26
    True

    Args:
      image: see `restore`.
    Returns:
      the standard deviation of the noise in gray levels of 0-255, a float; of a batch float32[n].
    Raises:
      jaxgen.errors.UsageError: if the image must be corrected.
    """
    given = conversion.read(image)
    sigmas = [inference.noise_sigma(photograph) for photograph in given.photographs]
    return given.to_array(np.array(sigmas, np.float32)) if given.is_batch else sigmas[0]
