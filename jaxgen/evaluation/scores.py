"""Distances between the features of real and of generated images, by name."""

import jax
import numpy as np

from jaxgen.errors import UsageError
from jaxgen.evaluation.features import Features
from jaxgen.metrics import distribution

Scores = dict[str, float]


def require_enough(count: int, features: int, what: str) -> None:
    """Raises where a covariance of so many features cannot be estimated from so few images; `what` they are."""
    if count <= features:
        raise UsageError(
            f"{count} {what}images for {features} features: their covariance has no estimate; give at least "
            f"{features + 1}"
        )


def frechet(real: Features, fake: Features) -> float:
    """Returns the Fréchet distance of two sets of features, in float64 on the host."""
    return float(distribution.fid(real.features.astype(np.float64), fake.features.astype(np.float64)))


def all_scores(real: Features, fake: Features, prefix: str) -> Scores:
    """Returns every score of generated images against real ones.

    Args:
      real: features of the reference.
      fake: features of what is judged.
      prefix: "c" makes cfid, ckid and cinception_score of them; see `Extractor`.
    Returns:
      {"fid", "kid", "inception_score"} with the prefix, {"precision", "recall", "density", "coverage"} and, where modes
      are read, {"modes", "reverse_kl" (nats)}.
    """
    precision, recall = jax.jit(distribution.precision_recall)(real.features, fake.features)
    density, coverage = jax.jit(distribution.density_coverage)(real.features, fake.features)
    scores = {
        f"{prefix}fid": frechet(real, fake),
        f"{prefix}kid": float(jax.jit(distribution.kid)(real.features, fake.features)),
        f"{prefix}inception_score": float(distribution.inception_score(fake.probabilities)[0]),
        "precision": float(precision),
        "recall": float(recall),
        "density": float(density),
        "coverage": float(coverage),
    }
    return scores


def mode_scores(modes: np.ndarray, classes: int) -> Scores:
    """Returns how many of the classes the generated images cover, and the reverse KL to their even share, nats."""
    covered, reverse_kl = distribution.mode_coverage(modes, classes)
    return {"modes": int(covered), "reverse_kl": float(reverse_kl)}
