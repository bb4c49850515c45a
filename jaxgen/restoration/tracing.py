"""Whether a mask ends where the damage does, or reaches beyond it.

A mask that was computed, or drawn with care, ends where damage is only just to be seen, and tells so how much of the
picture shines through where; one drawn by hand tells nothing of the kind. What mends by the one misleads by the other.
"""

import numpy as np
from scipy import ndimage

SPREAD = 1.0
"""Standard deviation of the weights by which a pixel is guessed from those around it, in pixels."""
STEP = 1.5
"""How many times worse pixels just inside a mask are guessed than those just outside, if it ends with the damage."""


def is_traced(pixels: np.ndarray, mask: np.ndarray) -> bool:
    """Returns whether a mask ends where the damage does: the picture steps there, and not elsewhere around it.

    The outermost pixels of the mask are guessed from those around it, and the pixels around it from those around them.
    Where all of these show the picture, one guess is about as good as the other.

    Args:
      pixels: float32[height, width, channel] in [0, 1].
      mask: float32[height, width, 1], 1 where the picture is damaged.
    """
    inner, outer = mask > 0, ndimage.maximum_filter(mask, (3, 3, 1)) > 0
    inside, outside = inner & (ndimage.minimum_filter(mask, (3, 3, 1)) == 0), outer & ~inner
    if not inside.any() or not outside.any():
        return False
    step, usual = surprise(pixels, inner)[inside].mean(), surprise(pixels, outer)[outside].mean()
    return bool(step > STEP * usual)


def surprise(pixels: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Returns how far pixels are from a weighted mean of those around them that are not hidden.

    Args:
      pixels: float32[height, width, channel].
      hidden: bool[height, width, 1].
    Returns:
      float32[height, width, 1], the mean over channels of the absolute differences; large where nothing is known.
    """
    known = (~hidden).astype(np.float32)
    blurred = lambda values: ndimage.gaussian_filter(values, (SPREAD, SPREAD, 0))
    weight = np.maximum(blurred(known), 1e-6)
    # One channel after the other: a photograph of 24 megapixels has 0.3 GB.
    channels = [pixels[..., [channel]] for channel in range(pixels.shape[-1])]
    return sum(abs(channel - blurred(channel * known) / weight) for channel in channels) / np.float32(len(channels))
