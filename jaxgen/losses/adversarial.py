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
    """The two halves of an adversarial loss, and what is known of the discriminator's half.

    Attributes:
      discriminator: (real_logits, fake_logits) -> float[batch].
      generator: (real_logits, fake_logits) -> float[batch]. Only relativistic losses depend on the real logits.
      boundary: the logit above which an image is classified as real; None where the loss only depends on differences
        of logits.
      constant_slope: whether the discriminator's loss has the same slope everywhere, so that it cannot saturate.
      smoothed: (real_logits, fake_logits, target) -> float[batch], the discriminator's loss with another target than 1
        for real images; None where the loss has no targets.
    """

    discriminator: Loss
    generator: Loss
    boundary: float | None = None
    constant_slope: bool = False
    smoothed: Callable[[Array, Array, float | Array], Array] | None = None


def on_pairs(formula: Loss) -> Loss:
    """Returns the loss with this formula in the logits of a real and of a generated image."""
    return lambda real_logits, fake_logits: formula(*matched(real_logits, fake_logits))


def on_fake(formula: Callable[[Array], Array]) -> Loss:
    """Returns the loss with this formula in the logit of a generated image alone."""
    return lambda real_logits, fake_logits: formula(promoted(fake_logits))


minimax = AdversarialLoss(
    discriminator=on_pairs(lambda real, fake: softplus(-real) + softplus(fake)),
    generator=on_fake(lambda fake: -softplus(fake)),
    boundary=0.0,
    smoothed=lambda real, fake, target: target * softplus(-real) + (1 - target) * softplus(real) + softplus(fake),
)
"""-log D(x) - log(1 - D(G(z))) against log(1 - D(G(z))), nats. Reference: Goodfellow et al. 2014, equation 1."""

non_saturating = minimax._replace(generator=on_fake(lambda fake: softplus(-fake)))
"""The generator minimises -log D(G(z)), nats. Reference: Goodfellow et al. 2014, section 3."""

least_squares = AdversarialLoss(
    discriminator=on_pairs(lambda real, fake: ((real - 1) ** 2 + fake**2) / 2),
    generator=on_fake(lambda fake: (fake - 1) ** 2 / 2),
    boundary=0.5,
    smoothed=lambda real, fake, target: ((real - target) ** 2 + fake**2) / 2,
)
"""Targets 1 for real, 0 for generated, 1 for the generator. Reference: Mao et al. 2017, equation 9."""

wasserstein = AdversarialLoss(
    discriminator=on_pairs(lambda real, fake: fake - real),
    generator=on_fake(lambda fake: -fake),
    constant_slope=True,
)
"""For a critic held to slope 1 by clipping or a penalty. Reference: Arjovsky et al. 2017, algorithm 1."""

hinge = AdversarialLoss(
    discriminator=on_pairs(lambda real, fake: relu(1 - real) + relu(1 + fake)),
    generator=on_fake(lambda fake: -fake),
    boundary=0.0,
)
"""Margins of 1 on both sides. Reference: Lim and Ye 2017; Miyato et al. 2018, equations 16 and 17."""

relativistic = AdversarialLoss(
    discriminator=on_pairs(lambda real, fake: softplus(fake - real)),
    generator=on_pairs(lambda real, fake: softplus(real - fake)),
)
"""Which of a pair is real. Reference: Jolicoeur-Martineau 2019; Huang et al. 2024 (R3GAN), equation 2."""

LOSSES: dict[str, AdversarialLoss] = {
    "minimax": minimax,
    "non_saturating": non_saturating,
    "least_squares": least_squares,
    "wasserstein": wasserstein,
    "hinge": hinge,
    "relativistic": relativistic,
}
"""Adversarial losses by name."""


def smooth_labels(loss: AdversarialLoss, smoothing: float | Array) -> AdversarialLoss:
    """Returns the loss with the target 1 − smoothing for real images; the target of generated images stays 0.

    Args:
      loss: a loss whose discriminator has targets.
      smoothing: distance of the target from 1, in [0, 1).
    Raises:
      UsageError: if the loss has no targets.
    Reference: Salimans et al. 2016, section 3.4 (one-sided label smoothing).
    """
    formula = loss.smoothed
    if formula is None:
        able = ", ".join(name for name, known in LOSSES.items() if known.smoothed)
        raise UsageError(f"label smoothing moves the target of real images, and this loss has none: use one of {able}")
    return loss._replace(discriminator=on_pairs(lambda real, fake: formula(real, fake, 1 - smoothing)))
