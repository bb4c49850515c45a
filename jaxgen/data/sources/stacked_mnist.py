"""Stacked-MNIST as a data source: MNIST's digits in memory, composed when a batch is built (`data.stacked`)."""

import dataclasses

from jaxgen.data.config import Config
from jaxgen.data.dataset import Dataset
from jaxgen.data.sources import find
from jaxgen.data.stacked import BASE, CLASSES, DIGITS
from jaxgen.errors import UsageError


def load_stacked(config: Config) -> Dataset:
    """Returns Stacked-MNIST: three digits of MNIST as red, green and blue, composed when a batch is built.

    Args:
      config: its `dir` is the folder under which TFDS prepared mnist, or the path of an .npz file of MNIST.
    Raises:
      UsageError: if the digits are not there, are not labelled gray digits, or are not to be held in memory.
    """
    plain = digits_config(config)
    try:
        digits = find(plain.name).load(plain)
    except UsageError as error:
        where = "TFDS's mnist (dir is its data folder, or the path of an .npz file of MNIST)"
        where = "the digits in an .npz file" if plain.name == "npz" else where
        raise UsageError(f"stacked_mnist is composed of {where}: {error}") from None
    if digits.records is not None:
        raise UsageError(f"memory {config.memory} GiB does not hold the digits of stacked_mnist: give 0.1 or more")
    if digits.image_shape[2] != 1:
        raise UsageError(
            f"stacked_mnist is composed of gray digits: those of {config.dir} have {digits.image_shape[2]} channels"
        )
    return Dataset(config, digits.arrays, stack=DIGITS)


def digits_config(config: Config) -> Config:
    """Returns the configuration of the gray digits under a configuration of stacked ones.

    Args:
      config: its `dir` is TFDS's data folder, or the path of an .npz file of MNIST.
    Raises:
      UsageError: if it asks for other channels or classes than stacked digits have.
    """
    if config.channels not in {0, DIGITS}:
        raise UsageError(f"channels {config.channels}: stacked_mnist has {DIGITS}; give that, or 0")
    if config.classes not in {0, CLASSES}:
        raise UsageError(f"classes {config.classes}: stacked_mnist has {CLASSES}; give that, or 0")
    name = "npz" if config.dir.endswith(".npz") else "mnist"
    return dataclasses.replace(config, name=name, channels=0, classes=BASE)
