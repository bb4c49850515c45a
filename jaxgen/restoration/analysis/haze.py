"""Measurements of a photograph that show whether it is hazy.

Haze brightens the dark pixels, and the more so the farther they are, and takes their contrast and color. Snow, fog in
paintings, a flat wall and a blurred picture have some of that, but not all of it, and the classifier `classify_haze` of
all measurements distinguishes them.
"""

import numpy as np
from scipy import ndimage, special

from jaxgen.restoration.analysis.evidence import gradient_magnitude, to_gray
from jaxgen.restoration.analysis.regions import FLAT
from jaxgen.restoration.inference import Settings, load, load_classifier, run
from jaxgen.restoration.restorer import no_progress

SIDE = 192
"""Pixels of the longer side, at most, of the thumbnail that is measured: haze is smooth."""
DARK_PATCH = 9
"""Side in pixels of the patch over which the dark channel takes the minimum."""
CONTRAST_SIGMA = 4.0
"""Standard deviation in pixels of the window in which contrast is measured."""
QUANTILES = (0.01, 0.1, 0.5, 0.9)
MIN_CONFIDENCE = 0.99
"""Confidence from which a photograph counts as hazy."""


def confidence(pixels: np.ndarray) -> float:
    """Returns the probability that a photograph is hazy; see `features`."""
    return float(special.expit(load_classifier("classify_haze")(features(pixels)[None]))[0])


def features(pixels: np.ndarray) -> np.ndarray:
    """Measures how hazy a photograph looks, and what `dehaze` changes of it, in a thumbnail, float32[n].

    Args:
      pixels: float32[height, width, 1 or 3] in [0, 1].
    Reference: He, Sun, Tang 2009, for the dark channel.
    """
    image = thumbnail(pixels)
    clear = run(load("dehaze"), image, None, Settings(), no_progress)
    gray, dark, change = to_gray(image), dark_channel(image), clear - image
    mean = ndimage.gaussian_filter(gray, CONTRAST_SIGMA)
    contrast = np.sqrt(np.maximum(ndimage.gaussian_filter(gray**2, CONTRAST_SIGMA) - mean**2, 0))
    saturation = image.max(-1) - image.min(-1)
    gradient = gradient_magnitude(gray)
    spread = ndimage.maximum_filter(gray, 3) - ndimage.minimum_filter(gray, 3)
    return np.array(
        [
            np.sqrt((change**2).mean()),
            change.mean(),
            change.std(),
            *np.quantile(change.mean(-1), QUANTILES),
            *np.quantile(dark, QUANTILES),
            dark.std(),
            *np.quantile(gray, QUANTILES),
            gray.std(),
            *np.quantile(saturation, QUANTILES),
            *np.quantile(contrast, QUANTILES),
            *np.quantile(gradient, (0.5, 0.9, 0.99)),
            correlation(dark, contrast),
            correlation(dark, saturation),
            correlation(gray, np.arange(len(gray), dtype=np.float32)[:, None] + np.zeros_like(gray)),
            (spread < FLAT).mean(),
            image[dark >= np.quantile(dark, 0.99)].mean(),
        ],
        np.float32,
    )


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Returns means over square blocks of pixels[height, width, channel], at most `SIDE` pixels a side."""
    factor = -(-max(pixels.shape[:2]) // SIDE)
    height, width = (length // factor for length in pixels.shape[:2])
    if min(height, width) < 1:
        return pixels
    blocks = pixels[: height * factor, : width * factor].reshape(height, factor, width, factor, -1)
    return blocks.mean((1, 3))


def dark_channel(image: np.ndarray) -> np.ndarray:
    """Returns the smallest value of all channels around each pixel of an image[height, width, channel]."""
    return np.asarray(ndimage.minimum_filter(image.min(-1), DARK_PATCH))


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Returns Pearson's correlation of two arrays of one shape, 0 where one of them is constant."""
    first, second = first - first.mean(), second - second.mean()
    scale = np.sqrt((first**2).mean() * (second**2).mean())
    return float((first * second).mean() / scale) if scale > 1e-6 else 0.0
