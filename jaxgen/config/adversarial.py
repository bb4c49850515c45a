"""The options of adversarial training, which generation and restoration share.

Names, hyperparameters and help come from the registries of losses, penalties, augmentations and remedies.
"""

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from jaxgen.config.base import Condition, Config, hyper_classes, option_conditions
from jaxgen.errors import UsageError
from jaxgen.fields import Positive, PositiveInt
from jaxgen.losses.adversarial import LOSSES
from jaxgen.losses.penalties import PENALTIES
from jaxgen.objectives.adversarial.diff_augment import AUGMENTATIONS
from jaxgen.objectives.adversarial.remedies import REMEDIES
from jaxgen.training.optimizers import OPTIMIZERS

if TYPE_CHECKING:
    Loss = str
    Penalty = str
    Augmentation = str
    Remedy = str
    DiscriminatorOptimizer = str
else:
    Loss = Literal[tuple(LOSSES)]
    Penalty = Literal[tuple(PENALTIES)]
    Augmentation = Literal[tuple(AUGMENTATIONS)]
    Remedy = Literal[tuple(REMEDIES)]
    DiscriminatorOptimizer = Literal[("same", *OPTIMIZERS)]


@dataclasses.dataclass(frozen=True)
class AdversarialHyper(*hyper_classes([*(penalty.hyper for penalty in PENALTIES.values()), *REMEDIES.values()])):
    """Hyperparameters of adversarial training."""

    discriminator_scale: float = 1.0
    """Learning rate of the discriminator as a multiple of the generator's."""
    clip_limit: Positive = 0.01
    """Bound of the discriminator's parameters, with clip_weights."""


@dataclasses.dataclass(frozen=True)
class AdversarialOptions:
    """Options of adversarial training, to be inherited beside `Config`."""

    loss: Loss = "non_saturating"
    """Adversarial loss."""
    penalties: tuple[Penalty, ...] = ()
    """Penalties on the discriminator's gradient, summed."""
    penalty_every: PositiveInt = 1
    """Take the penalties in every so many discriminator updates only, and that many times as heavily."""
    clip_weights: bool = False
    """Clip the discriminator's parameters to ±hyper.clip_limit after each update."""
    augment: tuple[Augmentation, ...] = ()
    """DiffAugment: random augmentations of all images that the discriminator sees."""
    packing: PositiveInt = 1
    """Images that the discriminator sees at once, side by side in their channels (PacGAN)."""
    remedies: tuple[Remedy, ...] = ()
    """Techniques that stabilize training, see Salimans et al. 2016 and Brock et al. 2019."""
    critic_steps: PositiveInt = 1
    """Discriminator updates for each generator update."""
    discriminator_optimizer: DiscriminatorOptimizer = "same"
    """Optimizer of the discriminator; same: that of the generator."""

    adversarial_conditions: ClassVar[tuple[Condition, ...]] = (
        *option_conditions("penalties", {name: penalty.hyper for name, penalty in PENALTIES.items()}),
        *option_conditions("remedies", REMEDIES),
        Condition(("hyper.clip_limit",), "set clip_weights", lambda config: config.clip_weights),
    )


def adversarial_training_options(config: AdversarialOptions) -> dict[str, Any]:
    """Returns what every adversarial objective takes from a configuration.

    Raises:
      UsageError: if a microbatch does not divide into packs.
    """
    assert isinstance(config, Config)
    if config.batch_size // config.microbatches % config.packing:
        raise UsageError(
            f"packing {config.packing} does not divide the {config.batch_size // config.microbatches} images of a "
            "microbatch: set batch_size to a multiple of packing × microbatches"
        )
    options = {field.name: getattr(config, field.name) for field in dataclasses.fields(AdversarialOptions)}
    if config.discriminator_optimizer == "same":
        options["discriminator_optimizer"] = None
    return options | {"loss": LOSSES[config.loss]}
