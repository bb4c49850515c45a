"""Scores of generated images, from the features of real and of generated images."""

from collections.abc import Callable, Collection
from functools import cached_property
from typing import NamedTuple

import numpy as np

from jaxgen.errors import UsageError
from jaxgen.evaluation.features import Features, Network
from jaxgen.metrics import distribution, image, masked
from jaxgen.metrics.metric import Direction

Scores = dict[str, float]

PRECISION_RECALL_NEIGHBOURS = 3
DENSITY_COVERAGE_NEIGHBOURS = 5
INCEPTION_SCORE_SPLITS = 10
NAMES: dict[Network, str] = {
    "InceptionV3": "{name}",
    "classifier": "c{name}",
    "DINOv2": "{stem}_dinov2",
    "CLIP": "{stem}_clip",
}
"""Name of a network-specific score by the kind of feature network: with another one than InceptionV3, FID is called
cFID or FD-DINOv2."""


class Comparison:
    """Features of real and of generated images, and the values from which several scores are computed.

    Attributes:
      real: features of the reference.
      generated: features of the generated images.
      modes: number of modes of the data, which are the classes of the feature network; 0: the classes are no modes.
    """

    def __init__(self, real: Features, generated: Features, modes: int = 0) -> None:
        self.real, self.generated, self.modes = real, generated, modes

    @cached_property
    def precision_recall(self) -> tuple[float, float]:
        """Precision and recall, each in [0, 1]."""
        return as_floats(
            distribution.precision_recall(
                self.real.features, self.generated.features, neighbours=PRECISION_RECALL_NEIGHBOURS
            )
        )

    @cached_property
    def density_coverage(self) -> tuple[float, float]:
        """Density, about 1 for equal distributions, and coverage in [0, 1]."""
        return as_floats(
            distribution.density_coverage(
                self.real.features, self.generated.features, neighbours=DENSITY_COVERAGE_NEIGHBOURS
            )
        )

    @cached_property
    def mode_coverage(self) -> tuple[int, float]:
        """Number of modes among the generated images, and the reverse KL divergence from uniform modes in nats."""
        covered, reverse_kl = distribution.mode_coverage(self.generated.probabilities.argmax(-1), self.modes)
        return int(covered), float(reverse_kl)


def as_floats(values: tuple) -> tuple[float, float]:
    """Returns two values as floats."""
    first, second = map(float, values)
    return first, second


class Score(NamedTuple):
    """A score of generated images.

    Attributes:
      compute: the score of a comparison.
      direction: whether a small or a large value is better.
      range: of its values, for the README.
      about: what it compares, for the README.
      network_specific: whether the score has another name for another feature network; see `NAMES`.
      stem: of such a name, where it is not the score's; "" stands for the score's.
      networks: the kinds of feature networks that it is computed by.
      needs_modes: whether the score is defined only if the classes of the feature network are the modes of the data.
      min_images: the least number of real and of generated images.
      needs_covariance: whether each set needs more images than features.
    """

    compute: Callable[[Comparison], float]
    direction: Direction
    range: str = ""
    about: str = ""
    network_specific: bool = False
    stem: str = ""
    networks: Collection[Network] = tuple(NAMES)
    needs_modes: bool = False
    min_images: int = 2
    needs_covariance: bool = False

    def least(self, features: int) -> int:
        """Returns how many real and how many generated images the score needs at least."""
        return max(self.min_images, features + 1 if self.needs_covariance else 0)


def frechet(comparison: Comparison) -> float:
    """Computes the Fréchet distance, in float64 on the host."""
    features = (comparison.real.features, comparison.generated.features)
    return float(distribution.fid(*(x.astype(np.float64) for x in features)))


def kernel(comparison: Comparison) -> float:
    """Computes the kernel distance."""
    return float(distribution.kid(comparison.real.features, comparison.generated.features))


def cmmd(comparison: Comparison) -> float:
    """Computes the distance of CLIP's embeddings by a Gaussian kernel."""
    return float(distribution.cmmd(comparison.real.features, comparison.generated.features))


def inception_score(comparison: Comparison) -> float:
    """Computes the mean Inception Score over splits."""
    return float(distribution.inception_score(comparison.generated.probabilities, splits=INCEPTION_SCORE_SPLITS)[0])


