"""How well a run's generator fills the middle of pictures that it never saw, beside the smoothest surface."""

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

SHARE = 3 / 7
"""Of each side, that is missing in the middle: 12 of 28 pixels."""


def middle(height: int, width: int) -> np.ndarray:
    """Returns the mask float32[height, width, 1] of a hole in the middle."""
    mask = np.zeros((height, width, 1), np.float32)
    top, left = (round(length * (1 - SHARE) / 2) for length in (height, width))
    mask[top : height - top, left : width - left] = 1
    return mask


def held_out(config: data.Config, count: int) -> np.ndarray:
    """Returns images of the test split, float32[count, height, width, channel] in [0, 1], always the same.

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
      run: folder of a run that generates pictures.
      count: images, of the test split.
      seed: of the latents.
      picture: a file for a row each of the images, with the hole, by the smoothest surface, by the generator, and what
        it drew; None: none.
      say: takes lines.
    """
    opened = open_run(run, say=say)
    clean = held_out(opened.config.data, count)
    masks = np.broadcast_to(middle(*clean.shape[1:3]), (*clean.shape[:3], 1))
    found = fill(opened, clean, masks, seed)
    made = {
        "left black": clean * (1 - masks),
        "biharmonic": np.asarray(filters.inpaint_biharmonic(jnp.asarray(clean), jnp.asarray(masks))),
        "latent search": np.asarray(found.images),
    }
    reached = {name: np.asarray(quality(clean, image, masks)) for name, image in made.items()}
    for name, values in reached.items():
        say(f"{name:14} mean {values.mean():.2f} dB, median {np.median(values):.2f} dB")
    better = int((reached["latent search"] > reached["biharmonic"]).sum())
    say(f"latent search is better than biharmonic in {better} of {count}")
    if picture:
        rows = np.concatenate([clean, *made.values(), np.asarray(found.drawn)])
        images.write(picture, images.grid(rows, columns=count))
    return {name: values.tolist() for name, values in reached.items()} | {"better": better}


def quality(clean: np.ndarray, image: np.ndarray, masks: np.ndarray) -> Array:
    """Returns the PSNR of what is hidden, float32[count], at 256 grey levels as a file would hold them."""
    rounded = np.rint(np.clip(image, 0, 1) * 255) / np.float32(255)
    return masked_psnr(jnp.asarray(clean), jnp.asarray(rounded), jnp.asarray(masks))
