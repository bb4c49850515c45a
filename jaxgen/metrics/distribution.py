"""Metrics of a set of generated images against real ones, from their features."""

from jaxgen.metrics.features import require_finite
from jaxgen.metrics.frechet import fid, frechet_distance
from jaxgen.metrics.inception_score import inception_score
from jaxgen.metrics.kernel import cmmd, kid, kid_subsets
from jaxgen.metrics.modes import mode_coverage
from jaxgen.metrics.neighbours import density_coverage, precision_recall

__all__ = [
    "cmmd",
    "density_coverage",
    "fid",
    "frechet_distance",
    "inception_score",
    "kid",
    "kid_subsets",
    "mode_coverage",
    "precision_recall",
    "require_finite",
]
