"""Collects undamaged pictures, and splits them into those for choices and those for results."""

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
DRAWINGS_OF_EACH = 8
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


def collect(folders: Sequence[Path], out: Path, say: Callable[[str], None]) -> None:
    """Writes two folders of PNG files: reduced photographs, every other one of each folder, and drawings.

    Args:
      folders: of photographs.
      out: in which the two folders are made.
      say: takes a line for each photograph that is left out, with the reason, and the number of pictures.
    Raises:
      UsageError: if a folder has no images.
    """
    halves = [out / name for name in HALVES]
    for half in halves:
        half.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in images.SUFFIXES)
        if not paths:
            raise UsageError(f"no images in {folder}: give folders of photographs")
        for index, path in enumerate(paths):
            picture = reduced(path)
            sigma = noise_sigma(Photograph(np.atleast_3d(np.asarray(picture, np.float32) / 255)))
            if min(picture.size) < SHORTEST:
                say(f"{path}: {picture.width}×{picture.height} pixels after reduction, left out")
            elif sigma >= MAX_NOISE:
                say(f"{path}: noise σ {sigma:.1f} gray levels, left out")
            else:
                picture.save(halves[index % 2] / f"{folder.name}-{path.stem}.png")
    for kind in DRAWINGS:
        for seed in range(DRAWINGS_OF_EACH):
            half = halves[seed >= DRAWINGS_OF_EACH // 2]
            draw(kind, seed, *SIZES[seed % len(SIZES)]).save(half / f"drawn-{kind}-{seed}.png")
    for half in halves:
        say(f"{half}: {len(list(half.glob('*.png')))} pictures")
