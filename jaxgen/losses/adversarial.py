"""Adversarial losses on logits, each a pair: what the discriminator minimises and what the generator minimises.

Both halves take (real_logits, fake_logits), float[batch], and return one value per example. A logit is the
discriminator's output before any sigmoid. To hold the generator still in the discriminator's update, and the reverse,
is the caller's part: differentiate with respect to one player's parameters.
"""

from collections.abc import Callable
from typing import NamedTuple

from jax import Array
from jax.nn import relu, softplus

from jaxgen.errors import UsageError
from jaxgen.losses.per_example import matched, promoted

Loss = Callable[[Array, Array], Array]


class AdversarialLoss(NamedTuple):
    """The two halves of an adversarial loss.

    Attributes:
      discriminator: (real_logits, fake_logits) -> float[batch].
      generator: (real_logits, fake_logits) -> float[batch]. Only the relativistic one looks at the real logits.
    """

    discriminator: Loss
    generator: Loss


def on_pairs(formula: Loss) -> Loss:
    """Returns the loss with this formula in the logits of a real and of a generated image."""
    return lambda real_logits, fake_logits: formula(*matched(real_logits, fake_logits))


def on_fake(formula: Callable[[Array], Array]) -> Loss:
    """Returns the loss with this formula in the logit of a generated image alone."""
    return lambda real_logits, fake_logits: formula(promoted(fake_logits))


minimax = AdversarialLoss(
    discriminator=on_pairs(lambda real, fake: softplus(-real) + softplus(fake)),
    generator=on_fake(lambda fake: -softplus(fake)),
)
"""-log D(x) - log(1 - D(G(z))) against log(1 - D(G(z))), nats. Reference: Goodfellow et al. 2014, equation 1."""

non_saturating = AdversarialLoss(
    discriminator=minimax.discriminator,
    generator=on_fake(lambda fake: softplus(-fake)),
)
"""The generator minimises -log D(G(z)), nats. Reference: Goodfellow et al. 2014, section 3."""

least_squares = AdversarialLoss(
    discriminator=on_pairs(lambda real, fake: ((real - 1) ** 2 + fake**2) / 2),
    generator=on_fake(lambda fake: (fake - 1) ** 2 / 2),
)
"""Targets 1 for real, 0 for generated, 1 for the generator. Reference: Mao et al. 2017, equation 9."""

wasserstein = AdversarialLoss(
    discriminator=on_pairs(lambda real, fake: fake - real),
    generator=on_fake(lambda fake: -fake),
)
"""For a critic held to slope 1 by clipping or a penalty. Reference: Arjovsky et al. 2017, algorithm 1."""

hinge = AdversarialLoss(
    discriminator=on_pairs(lambda real, fake: relu(1 - real) + relu(1 + fake)),
    generator=on_fake(lambda fake: -fake),
)
"""Margins of 1 on both sides. Reference: Lim and Ye 2017; Miyato et al. 2018, equations 16 and 17."""

relativistic = AdversarialLoss(
    discriminator=on_pairs(lambda real, fake: softplus(fake - real)),
    generator=on_pairs(lambda real, fake: softplus(real - fake)),
)
"""Which of a pair is real. Reference: Jolicoeur-Martineau 2019; Huang et al. 2024 (R3GAN), equation 2."""

SMOOTHED: dict[Loss, Callable[[Array, Array, Array], Array]] = {
    minimax.discriminator: lambda real, fake, target: (
        target * softplus(-real) + (1 - target) * softplus(real) + softplus(fake)
    ),
    least_squares.discriminator: lambda real, fake, target: ((real - target) ** 2 + fake**2) / 2,
}
"""By discriminator loss: its formula with another target than 1 for real images."""


def smooth_labels(loss: AdversarialLoss, smoothing: float | Array) -> AdversarialLoss:
    """Returns the loss whose discriminator holds real images to the target 1 − smoothing; generated ones stay at 0.

    Args:
      loss: a pair of losses whose discriminator has targets: minimax, non_saturating or least_squares.
      smoothing: how far from 1 the target is, in [0, 1).
    Raises:
      UsageError: if the loss has no targets.
    Reference: Salimans et al. 2016, section 3.4 (one-sided label smoothing).
    """
    if loss.discriminator not in SMOOTHED:
        raise UsageError(
            "label smoothing moves the target of real images, and this loss has none: use minimax, non_saturating or "
            "least_squares"
        )
    formula = SMOOTHED[loss.discriminator]
    return AdversarialLoss(on_pairs(lambda real, fake: formula(real, fake, 1 - smoothing)), loss.generator)
