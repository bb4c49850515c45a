"""Techniques that stabilize adversarial training, each with its hyperparameters."""

from jaxgen.fields import Decay, hyperparameters

REMEDIES: dict[str, type | None] = {
    "feature_matching": None,
    "label_smoothing": hyperparameters(
        label_smoothing=(0.1, "Distance of the target of real images from 1, with label_smoothing in remedies.", Decay)
    ),
    "historical_averaging": hyperparameters(
        historical_weight=(0.01, "Weight of the squared distance of each player's parameters from their mean so far.")
    ),
    "orthogonal_regularisation": hyperparameters(
        orthogonal_weight=(1e-4, "Weight of the squared products of different filters of the generator.")
    ),
}
"""Techniques by name, each with the dataclass of its hyperparameters: names, defaults and help; see `make_gan`."""
