"""From a configuration, or from arrays, to a set of images."""

import numpy as np

from jaxgen.data import embedded, folder, labels, npz, pairs, resample, stacked, tfds
from jaxgen.data.config import Config, check
from jaxgen.data.dataset import Dataset
from jaxgen.data.records import Fitted, Records, gather_all
from jaxgen.data.splits import chosen
from jaxgen.errors import UsageError

GIB = 2**30
ARRAYS = {
    "digits": lambda config: embedded.digits(config.split),
    "faces": lambda config: (embedded.faces(config.split), None),
    "photos": lambda config: (embedded.photos(config), None),
    "picture": lambda config: (embedded.picture(config.dir)[None], None),
    "npz": lambda config: npz.load(config.dir, config.split),
}
FOLDERS = {"folder": folder.open_folder, "pairs": pairs.open_pairs}


def load(config: Config) -> Dataset:
    """Returns the set of images that a configuration names.

    Sources without test images of their own hold out every tenth image, digits and faces every fifth, photos whole
    photographs.

    Raises:
      UsageError: if there is no such set, it is not where it should be, or its images do not come to that shape.
    """
    check(config)
    match config.name:
        case "digits" | "faces" | "photos" | "picture" | "npz":
            return from_arrays(*ARRAYS[config.name](config), config)
        case "folder" | "pairs":
            return from_records(*FOLDERS[config.name](config), config)
        case "stacked_mnist":
            return load_stacked(config)
    return from_records(*tfds.open_tfds(config), config)


def from_arrays(image: np.ndarray, label: np.ndarray | None = None, config: Config | None = None) -> Dataset:
    """Returns a set of all these images; of the configuration, what says how they come into a batch counts.

    Args:
      image: uint8[n, height, width, channel] or uint8[n, height, width]; floating-point images in [0, 1] are rounded to
        the nearest of 256 grey levels.
      label: integer[n].
      config: see `Config`; its `name`, `dir` and `memory` do not count, and its `split` only for `share`.
    Raises:
      UsageError: if the arrays are no images, or do not come to the shape asked for.
    """
    config = config or Config()
    check(config)
    image = grey_levels(np.asarray(image))
    keep = chosen(len(image), config.share, config.split, config.seed)
    arrays = {"image": resample.fit(image[keep], config)}
    if label is not None:
        arrays["label"] = class_numbers(np.asarray(label), len(image))[keep]
    labels.check(arrays.get("label"), config)
    labels.check_all_there(arrays.get("label"), config)
    return Dataset(config, arrays)


def load_stacked(config: Config) -> Dataset:
    """Returns Stacked-MNIST: three digits of MNIST as red, green and blue, composed where a batch is made.

    Args:
      config: its `dir` is the folder under which TFDS prepared mnist, or the path of an .npz file of MNIST.
    Raises:
      UsageError: if the digits are not there, are not labelled gray digits, or are not to be held in memory.
    """
    plain = stacked.digits_config(config)
    try:
        digits = load(plain)
    except UsageError as error:
        raise UsageError(f"stacked_mnist is composed of {stacked.origin(plain)}: {error}") from None
    if digits.records is not None:
        raise UsageError(f"memory {config.memory} GiB does not hold the digits of stacked_mnist: give 0.1 or more")
    if digits.image_shape[2] != 1:
        raise UsageError(
            f"stacked_mnist is composed of gray digits: those of {config.dir} have {digits.image_shape[2]} channels"
        )
    return Dataset(config, digits.arrays, stack=stacked.DIGITS)


def from_records(records: Records, keep: np.ndarray, config: Config) -> Dataset:
    """Returns a set of images read by random access: into memory where `config.memory` allows it, else while training.

    Args:
      records: the images as they are stored.
      keep: int[n], which of them.
      config: see `Config`; its `name` and `dir` do not count, and its `split` only for `share`.
    Raises:
      UsageError: if an image cannot be read, or does not come to the shape asked for.
    """
    keep = keep[chosen(len(keep), config.share, config.split, config.seed)]
    fitted = Fitted(records, keep, config)
    labels.check(fitted.first.get("label"), config)
    labels.check_enough(len(fitted), config)
    if len(fitted) * fitted.first["image"].nbytes > config.memory * GIB:
        return Dataset(config, {}, fitted)
    arrays = gather_all(fitted)
    labels.check_all_there(arrays.get("label"), config)
    return Dataset(config, arrays)


def grey_levels(image: np.ndarray) -> np.ndarray:
    """Returns images as uint8[n, height, width, channel], or raises UsageError where they are none."""
    image = image[..., None] if image.ndim == 3 else image
    if image.ndim != 4 or 0 in image.shape:
        raise UsageError(f"image has shape {image.shape}: give [n, height, width, channel] or [n, height, width]")
    if image.dtype == np.uint8:
        return image
    if not np.issubdtype(image.dtype, np.floating):
        raise UsageError(f"image has type {image.dtype}: give uint8 in [0, 255], or floating point in [0, 1]")
    if not (image.min() >= 0 and image.max() <= 1):
        raise UsageError(f"image has values from {image.min()} to {image.max()}: floating point must be in [0, 1]")
    return resample.to_uint8(image * 255)


def class_numbers(label: np.ndarray, count: int) -> np.ndarray:
    """Returns labels as int32[count], or raises UsageError where they are none."""
    if label.shape != (count,):
        raise UsageError(f"label has shape {label.shape} for {count} images: give one number for each")
    if not np.issubdtype(label.dtype, np.integer):
        raise UsageError(f"label has type {label.dtype}: give integers")
    return label.astype(np.int32)
