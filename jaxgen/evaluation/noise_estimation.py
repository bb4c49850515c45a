"""Errors of a noise-level estimator on folders of photographs."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.degradations.noise import gaussian_noise
from jaxgen.evaluation.restoration import pair_folders, read_images
from jaxgen.metrics.protocols import PROTOCOLS
from jaxgen.restoration.analysis.noise import estimate_noise

MAX_LEVEL = 255

Network = Callable[[np.ndarray], np.ndarray]
"""The network of `jaxgen.restoration.analysis.noise.estimate_noise`."""


class Error(NamedTuple):
    """Errors of the estimate over the images of a folder, in grey levels (0 to 255).

    Attributes:
      bias: mean of estimate − truth.
      absolute: mean of |estimate − truth|.
      worst: maximum of |estimate − truth|.
    """

    bias: float
    absolute: float
    worst: float


def measure(network: Network, sigma: float, images: Sequence[np.ndarray], *, seed: int = 0) -> Error:
    """Computes the errors of the estimate on images with noise.

    Args:
      network: the estimator.
      sigma: standard deviation of the noise, in grey levels.
      images: without noise, float32[height, width, channel] in [0, 1].
      seed: of the noise.
    """
    errors = []
    for index, image in enumerate(images):
        key = jax.random.fold_in(jax.random.key(seed), index)
        noisy = np.asarray(gaussian_noise(key, jnp.asarray(image[None]), sigma / MAX_LEVEL)[0])
        errors.append(MAX_LEVEL * estimate_noise(network, noisy) - sigma)
    return Error(float(np.mean(errors)), float(np.mean(np.abs(errors))), float(np.max(np.abs(errors))))


def evaluate(
    network: Network, sigmas: Sequence[float], folders: Sequence[str], protocols: Sequence[str], *, seed: int = 0
) -> dict[str, Any]:
    """Computes the errors for several noise levels and folders.

    Args:
      network: the estimator.
      sigmas: standard deviations of the noise, in grey levels.
      folders: of photographs without noise.
      protocols: names in `metrics.protocols`, for gray or color images; one for all folders or one for each.
      seed: of the noise.
    Returns:
      {"protocol", "levels": {folder: {"pictures", "protocol", "sigmas": {"σ 25": {"bias", "absolute", "worst"}}}}}.
    Raises:
      UsageError: if a folder has no images, or the protocols are not as many as the folders.
    """
    tables, pairs = {}, pair_folders(folders, protocols)
    for name, (folder, protocol) in pairs.items():
        images = read_images(folder, protocol)
        errors = {f"σ {sigma:g}": measure(network, sigma, images, seed=seed)._asdict() for sigma in sigmas}
        tables[name] = {"pictures": len(images), "protocol": protocol, "sigmas": errors}
    kinds = {protocol: "gray" if PROTOCOLS[protocol].channels == 1 else "color" for _, protocol in pairs.values()}
    colors = " and ".join(dict.fromkeys(kinds.values()))
    return {"protocol": f"{colors}; noise added unclipped, seed {seed}; grey levels of 255", "levels": tables}


def to_text(evaluation: dict[str, Any]) -> str:
    """Formats an evaluation as a table for each folder."""
    lines = [evaluation["protocol"]]
    for folder, table in evaluation["levels"].items():
        head = f"{folder} ({table['pictures']})"
        width = max(len(head), len("mean |error|"))
        lines += ["", "  ".join([head.ljust(width), *(f"{sigma:>7}" for sigma in table["sigmas"])])]
        for name, key in (("bias", "bias"), ("mean |error|", "absolute"), ("worst", "worst")):
            cells = (f"{error[key]:7.2f}" for error in table["sigmas"].values())
            lines.append("  ".join([name.ljust(width), *cells]))
    return "\n".join(lines)