SCORES = {
    "fid": Score(
        frechet,
        "minimize",
        "0 up",
        "mean and covariance of the features of real and generated images",
        network_specific=True,
        stem="fd",
        networks=("InceptionV3", "classifier", "DINOv2"),
        needs_covariance=True,
    ),
    "kid": Score(
        kernel,
        "minimize",
        "about 0 up",
        "the same features by a kernel; without bias for any number of images",
        network_specific=True,
        stem="kd",
    ),
    "cmmd": Score(
        cmmd,
        "minimize",
        "about 0 up",
        "CLIP's features by a Gaussian kernel, times 1000; without bias for any number of images",
        networks=("CLIP",),
    ),
    "inception_score": Score(
        inception_score,
        "maximize",
        "1 to classes",
        "how sure a classifier is of each image, and how evenly it uses its classes",
        network_specific=True,
        networks=("InceptionV3", "classifier"),
        min_images=INCEPTION_SCORE_SPLITS,
    ),
    "precision": Score(
        lambda comparison: comparison.precision_recall[0],
        "maximize",
        "0 to 1",
        "fraction of generated images that are near a real one (k = 3): quality",
        min_images=PRECISION_RECALL_NEIGHBOURS + 1,
    ),
    "recall": Score(
        lambda comparison: comparison.precision_recall[1],
        "maximize",
        "0 to 1",
        "fraction of real images that are near a generated one (k = 3): diversity",
        min_images=PRECISION_RECALL_NEIGHBOURS + 1,
    ),
    "density": Score(
        lambda comparison: comparison.density_coverage[0],
        "maximize",
        "0 up, real: about 1",
        "precision that ignores real outliers (k = 5)",
        min_images=DENSITY_COVERAGE_NEIGHBOURS + 1,
    ),
    "coverage": Score(
        lambda comparison: comparison.density_coverage[1],
        "maximize",
        "0 to 1",
        "fraction of real images with a generated one nearby (k = 5)",
        min_images=DENSITY_COVERAGE_NEIGHBOURS + 1,
    ),
    "modes": Score(
        lambda comparison: comparison.mode_coverage[0],
        "maximize",
        "0 to 1000",
        "different numbers of Stacked-MNIST that were generated",
        needs_modes=True,
    ),
    "reverse_kl": Score(
        lambda comparison: comparison.mode_coverage[1],
        "minimize",
        "0 up, nats",
        "how unevenly they were generated",
        needs_modes=True,
    ),
}
"""Every score of generated images by name. Add one here and it is in evaluations and known to sweeps."""


ONLINE_SCORES = ("fid", "cmmd")
"""The first of these that a feature network has is computed during training and selects the best checkpoint."""


def score_name(name: str, network: Network) -> str | None:
    """Returns the name of a score by a kind of feature network, as in cfid; None if it is not computed by it."""
    score = SCORES[name]
    if network not in score.networks:
        return None
    return NAMES[network].format(name=name, stem=score.stem or name) if score.network_specific else name


def compute_scores(real: Features, generated: Features, network: Network, modes: int = 0) -> Scores:
    """Computes every score of generated images against real ones that so many images allow; see `omitted`.

    Args:
      real: features of the reference.
      generated: features of the generated images.
      network: kind of the feature network.
      modes: number of modes of the data, which are the classes of the feature network; 0: the classes are no modes.
    Returns:
      Scores by name: those of the network, as in fid and kid, precision, recall, density, coverage and, if there are
      modes, modes and reverse_kl (nats).
    """
    comparison = Comparison(real, generated, modes)
    missing = omitted(len(real.features), len(generated.features), real.features.shape[1], network)
    names = {name: score_name(name, network) for name, score in SCORES.items() if modes or not score.needs_modes}
    return {named: SCORES[name].compute(comparison) for name, named in names.items() if named and named not in missing}


def omitted(real: int, generated: int, features: int, network: Network) -> dict[str, str]:
    """Returns why scores of too few images are left out, by their names.

    Args:
      real: number of images of the reference.
      generated: number of generated images.
      features: number of features of an image.
      network: kind of the feature network.
    """
    named = {name: score_name(name, network) for name in SCORES}
    needed = {named[name]: (score, score.least(features)) for name, score in SCORES.items()}
    reason = lambda score: f" (more than the {features} features)" if score.needs_covariance else ""
    return {
        name: f"needs {least} images of each set{reason(score)}; there are {real} real and {generated} generated ones"
        for name, (score, least) in needed.items()
        if name and min(real, generated) < least
    }


def online_score(network: Network) -> tuple[Score, str]:
    """Returns the online score by a kind of feature network, and the name under which it is logged."""
    name, named = next((name, named) for name in ONLINE_SCORES if (named := score_name(name, network)))
    return SCORES[name], f"evaluation/{named}"


def online_metrics() -> set[str]:
    """Returns the names under which `--evaluate-extractor` logs the online score, by any feature network."""
    return {online_score(network)[1] for network in NAMES}


def direction_of(metric: str) -> Direction | None:
    """Returns the direction of a logged metric, as in "evaluation/cfid"; None if no registry has it."""
    metrics = image.METRICS | masked.MASKED_METRICS
    directions: dict[str, Direction] = {name: record.direction for name, record in metrics.items()}
    for name, score in SCORES.items():
        names = (score_name(name, network) for network in NAMES)
        directions |= {named: score.direction for named in names if named}
    return directions.get(metric.rpartition("/")[-1])


def require_enough(network: Network, count: int, features: int, images: str, requested: int, option: str) -> None:
    """Raises UsageError if the online score has no estimate by so many features from so few images.

    Args:
      network: kind of the feature network.
      count: number of images.
      features: number of features of an image.
      images: which images, in words.
      requested: number of images that the option requests; the data may have fewer.
      option: sets that number.
    """
    if count >= online_score(network)[0].least(features):
        return
    remedy = (
        f"set {option} to at least {features + 1}"
        if requested <= features
        else f"{option} is {requested} and the data have no more; use an extractor with fewer features, or leave "
        "--evaluate-extractor out: jaxgen evaluate has KID, precision and recall of few images"
    )
    raise UsageError(f"{count} {images} images for {features} features: the covariance has no estimate; {remedy}")
