"""The page of results: each task of `jaxgen restore` on a photograph that nothing was trained on."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.degradations import downsample
from jaxgen.errors import UsageError
from jaxgen.evaluation.damages import DAMAGES, damage_image
from jaxgen.io import images
from jaxgen.io.photographs import Photograph
from jaxgen.metrics.image import psnr
from jaxgen.restoration import tasks
from jaxgen.restoration.inference import Settings, upsampled

SIDE = 256
LOWEST = 300  # pixels, the shortest side of the three photographs
SCALE = 4
LEVELS = 255
HEAD = """# Before and after

Three photographs of scikit-image, damaged as in the damage benchmark, restored by shipped networks, and undamaged. No
network that restores was trained on them; the classifiers that confirm damage and haze were. `scripts/results
before-after` writes this page. For means over more photographs and for real damage see
[jaxgen/restoration](../../jaxgen/restoration/README.md).
"""


class Shown(NamedTuple):
    """One part of the page.

    Attributes:
      task: of `jaxgen restore`.
      damage: of the damage benchmark; empty for pictures made smaller.
      photograph: scikit-image's name of it; all three are public domain or CC0.
      limits: what to expect of it, in words.
      masked: whether the task takes a mask.
    """

    task: str
    damage: str
    photograph: str
    limits: str
    masked: bool = False


SHOWN = (
    Shown(
        "denoise",
        "noise",
        "astronaut",
        "The noise level is estimated; for scanned prints, whose grain is coarse, give `--sigma`.",
    ),
    Shown(
        "dehaze",
        "haze",
        "coffee",
        "Removes less of thick real haze than the dark channel, without false colors.",
    ),
    Shown("deblur", "blur", "chelsea", "Trained on Gaussian blur up to σ 3 pixels, not on motion blur."),
    Shown("dejpeg", "jpeg", "astronaut", "Removes blocks and ringing; details that the file has lost stay lost."),
    Shown("superres", "", "chelsea", "Trained on images downsampled by bicubic filtering."),
    Shown("inpaint", "holes", "astronaut", "Narrow holes are filled; wide ones become soft blurs.", masked=True),
    Shown(
        "derust",
        "rust",
        "coffee",
        "Part of the rust is found without a mask; under opaque rust the result is only a guess.",
    ),
    Shown("scratches", "scratches", "chelsea", "Faint scratches are not found without the mask.", masked=True),
    Shown("scratches", "tears", "astronaut", "Tears are mostly found without the mask too.", masked=True),
    Shown(
        "auto",
        "all",
        "coffee",
        "Below noise and JPEG tears are found without a mask, rust and scratches are not.",
    ),
)
STRIP = (("denoise", "noise"), ("dehaze", "haze"), ("scratches", "tears"), ("superres", ""))
"""Tasks and damages of strip.jpg, which the main README shows: before in its upper row, after in its lower one."""


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
        seen, mask = damage_image(shown.damage, clean, 0, seed)
        before = seen
    else:
        seen = (
            np.rint(
                np.clip(np.asarray(downsample(jax.random.key(seed), jnp.asarray(clean[None]), SCALE)[0]), 0, 1) * LEVELS
            )
            / LEVELS
        )
        seen = seen.astype(np.float32)
        before = upsampled(seen, SCALE)
    restored = tasks.restore_photograph(
        Photograph(seen), shown.task, Settings(mask=mask if shown.masked else None)
    ).pixels
    return [np.clip(before, 0, 1), restored, clean]


def rows(seed: int, say: Callable[[str], None]) -> list[tuple[Shown, list[np.ndarray]]]:
    """Returns the parts whose networks are installed, and prints why others are omitted."""
    made = []
    for shown in SHOWN:
        try:
            made.append((shown, row(shown, seed)))
        except UsageError as error:
            say(f"left out: {shown.task} of {shown.damage or 'small pictures'}: {error}")
    return made


def section(shown: Shown, picture: str, before: float, after: float) -> str:
    """Returns a part of the page.

    Args:
      shown: what it shows.
      picture: its file's name.
      before: PSNR of the damaged photograph in dB.
      after: that of the restored one.
    """
    damage = (
        DAMAGES[shown.damage].about
        if shown.damage
        else f"made {SCALE} times as small, here enlarged by bicubic interpolation"
    )
    mask = " --mask MASK" if shown.masked else ""
    return f"""## `{shown.task}`, {shown.damage or "a small image"}{", mask given" if shown.masked else ""}

![before, after, undamaged]({picture})

Before: {damage}, {before:.1f} dB. After `jaxgen restore PHOTO --task {shown.task}{mask}`: {after:.1f} dB. Undamaged.
{shown.limits}
"""


def write(folder: Path, seed: int = 0, say: Callable[[str], None] = print) -> None:
    """Writes the page and its images, and prints which tasks are omitted."""
    folder.mkdir(parents=True, exist_ok=True)
    parts, shown_in_strip = [HEAD], {}
    for shown, pictures in rows(seed, say):
        name = f"{shown.task}-{shown.damage or 'small'}.jpg"
        images.write(folder / name, images.grid(np.stack(pictures), columns=3, pad=4))
        before, after = (
            float(psnr(jnp.asarray(pictures[-1][None]), jnp.asarray(picture[None]))[0]) for picture in pictures[:2]
        )
        parts.append(section(shown, name, before, after))
        shown_in_strip[(shown.task, shown.damage)] = pictures[:2]
    (folder / "README.md").write_text("\n".join(parts))
    if all(part in shown_in_strip for part in STRIP):
        columns = np.stack([np.stack(shown_in_strip[part]) for part in STRIP], 1)
        images.write(folder / "strip.jpg", images.grid(columns, pad=4))
