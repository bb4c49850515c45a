"""Converts the images that a Python caller has (paths, Pillow images, arrays) to photographs, and results back."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxgen.errors import UsageError
from jaxgen.io import formats, metadata, photographs, samples
from jaxgen.io.photographs import Photograph

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

    Image = str | os.PathLike | PillowImage | np.ndarray | jax.Array

CHANNELS = (1, 3, 4)
"""Channels of an array: gray, RGB, or RGB with alpha."""
ROUNDING = 1e-5
"""How far floating-point values may lie outside of [0, 1], by rounding; they are clipped."""
PILLOW_MODES = ("L", "LA", "RGB", "RGBA", "I;16")
"""Modes of Pillow images that are read; the result has the same one."""


class Images(NamedTuple):
    """The photographs in an argument, and the way back.

    Attributes:
      photographs: one, or those of a batch.
      is_batch: whether the argument was an array [n, height, width, channel].
      rebuild: (photographs with changed pixels) -> what was given, with these pixels: a Pillow image for a path,
        otherwise the same type, shape, dtype and range, except for a larger height and width.
      to_array: (float32 array) -> an array of the library of the argument: JAX's for a JAX array, otherwise NumPy's.
    """

    photographs: list[Photograph]
    is_batch: bool
    rebuild: Callable[[Sequence[Photograph]], Any]
    to_array: Callable[[np.ndarray], Any] = np.asarray


def read(image: Any) -> Images:
    """Returns the photographs in an argument.

    Args:
      image: a path; a Pillow image of mode L, LA, RGB, RGBA or I;16; or an array [height, width],
        [height, width, 1, 3 or 4] or [n, height, width, 1, 3 or 4] of NumPy or JAX, uint8 in 0 to 255 or floating point
        in [0, 1].
    Raises:
      UsageError: if it is anything else, cannot be read, is traced, or has values out of its range.
    """
    if isinstance(image, str | os.PathLike):
        photograph = photographs.read(Path(image), float("inf"))
        return Images([photograph], False, lambda results: to_pillow(results[0]))
    if isinstance(image, Tracer):
        raise UsageError(
            "an image traced by jax.jit or another transformation: give a concrete array; inside of one, apply the "
            "network's module, see jaxgen.restoration.pretrained.read"
        )
    if isinstance(image, np.ndarray | jax.Array):
        return read_array(image)
    if is_pillow(image):
        return read_pillow(image)
    raise UsageError(
        f"an image of type {type(image).__name__}: give a path, a Pillow image, or an array of NumPy or JAX"
    )


def is_pillow(image: Any) -> bool:
    """Returns whether an object is a Pillow image."""
    from PIL import Image

    return isinstance(image, Image.Image)


def read_pillow(image: Any) -> Images:
    """Returns the photograph in a Pillow image; see `read`."""
    if image.mode not in PILLOW_MODES:
        raise UsageError(
            f"a Pillow image of mode {image.mode}: give one of {', '.join(PILLOW_MODES)}, for example "
            f"image.convert('RGB')"
        )
    photograph = Photograph(*samples.values_of(image), bits=16 if image.mode == "I;16" else 8)

    def rebuild(results: Sequence[Photograph]) -> Any:
        result = to_pillow(results[0])
        scale = result.width // image.width
        result.info = {**(image.info if scale == 1 else enlarged_info(image, scale)), **result.info}
        return result

    return Images([photograph], False, rebuild)


def enlarged_info(image: Any, scale: int) -> dict[Any, Any]:
    """Returns the info of a Pillow image for one that is larger by a whole factor, and as large on paper."""
    info, width, height = dict(image.info), scale * image.width, scale * image.height
    if isinstance(info.get("dpi"), tuple):
        info["dpi"] = tuple(scale * float(dots) for dots in info["dpi"])
    if isinstance(info.get("exif"), bytes):
        try:
            info["exif"] = metadata.EXIF_HEADER + metadata.exif_of_size(info["exif"], width, height, scale)
        except Exception:  # Pillow raises many types for damaged tags.
            del info["exif"]
    if isinstance(info.get("xmp"), bytes):
        info["xmp"] = metadata.xmp_of_size(info["xmp"], width, height)
    return info


def to_pillow(photograph: Photograph) -> Any:
    """Returns a photograph as a Pillow image: I;16 for 16 bits of gray, otherwise 8 bits a channel.

    Its info holds the color profile, the EXIF data and the dots per inch.
    """
    from PIL import Image

    is_gray = photograph.pixels.shape[-1] == 1 and photograph.alpha is None
    values = photographs.rounded(photograph, photograph.bits if is_gray else 8)
    image = Image.fromarray(values[..., 0] if is_gray else values)
    image.info |= {"icc_profile": photograph.profile} if photograph.profile else {}
    image.info |= {"exif": photographs.EXIF_HEADER + photograph.exif} if photograph.exif else {}
    image.info |= {"dpi": photograph.dpi} if photograph.dpi else {}
    return image


def read_array(image: np.ndarray | jax.Array) -> Images:
    """Returns the photographs in an array; see `read`."""
    shape, dtype = image.shape, image.dtype
    is_valid = len(shape) == 2 or (len(shape) in {3, 4} and shape[-1] in CHANNELS)
    if not is_valid or 0 in shape:
        raise UsageError(
            f"an image of shape {tuple(shape)}: give [height, width], [height, width, channels] or a batch "
            "[n, height, width, channels], with 1, 3 or 4 channels last"
        )
    values = to_unit_range(image, "an image")
    batch = values.reshape(-1, *(shape[-3:] if len(shape) > 2 else (*shape, 1)))
    pixels = [samples.split_alpha(one) for one in batch]
    to_array = jnp.asarray if isinstance(image, jax.Array) else np.asarray

    def rebuild(results: Sequence[Photograph]) -> Any:
        joined = lambda result: photographs.rounded(result, 8) if dtype == np.uint8 else photographs.joined(result)
        stacked = np.stack([joined(result) for result in results])
        result = stacked.astype(dtype) if len(shape) == 4 else stacked[0].astype(dtype)
        return to_array(result[..., 0] if len(shape) == 2 else result)

    return Images([Photograph(*pair) for pair in pixels], len(shape) == 4, rebuild, to_array)


def to_unit_range(image: np.ndarray | jax.Array, name: str) -> np.ndarray:
    """Returns the values of an array as float32 in [0, 1].

    Args:
      image: uint8 in 0 to 255, or floating point in [0, 1].
      name: of the array, for errors.
    Raises:
      UsageError: if it has another type, or values out of its range.
    """
    if image.dtype == np.uint8:
        return np.asarray(image).astype(np.float32) / 255
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise UsageError(f"{name} of type {image.dtype}: give uint8 in 0 to 255, or floating point in [0, 1]")
    values = np.asarray(image).astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not -ROUNDING <= low <= high <= 1 + ROUNDING:
        raise UsageError(f"{name} of type {image.dtype} with values from {low:g} to {high:g}: give values in [0, 1]")
    return values.clip(0, 1)


def format_of(path: Path) -> str:
    """Returns Pillow's name of the format that a path's suffix names, or raises UsageError where none has it."""
    kinds = {suffix: kind for kind, suffixes in formats.SUFFIXES.items() for suffix in suffixes}
    if path.suffix.lower() not in kinds:
        raise UsageError(f"{path}: give a file that ends in one of {', '.join(sorted(kinds))}")
    return kinds[path.suffix.lower()]


def write(path: Path, photograph: Photograph) -> None:
    """Writes a photograph in the format that the path's suffix names.

    Raises:
      UsageError: if no format has that suffix, or the file cannot be written.
    """
    photographs.write(path, photograph._replace(kind=format_of(path)))
