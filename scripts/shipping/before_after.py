"""The picture of the results page: each task of `jaxgen restore` on a photograph that nothing was trained on."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxgen.degradations import downsample
from jaxgen.errors import UsageError
from jaxgen.evaluation.damages import damaged
from jaxgen.metrics.image import psnr
from jaxgen.photographs import Photograph
from jaxgen.restoring import tasks
from jaxgen.restoring.applying import Settings, enlarged

SIDE = 256
LOWEST = 300  # pixels, the shortest side of the three photographs
SCALE = 4
LEVELS = 255
TOGETHER = 2  # tasks side by side


class Shown(NamedTuple):
    """One row of the picture.

    Attributes:
      task: of `jaxgen restore`.
      damage: of the damage benchmark; empty for pictures made smaller.
      photograph: scikit-image's name of it; all three are public domain or CC0.
      masked: whether the task is told where the damage is.
    """

    task: str
    damage: str
    photograph: str
    masked: bool = False


SHOWN = (
    Shown("denoise", "noise", "astronaut"),
    Shown("dehaze", "haze", "coffee"),
    Shown("deblur", "blur", "chelsea"),
    Shown("dejpeg", "jpeg", "astronaut"),
    Shown("superres", "", "chelsea"),
    Shown("inpaint", "holes", "astronaut", masked=True),
    Shown("derust", "rust", "coffee"),
    Shown("scratches", "scratches", "chelsea", masked=True),
    Shown("scratches", "tears", "astronaut", masked=True),
    Shown("auto", "all", "coffee"),
)


def photograph(name: str) -> np.ndarray:
    """Returns the middle of a photograph of scikit-image made smaller, float32[SIDE, SIDE, 3] in [0, 1]."""
    from skimage import data
    from skimage.transform import rescale

    small = rescale(getattr(data, name)(), SIDE / LOWEST, anti_aliasing=True, channel_axis=-1).astype(np.float32)
    top, left = ((length - SIDE) // 2 for length in small.shape[:2])
    return small[top : top + SIDE, left : left + SIDE]


def row(shown: Shown, seed: int) -> list[np.ndarray]:
    """Returns the damaged, the restored and the undamaged photograph, each float32[SIDE, SIDE, 3] in [0, 1]."""
    clean, mask = photograph(shown.photograph), None
    if shown.damage:
        seen, mask = damaged(shown.damage, clean, 0, seed)
        before = seen
    else:
        seen = np.rint(np.clip(downsample(jax.random.key(seed), clean[None], SCALE)[0], 0, 1) * LEVELS) / LEVELS
        seen = seen.astype(np.float32)
        before = enlarged(seen, SCALE)
    settings = Settings(mask=mask if shown.masked else None)
    restored = tasks.choose(shown.task, settings)(Photograph(seen), settings, lambda done, total: None).pixels
    return [np.clip(before, 0, 1), restored, clean]


def rows(seed: int, say: Callable[[str], None]) -> list[tuple[Shown, list[np.ndarray]]]:
    """Returns the rows whose networks are in this installation; of the others it tells why they are left out."""
    made = []
    for shown in SHOWN:
        try:
            made.append((shown, row(shown, seed)))
        except UsageError as error:
            say(f"left out: {shown.task} of {shown.damage or 'small pictures'}: {error}")
    return made


def draw(path: Path, seed: int = 0, say: Callable[[str], None] = print) -> None:
    """Writes the picture, and tells which tasks are left out of it."""
    from matplotlib import pyplot as plt

    made = rows(seed, say)
    lines = -(-len(made) // TOGETHER)
    figure, axes = plt.subplots(lines, 3 * TOGETHER, figsize=(1.6 * 3 * TOGETHER, 1.78 * lines), dpi=120, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for index, (shown, pictures) in enumerate(made):
        names = [f"{shown.damage or 'a quarter as large'}, {quality(pictures, 0)}"]
        names += [f"{shown.task}{', mask given' if shown.masked else ''}, {quality(pictures, 1)}", "undamaged"]
        first = 3 * (index % TOGETHER)
        for axis, picture, name in zip(axes[index // TOGETHER, first : first + 3], pictures, names, strict=True):
            axis.imshow(picture)
            axis.set_title(name, fontsize=7, y=-0.13)
    figure.subplots_adjust(0.005, 0.015, 0.995, 0.995, wspace=0.03, hspace=0.12)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, pil_kwargs={"quality": 85})
    plt.close(figure)


def quality(pictures: list[np.ndarray], index: int) -> str:
    """Returns the PSNR of one of the pictures against the last, in words."""
    return f"{float(psnr(pictures[-1][None], pictures[index][None])[0]):.1f} dB"
