"""The samples of photographs as arrays: their range, their channels and their orientation."""

import numpy as np

from jaxgen.io.images import is_gray

MAX_VALUE = 65535


def values_of(image) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns (pixels, alpha) of a Pillow image as it lies in memory, see `Photograph`.

    Raises:
      ValueError: if its values are floating point, or gray values of more than 16 bits.
    """
    if image.mode == "F":
        raise ValueError("its values are floating point: give 8 or 16 bits")
    if image.mode.startswith("I"):
        values = unit_range(np.asarray(image), MAX_VALUE)
        if not 0 <= values.min() <= values.max() <= 1:
            raise ValueError("its gray values are not 16-bit")
        return values[..., None], None
    mode = ("L" if is_gray(image.mode) else "RGB") + ("A" if image.has_transparency_data else "")
    values = unit_range(np.asarray(image if image.mode == mode else image.convert(mode)), 255)
    return split_alpha(values[..., None] if mode == "L" else values)


def unit_range(values: np.ndarray, white: int) -> np.ndarray:
    """Returns integers as float32, white as 1."""
    result = values.astype(np.float32)
    result /= white
    return result


def split_alpha(values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns (pixels, alpha) of values [height, width, 1 to 4]; the last of two or four channels is alpha."""
    return (values[..., :-1], values[..., -1:]) if values.shape[-1] in {2, 4} else (values, None)


def oriented(values: np.ndarray, orientation: int) -> np.ndarray:
    """Returns values [height, width, channel] rotated and reflected according to EXIF's orientation, 1 to 8."""
    values = values.swapaxes(0, 1) if orientation >= 5 else values
    values = values[::-1] if orientation in {3, 4, 7, 8} else values
    return values[:, ::-1] if orientation in {2, 3, 6, 7} else values
