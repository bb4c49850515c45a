"""The options of experiments that restore images against a discriminator."""

import dataclasses
from typing import Any, ClassVar

from jaxgen.config.adversarial import AdversarialHyper, AdversarialOptions, adversarial_training_options
from jaxgen.config.base import Condition
from jaxgen.config.restoration import RestorationConfig, RestorationHyper, restoration_options


@dataclasses.dataclass(frozen=True)
class AdversarialRestorationHyper(AdversarialHyper, RestorationHyper):
    """Hyperparameters of restoration against a discriminator."""

    adversarial_weight: float = 1e-3
    """Weight of the adversarial loss beside the reconstruction losses."""


@dataclasses.dataclass(frozen=True)
class AdversarialRestorationConfig(AdversarialOptions, RestorationConfig):
    """Options of restoration against a discriminator."""

    hyper: AdversarialRestorationHyper = AdversarialRestorationHyper()

    conditions: ClassVar[tuple[Condition, ...]] = (
        *RestorationConfig.conditions,
        *AdversarialOptions.adversarial_conditions,
    )


def adversarial_restoration_options(
    config: AdversarialRestorationConfig, axis_name: str | None, *, scale: int = 1
) -> dict[str, Any]:
    """Returns what `make_adversarial_restoration` takes from a configuration.

    Args, Raises: those of `restoration_options`.
    """
    options = restoration_options(config, axis_name, scale=scale)
    reconstruction = options.pop("loss")
    return options | {"reconstruction": reconstruction} | adversarial_training_options(config)
