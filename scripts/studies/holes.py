"""Measures how well a run's generator inpaints the middle of held-out images, against biharmonic inpainting."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen import data, filters
from jaxgen.errors import UsageError
from jaxgen.evaluation.features import ORDER_SEED
from jaxgen.io import images
from jaxgen.metrics.masked import masked_psnr
from jaxgen.runs.fill import fill
from jaxgen.runs.reopen import open_run

HOLE_FRACTION = 3 / 7
"""Side of the hole over the side of the image: 12 of 28 pixels."""


def middle(height: int, width: int) -> np.ndarray:
    """Returns the mask float32[height, width, 1] of a hole in the middle."""
    mask = np.zeros((height, width, 1), np.float32)
    top, left = (round(length * (1 - HOLE_FRACTION) / 2) for length in (height, width))
    mask[top : height - top, left : width - left] = 1
    return mask


def held_out(config: data.Config, count: int) -> np.ndarray:
    """Loads images of the test split, float32[count, height, width, channel] in [0, 1], always the same.

    Raises:
      UsageError: if there are fewer.
    """
    dataset = data.load(
        dataclasses.replace(config, split="test", from_run="", samples=data.Config.samples, with_real=False)
    )
    if len(dataset) < count:
        raise UsageError(f"count {count}: the test split has {len(dataset)} images; give no more")
    return np.asarray(dataset.batch(ORDER_SEED, 0, count)["image"])


def study(run: Path, count: int, seed: int, picture: Path | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Returns and prints the PSNR in dB of the filled holes.

    Args:
      run: run folder of a generator.
      count: images, of the test split.
      seed: of the latents.
      picture: file for rows of the images, with the hole, inpainted by each method, and generated; None: none.
      say: prints a line.
    """
    opened = open_run(run, say=say)
    clean = held_out(opened.config.data, count)
    masks = np.broadcast_to(middle(*clean.shape[1:3]), (*clean.shape[:3], 1))
    filled = fill(opened, clean, masks, seed)
    results = {
        "left black": clean * (1 - masks),
        "biharmonic": np.asarray(filters.inpaint_biharmonic(jnp.asarray(clean), jnp.asarray(masks))),
        "latent search": np.asarray(filled.images),
    }
    scores = {name: np.asarray(quality(clean, image, masks)) for name, image in results.items()}
    for name, values in scores.items():
        say(f"{name:14} mean {values.mean():.2f} dB, median {np.median(values):.2f} dB")
    better = int((scores["latent search"] > scores["biharmonic"]).sum())
    say(f"latent search is better than biharmonic in {better} of {count}")
    if picture:
        rows = np.concatenate([clean, *results.values(), np.asarray(filled.generated)])
        images.write(picture, images.grid(rows, columns=count))
    return {name: values.tolist() for name, values in scores.items()} | {"better": better}


def quality(clean: np.ndarray, image: np.ndarray, masks: np.ndarray) -> Array:
    """Computes the PSNR of the hidden pixels at 256 grey levels, float32[count]."""
    rounded = np.rint(np.clip(image, 0, 1) * 255) / np.float32(255)
    return masked_psnr(jnp.asarray(clean), jnp.asarray(rounded), jnp.asarray(masks))
