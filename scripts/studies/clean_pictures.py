"""Collects undamaged pictures, and splits them into those for choices and those for results."""

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from jaxgen.errors import UsageError
from jaxgen.io import images
from jaxgen.io.photographs import Photograph
from jaxgen.restoration.inference import noise_sigma
from studies.drawings import DRAWINGS, draw

HALVES = ("chosen-on", "held-out")
"""Folders of the two halves: thresholds and training see the first alone."""
SIDE = 384
"""Largest side of a picture in pixels."""
LEAST_REDUCTION = 2
"""Factor by which photographs are reduced at least: that removes what a camera's sensor and JPEG have added."""
MAX_NOISE = 1.5
"""Estimated standard deviation in gray levels from which a photograph counts as noisy and is left out."""
SHORTEST = 90
"""Pixels of the shorter side below which a reduced photograph is left out."""
SEEDS = (range(8), range(100_000, 100_004))
"""Seeds of the drawings of each kind, in the two halves."""
SIZES = ((384, 288), (288, 384), (256, 256), (384, 384))
"""Width and height of the drawings, in turn."""


def reduced(path: Path) -> Image.Image:
    """Returns a photograph of an image file, at most `SIDE` pixels on each side; transparency becomes black."""
    with Image.open(path) as file:
        if file.mode in {"RGBA", "LA", "P", "PA"}:
            layer = file.convert("RGBA")
            ground = Image.new("RGBA", layer.size, (0, 0, 0, 255))
            ground.alpha_composite(layer)
            image = ground.convert("RGB")
        else:
            image = file.convert("L" if file.mode in {"1", "L"} else "RGB")
    factor = max(LEAST_REDUCTION, *(length / SIDE for length in image.size))
    width, height = (max(round(length / factor), 1) for length in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def collect(
    folders: Sequence[Path], out: Path, say: Callable[[str], None], whole: tuple[Sequence[Path], ...] = ((), ())
) -> None:
    """Writes two folders of PNG files: reduced photographs, and drawings.

    A photograph belongs to a half by the hash of its name, so that adding files moves none from one half to the other.

    Args:
      folders: of photographs that are split.
      out: in which the two folders are made.
      say: takes a line for each photograph that is left out, with the reason, and the number of pictures.
      whole: folders whose photographs are all for choices, and those whose are all for results.
    Raises:
      UsageError: if a folder has no images.
    """
    halves = [out / name for name in HALVES]
    for half in halves:
        half.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        for path in photographs_in(folder):
            add(path, halves[zlib.crc32(path.stem.encode()) % 2], folder.name, say)
    for half, belonging in zip(halves, whole, strict=True):
        for folder in belonging:
            for path in photographs_in(folder):
                add(path, half, folder.name, say)
    for kind in DRAWINGS:
        for half, seeds in zip(halves, SEEDS, strict=True):
            for seed in seeds:
                draw(kind, seed, *SIZES[seed % len(SIZES)]).save(half / f"drawn-{kind}-{seed}.png")
    for half in halves:
        say(f"{half}: {len(list(half.glob('*.png')))} pictures")


def photographs_in(folder: Path) -> list[Path]:
    """Returns the image files in a folder and its folders.

    Raises:
      UsageError: if there are none.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in images.SUFFIXES)
    if not paths:
        raise UsageError(f"no images in {folder}: give folders of photographs")
    return paths


def add(path: Path, half: Path, prefix: str, say: Callable[[str], None]) -> None:
    """Writes a reduced photograph into a folder, or says why it is left out."""
    picture = reduced(path)
    if min(picture.size) < SHORTEST:
        say(f"{path}: {picture.width}×{picture.height} pixels after reduction, left out")
        return
    sigma = noise_sigma(Photograph(np.atleast_3d(np.asarray(picture, np.float32) / 255)))
    if sigma >= MAX_NOISE:
        say(f"{path}: noise σ {sigma:.1f} gray levels, left out")
    else:
        picture.save(half / f"{prefix}-{path.stem}.png")
