"""Pictures in saturated colors, of which photographs have few: drawings, and photographs with more saturation.

A denoiser is measured on them beside CBM3D.
"""

import colorsys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from jaxgen.data.sources.listing import image_paths
from jaxgen.errors import UsageError

SIDE = 256
"""Height and width of a picture, in pixels."""
FACTOR = 4
"""By which a drawing is reduced, so that its edges are smooth."""
DRAWINGS = 4
SHAPES = 26
SEED = 7
SLOPE, OFFSET = 2.5, 0.15
"""The saturation of HSV s becomes SLOPE · s + OFFSET, at most 1."""


def drawings() -> list[Image.Image]:
    """Returns drawings of ellipses, polygons and lines on waves of hue, all of them in saturated colors."""
    random = np.random.default_rng(SEED)
    return [draw(random) for _ in range(DRAWINGS)]


def draw(random: np.random.Generator) -> Image.Image:
    """Returns one drawing."""
    from matplotlib.colors import hsv_to_rgb

    side = FACTOR * SIDE
    rows, columns = np.mgrid[:side, :side] / side
    start, across, down = random.uniform(), random.uniform(0.5, 1.5), random.uniform(-1, 1)
    hue = (start + 0.25 * np.sin(2 * np.pi * (columns * across + rows * down))) % 1
    ground = np.stack([hue, np.full_like(hue, 0.95), 0.55 + 0.4 * np.cos(np.pi * rows) ** 2], -1)
    image = Image.fromarray((hsv_to_rgb(ground) * 255).astype(np.uint8))
    canvas = ImageDraw.Draw(image)
    for _ in range(SHAPES):
        hsv = random.uniform(), random.uniform(0.8, 1), random.uniform(0.4, 1)
        color = tuple(int(255 * value) for value in colorsys.hsv_to_rgb(*hsv))
        x, y, size = random.uniform(0, side), random.uniform(0, side), random.uniform(30, 180)
        kind = random.integers(3)
        if kind == 0:
            canvas.ellipse([x - size, y - size * random.uniform(0.4, 1), x + size, y + size * 0.7], fill=color)
        elif kind == 1:
            angles = np.sort(random.uniform(0, 6.28, random.integers(3, 7)))
            canvas.polygon([(x + size * np.cos(angle), y + size * np.sin(angle)) for angle in angles], fill=color)
        else:
            end = x + 2 * size * np.cos(size), y + 2 * size * np.sin(size)
            canvas.line([(x, y), end], fill=color, width=int(random.uniform(6, 40)))
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def saturated(image: Image.Image) -> Image.Image:
    """Returns the central square of a photograph with more saturation.

    Raises:
      UsageError: if the photograph is smaller.
    """
    from matplotlib.colors import hsv_to_rgb, rgb_to_hsv

    left, top = ((length - SIDE) // 2 for length in image.size)
    if min(left, top) < 0:
        raise UsageError(f"a photograph of {image.height}×{image.width}: give at least {SIDE}×{SIDE} pixels")
    hsv = rgb_to_hsv(np.asarray(image.convert("RGB").crop((left, top, left + SIDE, top + SIDE)), float) / 255)
    hsv[..., 1] = np.clip(hsv[..., 1] * SLOPE + OFFSET, 0, 1)
    return Image.fromarray(np.rint(hsv_to_rgb(hsv) * 255).astype(np.uint8))


def write(folder: str, names: list[str], out: Path) -> None:
    """Writes OUT/drawn and OUT/boosted.

    Args:
      folder: of photographs.
      names: of those that are used, without their suffixes; empty: all.
      out: in which the two folders are made.
    Raises:
      UsageError: if a photograph is missing or small.
    """
    paths = {path.stem: path for path in image_paths(folder)}
    for name in names:
        if name not in paths:
            raise UsageError(f"no photograph {name} in {folder}")
    for kind in ("drawn", "boosted"):
        (out / kind).mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(drawings()):
        image.save(out / "drawn" / f"{index}.png")
    for name in names or paths:
        with Image.open(paths[name]) as image:
            saturated(image).save(out / "boosted" / f"{name}.png")
