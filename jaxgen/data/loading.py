"""From arrays, or from records that are read one by one, to a set of images."""

import numpy as np

from jaxgen.data import labels, resample, sources
from jaxgen.data.config import Config, check
from jaxgen.data.dataset import Dataset
from jaxgen.data.records import NOTHING, Contents, Fitted, Records, gather_all
from jaxgen.data.splits import choose_fraction
from jaxgen.errors import UsageError

GIB = 2**30


def load(config: Config) -> Dataset:
    """Loads the data set of a configuration.

    Sources without a test split hold out every tenth image, digits and faces every fifth, photos some photographs.

    Raises:
      UsageError: if there is no such set, it is not where it should be, or its images do not come to that shape.
    """
    check(config)
    return sources.find(config.name).load(config)


def from_arrays(
    image: np.ndarray,
    label: np.ndarray | None = None,
    config: Config | None = None,
    contents: Contents = NOTHING,
) -> Dataset:
    """Returns a set of all these images; of the configuration, what says how they come into a batch counts.

    Args:
      image: uint8[n, height, width, channel] or uint8[n, height, width]; floating-point images in [0, 1] and uint16
        ones in [0, `config.white`] are rounded to the nearest of 256 gray levels.
      label: integer[n].
      config: see `Config`; its `name`, `dir` and `memory` do not count, and its `split` only for `fraction`.
      contents: what the source was found to hold.
    Raises:
      UsageError: if the arrays are no images, or do not come to the shape asked for.
    """
    config = config or Config()
    check(config)
    image = np.asarray(image)
    if image.dtype == np.uint16 and image.size and (hint := resample.white_hint(int(image.max()), config.white)):
        contents = contents._replace(lines=(*contents.lines, hint))
    image = to_gray_levels(image, config.white)
    keep = choose_fraction(len(image), config.fraction, config.split, config.seed)
    arrays = {"image": resample.fit(image[keep], config)}
    if label is not None:
        label = np.asarray(label)
        if label.shape != (len(image),):
            raise UsageError(f"label has shape {label.shape} for {len(image)} images: give one number for each")
        if not np.issubdtype(label.dtype, np.integer):
            raise UsageError(f"label has type {label.dtype}: give integers")
        arrays["label"] = label.astype(np.int32)[keep]
    labels.check(arrays.get("label"), config)
    labels.check_all_there(arrays.get("label"), config)
    return Dataset(config, arrays, contents=contents)


def from_records(records: Records, keep: np.ndarray, config: Config, contents: Contents = NOTHING) -> Dataset:
    """Returns a set of images read by random access: into memory where `config.memory` allows it, else while training.

    Args:
      records: the images as they are stored.
      keep: int[n], which of them.
      config: see `Config`; its `name` and `dir` do not count, and its `split` only for `fraction`.
      contents: what the source was found to hold.
    Raises:
      UsageError: if an image cannot be read, or does not come to the shape asked for.
    """
    keep = keep[choose_fraction(len(keep), config.fraction, config.split, config.seed)]
    fitted = Fitted(records, keep, config)
    labels.check(fitted.first.get("label"), config)
    labels.check_enough(len(fitted), config)
    if len(fitted) * fitted.first["image"].nbytes > config.memory * GIB:
        return Dataset(config, {}, fitted, contents=contents)
    arrays = gather_all(fitted)
    labels.check_all_there(arrays.get("label"), config)
    return Dataset(config, arrays, contents=contents)


def check_image(shape: tuple[int, ...]) -> None:
    """Raises UsageError where an array of this shape holds no images, with the advice that such an array needs."""
    found, transposed = f"image has shape {shape}", "image.transpose(0, 2, 3, 1)"
    if len(shape) not in {3, 4} or 0 in shape:
        raise UsageError(f"{found}: give [n, height, width, channel] or [n, height, width]")
    if len(shape) == 3 or (channels := shape[3]) in {1, 3}:
        return
    if shape[1] in {1, 3}:
        raise UsageError(f"{found}, channels first: give channels last, as {transposed} is")
    if shape[1] in {2, 4} and channels > 4:
        rest = f"{transposed}[..., :{shape[1] - 1}]"
        raise UsageError(f"{found}, channels first with an alpha channel: give the others last, as {rest} are")
    if channels in {2, 4}:
        raise UsageError(f"{found}, with an alpha channel: leave it out, as image[..., :{channels - 1}] does")


def advice(low: float, high: float) -> str:
    """Returns how to bring floating point images of another usual range to [0, 1]; empty for an unusual one."""
    if low >= 0 and 1 < high <= 255:
        return "; where 255 is white, give image / 255"
    if -1 <= low < 0 and high <= 1:
        return "; where -1 is black and 1 is white, give (image + 1) / 2"
    return ""


def to_gray_levels(image: np.ndarray, white: int) -> np.ndarray:
    """Returns images as uint8[n, height, width, channel], or raises UsageError where they are none.

    Args:
      image: uint8, uint16 in [0, white], or floating point in [0, 1].
      white: see `Config`.
    """
    check_image(image.shape)
    image = image[..., None] if image.ndim == 3 else image
    if image.dtype == np.uint8:
        return image
    if image.dtype == np.uint16:
        if image.max() > white:
            raise UsageError(f"image has values up to {image.max()}, above {white}: set data.white to that of white")
        return resample.to_uint8(image * np.float32(255 / white))
    if not np.issubdtype(image.dtype, np.floating):
        raise UsageError(f"image has type {image.dtype}: give uint8 in [0, 255], uint16, or floating point in [0, 1]")
    low, high = float(image.min()), float(image.max())
    if not (low >= 0 and high <= 1):
        raise UsageError(
            f"image has values from {low:g} to {high:g}: floating point must be in [0, 1]{advice(low, high)}"
        )
    return resample.to_uint8(image * 255)
