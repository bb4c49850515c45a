"""Techniques that stabilize adversarial training, each with its hyperparameters."""

from dataclasses import dataclass

from jaxgen.fields import Decay


@dataclass(frozen=True)
class LabelSmoothingHyper:
    """Hyperparameters of one-sided label smoothing."""

    label_smoothing: Decay = 0.1
    """Distance of the target of real images from 1, with label_smoothing in remedies."""


@dataclass(frozen=True)
class HistoricalAveragingHyper:
    """Hyperparameters of historical averaging."""

    historical_weight: float = 0.01
    """Weight of the squared distance of each player's parameters from their mean so far."""


@dataclass(frozen=True)
class OrthogonalHyper:
    """Hyperparameters of orthogonal regularization."""

    orthogonal_weight: float = 1e-4
    """Weight of the squared products of different filters of the generator."""


REMEDIES: dict[str, type | None] = {
    "feature_matching": None,
    "label_smoothing": LabelSmoothingHyper,
    "historical_averaging": HistoricalAveragingHyper,
    "orthogonal_regularisation": OrthogonalHyper,
}
"""Techniques by name, each with the dataclass of its hyperparameters: names, defaults and help; see `make_gan`."""
