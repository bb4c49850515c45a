"""How well the level of noise is told, on folders of pictures: the error of the estimate, picture by picture."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgen.degradations.noise import gaussian_noise
from jaxgen.evaluation.restoration import read_pictures
from jaxgen.metrics.protocols import PROTOCOLS
from jaxgen.restoration.estimation import estimate_noise

LEVELS = 255


class Error(NamedTuple):
    """Errors of an estimate over the pictures of a set, in grey levels of 255.

    Attributes:
      bias: mean of estimate − truth.
      absolute: mean of |estimate − truth|.
      worst: the largest of them.
    """

    bias: float
    absolute: float
    worst: float


def measure(
    network: Callable[[np.ndarray], np.ndarray], sigma: float, pictures: Sequence[np.ndarray], *, seed: int = 0
) -> Error:
    """Returns by how much the level of noise is missed.

    Args:
      network: see `restoration.estimation.estimate_noise`.
      sigma: of the noise, in grey levels.
      pictures: undamaged, float32[height, width, channel].
      seed: of the noise.
    """
    missed = []
    for index, picture in enumerate(pictures):
        key = jax.random.fold_in(jax.random.key(seed), index)
        noisy = np.asarray(gaussian_noise(key, picture[None], sigma / LEVELS)[0])
        missed.append(LEVELS * estimate_noise(network, noisy) - sigma)
    return Error(float(np.mean(missed)), float(np.mean(np.abs(missed))), float(np.max(np.abs(missed))))


def evaluate(
    network: Callable[[np.ndarray], np.ndarray],
    sigmas: Sequence[float],
    folders: Sequence[str],
    protocol: str,
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Returns tables of the error.

    Args:
      network: see `restoration.estimation.estimate_noise`.
      sigmas: noise in grey levels, a column each.
      folders: of undamaged pictures.
      protocol: one of `metrics.protocols`; it decides between gray and colour.
      seed: of the noise.
    Returns:
      {"protocol", "levels": {folder: {"pictures", "sigmas": {"σ 25": {"bias", "absolute", "worst"}}}}}.
    Raises:
      UsageError: if a folder holds no pictures for the protocol.
    """
    told = {}
    for folder in folders:
        pictures = read_pictures(folder, protocol)
        errors = {f"σ {sigma:g}": measure(network, sigma, pictures, seed=seed)._asdict() for sigma in sigmas}
        told[folder] = {"pictures": len(pictures), "sigmas": errors}
    colours = "gray" if PROTOCOLS[protocol].channels == 1 else "colour"
    return {"protocol": f"{colours}; noise added unclipped, seed {seed}; grey levels of 255", "levels": told}


def as_text(found: dict[str, Any]) -> str:
    """Returns an evaluation as tables for a person to read."""
    lines = [found["protocol"]]
    for folder, told in found["levels"].items():
        head = f"{folder} ({told['pictures']})"
        width = max(len(head), len("mean |error|"))
        lines += ["", "  ".join([head.ljust(width), *(f"{sigma:>7}" for sigma in told["sigmas"])])]
        for name, key in (("bias", "bias"), ("mean |error|", "absolute"), ("worst", "worst")):
            cells = (f"{error[key]:7.2f}" for error in told["sigmas"].values())
            lines.append("  ".join([name.ljust(width), *cells]))
    return "\n".join(lines)
