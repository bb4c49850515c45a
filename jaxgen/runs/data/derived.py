"""Data sets from another run: samples of its generator, or a data set that its restorer has processed."""

import dataclasses
from pathlib import Path

import jax
import numpy as np

from jaxgen import data
from jaxgen.config.gan import classes
from jaxgen.data.loading import from_arrays
from jaxgen.data.records import Contents
from jaxgen.data.resample import to_uint8
from jaxgen.errors import UsageError
from jaxgen.restoration.analysis.noise import estimate_noise
from jaxgen.restoration.pretrained import load_noise_estimator
from jaxgen.runs.data.class_names import class_names
from jaxgen.runs.open_restorer import conditioning
from jaxgen.runs.reopen import Opened, OpenOptions, open_run, read_config
from jaxgen.training.state import Restoring

BATCH = 500
SEED = 1
"""Seed of the latents, other than the default of jaxgen sample."""


def derive(dataset: data.Dataset, *, trust: bool = False) -> data.Dataset:
    """Returns the data set of the run `config.from_run`, or the data set itself where that is empty.

    Args:
      dataset: the real images: those that a restorer processes; for a generator only their shape counts.
      trust: whether the script in the run's folder may be executed, see `OpenOptions`.
    Raises:
      UsageError: if the run neither generates nor restores images, its images have another shape, or the data set does
        not fit in memory.
    """
    config = dataset.config
    if not config.from_run:
        return dataset
    run = Path(config.from_run)
    # Data that have moved have moved for both runs.
    is_same_data = read_config(run)["config"].get("data", {}).get("name") == config.name
    opened = open_run(run, OpenOptions(trust=trust, data_dir=config.dir if is_same_data else ""))
    if opened.objective.generative is not None:
        return sample_dataset(opened, dataset)
    if opened.objective.restoring is None:
        raise UsageError(f"from_run {config.from_run}: this run neither generates nor restores images")
    if dataset.records is not None:
        raise UsageError(f"from_run restores all images at once: raise data.memory above {config.memory:g} GiB")
    return restore_dataset(opened, dataset, opened.objective.restoring)


def sample_dataset(opened: Opened, dataset: data.Dataset) -> data.Dataset:
    """Returns `samples` images of a generator, in addition to the real ones with `with_real`.

    They have labels if the generator is conditional and the real images, with `with_real`, have labels too.
    """
    config, shape = dataset.config, dataset.image_shape
    if config.with_real and dataset.records is not None:
        raise UsageError(f"with_real holds all images in memory: raise data.memory above {config.memory:g} GiB")
    parts = [opened.sample(BATCH, SEED + i) for i in range(-(-config.samples // BATCH))]
    images = np.concatenate(parts)[: config.samples]
    if images.shape[1:] != shape:
        raise UsageError(f"from_run {config.from_run} generates images of {images.shape[1:]} and the data have {shape}")
    num_classes = classes(opened.config)
    labels = np.tile(np.arange(BATCH) % num_classes, len(parts))[: config.samples] if num_classes else None
    # `fraction` has been applied to the real images.
    full_config = dataclasses.replace(config, fraction=1.0)
    if not config.with_real:
        names = class_names(opened.path) if num_classes else ()
        return from_arrays(images, labels, full_config, Contents(class_names=names))
    real = dataset.arrays
    both = np.concatenate([real["image"], to_uint8(255 * images)])
    if labels is not None:
        labels = np.concatenate([real["label"], labels]) if "label" in real else None
    return from_arrays(both, labels, full_config, dataset.contents)


def restore_dataset(opened: Opened, dataset: data.Dataset, restoring: Restoring) -> data.Dataset:
    """Returns a data set with restored images and the same labels. A noise level that the network needs is estimated.

    Raises:
      UsageError: if the network needs a mask, changes the size of images, or options of a generator's run are set.
    """
    config, stored = opened.config, dataset.arrays
    if dataset.config.with_real:
        raise UsageError("with_real is of a generator's run, and this one restores the real images: leave it out")
    if dataset.config.samples != data.Config.samples:
        raise UsageError(
            f"samples {dataset.config.samples}: from_run {dataset.config.from_run} restores all images of the "
            "data set; leave samples out"
        )
    if config.data.channels not in (0, dataset.image_shape[-1]):
        raise UsageError(
            f"from_run {dataset.config.from_run} restores {config.data.channels} channels, and the data have "
            f"{dataset.image_shape[-1]}: set data.channels"
        )
    condition = conditioning(config)
    if condition == "mask":
        raise UsageError(
            f"from_run {dataset.config.from_run}: its network needs a mask of the damage, which this data set does not "
            "have; give a run without one"
        )
    estimator = load_noise_estimator() if condition == "noise_level" else None
    restore = jax.jit(restoring.restore)
    parts: list[np.ndarray] = []
    for start in range(0, len(stored["image"]), BATCH):
        images = stored["image"][start : start + BATCH].astype(np.float32) / 255
        maps = None
        if estimator is not None:
            levels = np.array([estimate_noise(estimator, image) for image in images], np.float32)
            maps = np.broadcast_to(levels[:, None, None, None], (*images.shape[:-1], 1))
        parts.append(np.clip(np.asarray(restore(opened.variables, images, maps)), 0, 1))
        if parts[-1].shape != images.shape:
            raise UsageError(f"from_run {dataset.config.from_run}: it enlarges images; give a run that does not")
    full_config = dataclasses.replace(dataset.config, fraction=1.0)
    return from_arrays(np.concatenate(parts), stored.get("label"), full_config, dataset.contents)
