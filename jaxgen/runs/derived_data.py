"""Data made by another run: what a generator draws, or what a restorer makes of the pictures there are."""

import dataclasses
from pathlib import Path

import jax
import numpy as np

from jaxgen import data
from jaxgen.config.gan import classes
from jaxgen.data.loading import from_arrays
from jaxgen.data.resample import to_uint8
from jaxgen.errors import UsageError
from jaxgen.restoration.estimation import estimate_noise
from jaxgen.restoration.pretrained import load_noise_estimator
from jaxgen.runs.open_restorer import conditioning
from jaxgen.runs.reopen import Opened, OpenOptions, open_run

TOGETHER = 500
SEED = 1  # of the latents, another one than that of pictures


def derive(dataset: data.Dataset, *, trust: bool = False) -> data.Dataset:
    """Returns a data set as its configuration's `from_run` makes it; itself where that is empty.

    Args:
      dataset: of a generator's run nothing but its images' shape counts; a restorer's run is applied to its images.
      trust: whether the script in the run's folder may be executed, see `OpenOptions`.
    Raises:
      UsageError: if the run neither generates nor restores, makes pictures of another shape, or the data are too large
        to be held in memory.
    """
    config = dataset.config
    if not config.from_run:
        return dataset
    opened = open_run(Path(config.from_run), OpenOptions(trust=trust))
    if opened.objective.generative is not None:
        return drawn(opened, dataset)
    if opened.objective.restoring is None:
        raise UsageError(f"from_run {config.from_run}: this run neither generates nor restores pictures")
    if dataset.records is not None:
        raise UsageError(f"from_run restores all images at once: raise data.memory above {config.memory:g} GiB")
    return restored(opened, dataset)


def drawn(opened: Opened, dataset: data.Dataset) -> data.Dataset:
    """Returns `samples` images of a generator, beside the real ones where `with_real` asks for it.

    They have labels where the generator is told classes, and the real ones too.
    """
    config, shape = dataset.config, dataset.image_shape
    if config.with_real and dataset.records is not None:
        raise UsageError(f"with_real holds all images in memory: raise data.memory above {config.memory:g} GiB")
    parts = [opened.sample(TOGETHER, SEED + i) for i in range(-(-config.samples // TOGETHER))]
    images = np.concatenate(parts)[: config.samples]
    if images.shape[1:] != shape:
        raise UsageError(f"from_run {config.from_run} makes pictures of {images.shape[1:]} and the data have {shape}")
    known = classes(opened.config)
    labels = np.tile(np.arange(TOGETHER) % known, len(parts))[: config.samples] if known else None
    # A share was taken of the real images already.
    whole = dataclasses.replace(config, fraction=1.0)
    if not config.with_real:
        return from_arrays(images, labels, whole)
    real = dataset.arrays
    if known and "label" in real:
        labels = np.concatenate([real["label"], labels])
    both = np.concatenate([real["image"], to_uint8(255 * images)])
    return from_arrays(both, labels if known and "label" in real else None, whole)


def restored(opened: Opened, dataset: data.Dataset) -> data.Dataset:
    """Returns a data set's images restored, with their labels; a network that is told the noise has it estimated.

    Raises:
      UsageError: if the network is told where the picture is hidden, which nobody knows of these data; if it makes
        pictures larger; or if a number of samples was given, which only a generator draws.
    """
    config, stored = opened.config, dataset.arrays
    if dataset.config.with_real:
        raise UsageError("with_real is of a generator's run, and this one restores the real images: leave it out")
    if dataset.config.samples != data.Config.samples:
        raise UsageError(
            f"samples {dataset.config.samples}: from_run {dataset.config.from_run} restores all pictures that there "
            "are; leave samples out"
        )
    if config.data.channels not in (0, dataset.image_shape[-1]):
        raise UsageError(
            f"from_run {dataset.config.from_run} restores {config.data.channels} channels, and the data have "
            f"{dataset.image_shape[-1]}: set data.channels"
        )
    condition = conditioning(config)
    if condition == "mask":
        raise UsageError(
            f"from_run {dataset.config.from_run}: its network is told where pictures are hidden, which nobody knows of "
            "these; take a run that is told nothing"
        )
    level = load_noise_estimator() if condition == "noise_level" else None
    restore = jax.jit(opened.objective.restoring.restore)
    made = []
    for start in range(0, len(stored["image"]), TOGETHER):
        images = stored["image"][start : start + TOGETHER].astype(np.float32) / 255
        maps = None
        if level is not None:
            levels = np.array([estimate_noise(level, image) for image in images], np.float32)
            maps = np.broadcast_to(levels[:, None, None, None], (*images.shape[:-1], 1))
        made.append(np.clip(restore(opened.variables, images, maps), 0, 1))
        if made[-1].shape != images.shape:
            raise UsageError(f"from_run {dataset.config.from_run}: it makes pictures larger; take a run that does not")
    return from_arrays(np.concatenate(made), stored.get("label"), dataclasses.replace(dataset.config, fraction=1.0))
