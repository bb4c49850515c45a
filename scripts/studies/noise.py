"""How well noise is estimated and removed: white, in JPEG files, grainy, shared by the channels, at any exposure."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen import degradations
from jaxgen.data.sources.listing import image_paths
from jaxgen.io import images
from jaxgen.io.photographs import Photograph
from jaxgen.io.text import write_atomically
from jaxgen.metrics.image import psnr
from jaxgen.restoration import inference, tasks
from jaxgen.restoration.inference import Settings

SIDE = 256
"""Side of the square in the middle of each photograph that is measured, in pixels."""
SIGMA = 15.0
FACTORS = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8)
"""Multiples of the noise's standard deviation that are given as --sigma, for the best one."""
HEADER = (
    "| noise | σ | estimate, mean (least to largest) | input | `denoise` | best `--sigma` |\n|---|---|---|---|---|---|"
)


class Kind(NamedTuple):
    """A kind of noise.

    Attributes:
      about: the noise in words.
      sigma: its standard deviation in gray levels.
      add: (key, images, standard deviation in units of the [0, 1] range) -> images.
      expose: images -> images that the noise is added to, with which the result is compared.
    """

    about: str
    sigma: float
    add: Callable[[Array, Array, float], Array] = degradations.gaussian_noise
    expose: Callable[[Array], Array] = lambda images: images


def in_jpeg(key: Array, images: Array, sigma: float, quality: float) -> Array:
    """Returns images with white noise in a JPEG file whose chroma has half the resolution."""
    return degradations.jpeg(key, degradations.gaussian_noise(key, images, sigma), quality)


KINDS = (
    *(Kind("white", sigma) for sigma in (5.0, 15.0, 25.0, 50.0)),
    Kind("white, in JPEG of quality 95", SIGMA, partial(in_jpeg, quality=95)),
    Kind("white, in JPEG of quality 80", SIGMA, partial(in_jpeg, quality=80)),
    *(Kind(f"grain of radius {r}", SIGMA, partial(degradations.film_grain, radius=r)) for r in (0.7, 1.2)),
    *(
        Kind(f"channels correlated by {c}", SIGMA, partial(degradations.shared_noise, correlation=c))
        for c in (0.5, 1.0)
    ),
    Kind("white, picture × 0.2", SIGMA, expose=lambda images: 0.2 * images),
    Kind("white, picture × 2", SIGMA, expose=lambda images: jnp.clip(2 * images, 0, 1)),
    Kind("none", 0.0),
    Kind("none, in JPEG of quality 95", 0.0, partial(in_jpeg, quality=95)),
)
"""The kinds of noise that are measured; the values are clipped and rounded to 8 bits afterwards."""


def squares(folder: str, count: int) -> list[np.ndarray]:
    """Returns the middle of some photographs of a folder, spread evenly, float32[SIDE, SIDE, channel] in [0, 1]."""
    paths = image_paths(folder)
    chosen = [paths[int(i)] for i in np.linspace(0, len(paths) - 1, min(count, len(paths)))]
    pictures = [images.read(path) for path in chosen]
    corners = [[(side - SIDE) // 2 for side in picture.shape[:2]] for picture in pictures]
    return [picture[y : y + SIDE, x : x + SIDE] for picture, (y, x) in zip(pictures, corners, strict=True)]


def noisy(kind: Kind, picture: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns a picture with its exposure, and with noise in 8 bits."""
    clean = kind.expose(jnp.asarray(picture)[None])
    added = kind.add(jax.random.key(seed), clean, kind.sigma / 255)
    return np.asarray(clean[0]), np.asarray(jnp.round(255 * jnp.clip(added[0], 0, 1)) / 255)


def decibels(clean: np.ndarray, result: np.ndarray) -> float:
    """Returns the PSNR of one image in dB; infinite where it is the clean one."""
    return float(psnr(clean[None], result[None])[0])


def measure(clean: np.ndarray, damaged: np.ndarray, sigma: float) -> dict[str, float]:
    """Returns the estimate, and the PSNR before and after `denoise`, without and with the best of some levels."""
    photograph = Photograph(damaged)
    restored = lambda settings: decibels(clean, tasks.restore_photograph(photograph, "denoise", settings).pixels)
    scores = {
        "estimate": inference.noise_sigma(photograph),
        "input": decibels(clean, damaged),
        "denoise": restored(Settings()),
    }
    if sigma:
        scores["best"] = max(restored(Settings(sigma=factor * sigma)) for factor in FACTORS)
    return scores


def as_row(kind: Kind, scores: Sequence[dict[str, float]]) -> str:
    """Returns the line of a kind of noise in the table."""
    estimates = [one["estimate"] for one in scores]
    mean = lambda name: f"{np.mean([one[name] for one in scores]):.2f}" if name in scores[0] else ""
    return (
        f"| {kind.about} | {kind.sigma:g} | {np.mean(estimates):.1f} ({min(estimates):.1f} to {max(estimates):.1f}) "
        f"| {mean('input')} | {mean('denoise')} | {mean('best')} |"
    )


def run(folder: str, count: int, seed: int, out: Path | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Measures every kind of noise on photographs, prints a table and returns all scores.

    Args:
      folder: of undamaged photographs that are not trained on, of at least `SIDE` pixels on each side.
      count: photographs at most.
      seed: of the noise.
      out: file for all scores; None: none.
      say: prints a line.
    Raises:
      UsageError: if the folder has no images.
    """
    pictures, results = squares(folder, count), {}
    say(HEADER)
    for kind in KINDS:
        pairs = [noisy(kind, picture, seed + index) for index, picture in enumerate(pictures)]
        scores = [measure(*pair, kind.sigma) for pair in pairs]
        results[f"{kind.about}, σ {kind.sigma:g}"] = scores
        say(as_row(kind, scores))
    if out:
        write_atomically(out, json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    return results
