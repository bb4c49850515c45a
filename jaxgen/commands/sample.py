"""`jaxgen sample`: draws images from a trained generator."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tyro.conf import Positional

from jaxgen.commands.options import CheckpointOptions, EvaluationSeed, LatentOptions
from jaxgen.errors import UsageError
from jaxgen.fields import PositiveInt
from jaxgen.host_memory import require_room

MAX_COLUMNS = 20
"""Classes up to which the grid has a column for each."""
MAX_SHOWN = 1024
"""Images up to which the grid, and the search for nearest ones, has all of them."""
FILE_BYTES = 4096
"""Bytes that a file takes on a disk, at least."""


@dataclass(frozen=True, kw_only=True)
class Command(LatentOptions, CheckpointOptions):
    """Draws images from a trained generator.

    Examples:
        jaxgen sample runs/wgan_gp --count 64 --seed 1
        jaxgen sample runs/conditional --label 3
        jaxgen sample runs/bags_and_shoes --label bag
    """

    run: Positional[Path]
    """Run folder."""
    count: PositiveInt = 64
    """Number of images."""
    seed: EvaluationSeed = 0
    """Seed of the latents."""
    label: str | None = None
    """Class of all images, for a class-conditional generator: its number, or its name in the data (default: every class
    in turn)."""
    restore: str | None = None
    """Restore the images by a task of `jaxgen restore`, for example denoise."""
    nearest: bool = True
    """Also write nearest.png, each image above its nearest training image, where the training images are present."""
    out: Path | None = None
    """Folder for grid.png and the single images (default: a new one in RUN/samples)."""

    def __call__(self) -> None:
        """Writes a grid and the single images."""
        from jaxgen.config.gan import classes
        from jaxgen.io import images as image_files
        from jaxgen.io.text import require_writable
        from jaxgen.runs import reopen
        from jaxgen.runs.data.class_names import find_label
        from jaxgen.runs.latents import with_latents

        require_writable(self.out or self.run)
        require_disk(self.count, self.out or self.run)
        built = reopen.build(self.run, self.open_options())
        reopen.require_generative(built.objective)
        label = find_label(self.run, self.label)
        reopen.check_label(built.config, label)
        restore = None
        if self.restore:
            from jaxgen.restoration import tasks

            restore = tasks.batch_restorer(self.restore)
        opened = reopen.load_weights(built, self.open_options())
        opened, _ = with_latents(opened, self.mixture, self.truncation)
        folder = self.out or self.run / "samples" / self.folder_name(opened.step)
        # A column for each class, as the classes are drawn in turn.
        columns = classes(opened.config) if self.label is None else 0
        parts = opened.sample_parts(self.count, self.seed, label)
        images = image_files.write_singles(folder, map(restore, parts) if restore else parts, MAX_SHOWN)
        grid = image_files.grid(images, columns if 1 < columns <= MAX_COLUMNS else None)
        image_files.write(folder / "grid.png", grid)
        print(folder / "grid.png")
        if self.count > MAX_SHOWN:
            print(f"{self.count} images are in {folder}, the first {MAX_SHOWN} of them in grid.png")
        if self.nearest:
            try:
                print(write_nearest(opened.config.data, images, folder / "nearest.png"))
            except UsageError as error:
                print(f"nearest.png is omitted: {error}")

    def folder_name(self, step: int) -> str:
        """Returns the name of the default folder, which differs where the images differ."""
        name = f"step-{step:08d}-seed-{self.seed}"
        name += "" if self.label is None else f"-label-{self.label}"
        name += f"-mixture-{self.mixture}" if self.mixture else ""
        name += f"-truncation-{self.truncation:g}" if self.truncation else ""
        return name + (f"-{self.restore}" if self.restore else "")


def require_disk(count: int, folder: Path) -> None:
    """Raises UsageError where so many files do not fit on the disk of a folder, which need not be there yet."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    require_room(count * FILE_BYTES, f"a set of {count} files", "give a smaller count", free)


def write_nearest(config: Any, samples: np.ndarray, path: Path) -> str:
    """Writes rows of images, each above the row of their nearest training images, and returns a summary.

    Args:
      config: of the run's data.
      samples: float32[n, height, width, channel] in [0, 1].
      path: of the file.
    Raises:
      UsageError: if the training images are absent, or cannot be compared.
    """
    from jaxgen.evaluation.memorisation import describe, rows_with_nearest
    from jaxgen.evaluation.report import load_split, load_training_images
    from jaxgen.io import images
    from jaxgen.training import progress

    with progress.reminding("loading the data for nearest.png (--no-nearest leaves it out)", progress.say):
        training = load_training_images(config)
    rows = rows_with_nearest(samples, training)
    if rows is None:
        raise UsageError("the training images are streamed, cropped or composed, and have no nearest one")
    images.write(path, images.grid(rows))
    return f"{path}\n{describe(samples, training, load_split(config, 'test'))}"
