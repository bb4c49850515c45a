"""Collects pictures to train an estimator of noise on: photographs and drawings without added noise."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from jaxgen.data.sources.listing import image_paths
from studies.clean_pictures import SIZES
from studies.drawings import DRAWINGS, draw

FIRST_SEED = 1000
"""Seed of the first drawing: `clean_pictures` draws others, with seeds from 0."""
DRAWINGS_OF_EACH = 10


def collect(folders: Sequence[Path], out: Path, say: Callable[[str], None]) -> None:
    """Copies photographs to a folder and adds drawings of every kind.

    Args:
      folders: of photographs.
      out: the folder.
      say: takes the number of pictures.
    Raises:
      UsageError: if a folder has no images.
    """
    for folder in folders:
        for path in image_paths(str(folder)):
            target = out / folder.name / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    out.mkdir(parents=True, exist_ok=True)
    for kind in DRAWINGS:
        for index in range(DRAWINGS_OF_EACH):
            draw(kind, FIRST_SEED + index, *SIZES[index % len(SIZES)]).save(out / f"drawn-{kind}-{index}.png")
    say(f"{out}: {len(image_paths(str(out)))} pictures")
