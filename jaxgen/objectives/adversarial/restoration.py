"""Restoration against a discriminator: reconstruction losses plus a weighted adversarial loss.

A discriminator that sees images alone makes it SRGAN, one that also sees the degraded image pix2pix.
Reference: Ledig et al. 2017, equations 2 and 3; Isola et al. 2017, equations 1 to 4.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxgen.losses.adversarial import AdversarialLoss
from jaxgen.objectives.adversarial.losses import Examples
from jaxgen.objectives.adversarial.stability import discriminator_alarms
from jaxgen.objectives.adversarial.two_player import GENERATOR, TwoPlayerTraining
from jaxgen.objectives.modules import apply
from jaxgen.objectives.restoration import Degrade, enlarged, finite_psnr, held_out, make_evaluation, network_input, pair
from jaxgen.training.optimizers import MakeOptimizer
from jaxgen.training.randomness import Stream
from jaxgen.training.schedules import Hyper, Schedule, constant
from jaxgen.training.state import Batch, Metrics, Objective, PyTree


@dataclass(frozen=True)
class Restoration:
    """The generator's task: restored images in [0, 1]; see `make_adversarial_restoration`."""

    module: Any
    degrade: Degrade
    reconstruction: Callable[[Array, Array, Hyper], Array]
    conditional: bool
    dropout: bool
    classes: int = 0

    def init(self, key: Array, batch: Batch, hyper: Hyper) -> tuple[Array, PyTree]:
        """Returns one clean image as the discriminator sees it, and the generator's variables."""
        damaged, clean = held_out(self.degrade, key, {"image": batch["image"][:1]}, hyper)
        variables = self.module.init(key, network_input(damaged.images, damaged.conditioning), False)
        shown = [clean, enlarged(damaged.images, clean)] if self.conditional else [clean]
        return self.to_discriminator(jnp.concatenate(shown, -1)), variables

    def examples(self, batch: Batch, keys: Callable[[Stream], Array], hyper: Hyper) -> Examples:
        """Returns clean and damaged images, and what else the generator and the discriminator are given."""
        damaged, clean = pair(self.degrade, keys(Stream.DEGRADATION), batch, hyper)
        examples = {"real": clean, "damaged": damaged.images}
        if damaged.conditioning is not None:
            examples["conditioning"] = damaged.conditioning
        if self.conditional:
            examples["condition"] = self.to_discriminator(enlarged(damaged.images, clean))
        return examples | ({"dropout": keys(Stream.DROPOUT)} if self.dropout else {})

    def generate(self, variables: PyTree, examples: Examples) -> tuple[Array, PyTree]:
        """Returns restored images in [0, 1]."""
        named: dict[str, Any] = {"keys": examples["dropout"]} if self.dropout else {}
        inputs = network_input(examples["damaged"], examples.get("conditioning"))
        return apply(self.module, variables, inputs, train=True, **named)

    def to_discriminator(self, images: Array) -> Array:
        """Returns images of [0, 1] in [-1, 1]."""
        return 2 * images - 1

    def total(self, adversarial: Array, images: Array, examples: Examples, hyper: Hyper) -> tuple[Array, Metrics]:
        """Returns the reconstruction loss plus the weighted adversarial loss, and both with the PSNR as metrics."""
        clean = examples["real"]
        content = self.reconstruction(clean, images, hyper).mean()
        metrics = {"content": content, "adversarial": adversarial, "psnr": finite_psnr(clean, images).mean()}
        return content + hyper["adversarial_weight"] * adversarial, metrics

    def metrics(self, real: Array, fake: Array, axis_name: str | None) -> Metrics:
        """Returns none."""
        del real, fake, axis_name
        return {}


def make_adversarial_restoration(
    generator: Any,
    discriminator: Any,
    *,
    degrade: Degrade,
    reconstruction: Callable[[Array, Array, Hyper], Array],
    loss: AdversarialLoss,
    hyper: Mapping[str, float],
    conditional: bool = False,
    dropout: bool = False,
    penalties: tuple[str, ...] = (),
    penalty_every: int = 1,
    clip_weights: bool = False,
    augment: tuple[str, ...] = (),
    packing: int = 1,
    remedies: tuple[str, ...] = (),
    critic_steps: int = 1,
    optimizer: str | MakeOptimizer = "adam",
    discriminator_optimizer: str | MakeOptimizer | None = None,
    schedule: Schedule = constant,
    microbatches: int = 1,
    axis_name: str | None = None,
) -> Objective:
    """Returns the objective of a restorer against a discriminator of restored and clean images.

    Args:
      generator: module (inputs[b, h, w, c + k], train) -> images[b, h, w, c] in [0, 1]; see `make_restoration`.
      discriminator: module (images[b, h, w, c], train) -> logits[b] or, of patches, logits[b, rows, columns]; the
        images are in [-1, 1].
      degrade: (key[b], images, hyper) -> Damage.
      reconstruction: (clean, restored, hyper) -> float[b]; see `reconstruction_losses.weighted_sum`.
      loss: one of `losses.adversarial.LOSSES`, or another pair of losses on logits.
      hyper: adversarial_weight, and what `degrade`, `reconstruction` and `make_gan` read.
      conditional: whether the discriminator sees the degraded image beside each, as in pix2pix.
      dropout: whether the generator takes `keys`, one for each example, in training.
      penalties, penalty_every, clip_weights, augment, packing, remedies, critic_steps, optimizer,
        discriminator_optimizer, schedule, microbatches, axis_name: see `make_gan`. A penalty's gradient is taken with
        respect to all that the discriminator sees.
    Returns:
      Objective with `restoring`; its evaluation is that of `make_restoration`.
    """
    training = TwoPlayerTraining(
        task=Restoration(generator, degrade, reconstruction, conditional, dropout),
        discriminator=discriminator,
        loss=loss,
        penalties=penalties,
        penalty_every=penalty_every,
        augment=augment,
        packing=packing,
        remedies=remedies,
        axis_name=axis_name,
        hyper=hyper,
        clip_weights=clip_weights,
        critic_steps=critic_steps,
        optimizer=optimizer,
        discriminator_optimizer=discriminator_optimizer,
        schedule=schedule,
        microbatches=microbatches,
    )
    return Objective(
        init=training.init,
        step=training.step,
        player=GENERATOR,
        chunks=critic_steps,
        microbatches=microbatches,
        alarms=discriminator_alarms(loss, penalties, augment),
        **make_evaluation(generator, degrade, GENERATOR)._asdict(),
    )
