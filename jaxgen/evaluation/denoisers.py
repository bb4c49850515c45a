"""Denoisers of other libraries, beside which a network is measured. They receive the true noise level.

Non-local means is scikit-image's. BM3D is that of its authors, an optional package whose licence allows non-commercial
research alone: https://webpages.tuni.fi/foi/GCF-BM3D.
"""

import importlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxgen.errors import UsageError

Denoiser = Callable[[np.ndarray, float], np.ndarray]
"""(noisy float32[height, width, 1 or 3], standard deviation of the noise in [0, 1]) -> denoised image."""

PATCH_SIDE, SEARCH_RADIUS = 5, 10
"""Of non-local means, in pixels: those of Buades, Coll and Morel 2011 for a noise level of 25 gray levels."""
FILTERING = 0.6
"""Filtering parameter h of non-local means as a multiple of the noise level: the best of 0.4, 0.6, 0.8 and 1 on four
photographs in gray; in color 0.4 has at most 0.3 dB more."""


def non_local_means(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Denoises an image by weighted means of pixels whose neighborhoods are alike.

    Args:
      noisy: float32[height, width, 1 or 3].
      sigma: standard deviation of the noise, in the image's unit.
    Reference: Buades, Coll, Morel 2005; Darbon et al. 2008 (the fast mode).
    """
    from skimage.restoration import denoise_nl_means

    result = denoise_nl_means(
        noisy,
        patch_size=PATCH_SIDE,
        patch_distance=SEARCH_RADIUS,
        h=FILTERING * sigma,
        sigma=sigma,
        fast_mode=True,
        channel_axis=-1,
    )
    return np.asarray(result, np.float32).reshape(noisy.shape)


def bm3d(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Denoises an image by collaborative filtering of similar blocks, in color in an opponent space (CBM3D).

    Args:
      noisy: float32[height, width, 1 or 3].
      sigma: standard deviation of the noise, in the image's unit.
    Raises:
      UsageError: if the package bm3d is not installed.
    Reference: Dabov, Foi, Katkovnik, Egiazarian 2007; Mäkinen, Azzari, Foi 2020 (the implementation, profile "np").
    """
    try:
        package = importlib.import_module("bm3d")
    except ModuleNotFoundError as error:
        raise UsageError(
            f"bm3d needs {error.name}: pip install 'bm3d>=4', whose licence allows non-commercial research alone"
        ) from error
    result = package.bm3d(noisy[..., 0], sigma) if noisy.shape[-1] == 1 else package.bm3d_rgb(noisy, sigma)
    return np.asarray(result, np.float32).reshape(noisy.shape)


class NamedDenoiser(NamedTuple):
    """A denoiser of another library.

    Attributes:
      row: its name in tables.
      denoise: applies it.
    """

    row: str
    denoise: Denoiser


DENOISERS = {
    "non-local-means": NamedDenoiser("non-local means, σ given", non_local_means),
    "bm3d": NamedDenoiser("BM3D, σ given", bm3d),
}
"""The denoisers by the value of `jaxgen evaluate --baselines`."""
