"""Adversarial generation of images from latents.

Generator and discriminator work on images in [-1, 1], as the papers do; the objective alone converts.
Reference: Goodfellow et al. 2014; Mirza and Osindero 2014 for classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.losses.adversarial import AdversarialLoss
from jaxgen.objectives.adversarial.discriminator import call
from jaxgen.objectives.adversarial.gan_samples import Sampler, draw_latents
from jaxgen.objectives.adversarial.losses import Examples
from jaxgen.objectives.adversarial.stability import discriminator_alarms, diversity, diversity_alarms
from jaxgen.objectives.adversarial.two_player import DISCRIMINATOR, GENERATOR, TwoPlayerTraining
from jaxgen.training.optimizers import MakeOptimizer
from jaxgen.training.randomness import Stream
from jaxgen.training.schedules import Hyper, Schedule, constant
from jaxgen.training.state import (
    Batch,
    Discriminating,
    Metrics,
    Objective,
    PyTree,
    Selection,
    TrainState,
    current,
)


@dataclass(frozen=True)
class Generation:
    """The generator's task: images from standard normal latents, of given classes where there are any."""

    sampler: Sampler

    @property
    def module(self) -> Any:
        """The generator."""
        return self.sampler.generator

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.sampler.classes

    def init(self, key: Array, batch: Batch, hyper: Hyper) -> tuple[Array, PyTree]:
        """Returns one generated image and the generator's variables.

        Raises:
          UsageError: if the generator's images and the data differ in shape.
        """
        del hyper
        latents = jnp.zeros((1, self.sampler.latent + self.classes))
        images, variables = self.module.init_with_output(key, latents, False)
        generated, expected = images.shape[1:], batch["image"].shape[1:]
        if generated != expected:
            raise UsageError(
                f"the generator makes images of {generated} and the data has {expected} (height, width, channels): "
                "set data.size and data.channels to what the network makes, or change the network"
            )
        return images, variables

    def examples(self, batch: Batch, keys: Callable[[Stream], Array], hyper: Hyper) -> Examples:
        """Returns real images in [-1, 1], their labels where there are classes, and latents."""
        del hyper
        labels = {"label": batch["label"]} if self.classes else {}
        return {
            "real": 2 * batch["image"] - 1,
            "latents": draw_latents(keys(Stream.LATENT), self.sampler.latent),
        } | labels

    def generate(self, variables: PyTree, examples: Examples) -> tuple[Array, PyTree]:
        """Returns images in [-1, 1]; each has the class of its real partner."""
        return self.sampler.apply(variables, examples["latents"], examples.get("label"), train=True)

    def to_discriminator(self, images: Array) -> Array:
        """Returns the images."""
        return images

    def total(self, adversarial: Array, images: Array, examples: Examples, hyper: Hyper) -> tuple[Array, Metrics]:
        """Returns the adversarial loss."""
        del images, examples, hyper
        return adversarial, {}

    def metrics(self, real: Array, fake: Array, axis_name: str | None) -> Metrics:
        """Returns the diversity of the generated images."""
        return diversity(real, fake, axis_name)


def make_gan(
    generator: Any,
    discriminator: Any,
    *,
    loss: AdversarialLoss,
    latent: int,
    hyper: Mapping[str, float],
    penalties: tuple[str, ...] = (),
    penalty_every: int = 1,
    clip_weights: bool = False,
    augment: tuple[str, ...] = (),
    packing: int = 1,
    classes: int = 0,
    remedies: tuple[str, ...] = (),
    critic_steps: int = 1,
    share_latents: bool = True,
    separate_batches: bool = True,
    optimizer: str | MakeOptimizer = "adam",
    discriminator_optimizer: str | MakeOptimizer | None = None,
    schedule: Schedule = constant,
    microbatches: int = 1,
    axis_name: str | None = None,
) -> Objective:
    """Returns the objective of a generator against a discriminator.

    Args:
      generator: module (latent[b, latent], train) -> images[b, h, w, c] in [-1, 1].
      discriminator: module (images[b, h, w, c], train) -> logits[b]; with classes it takes `labels`, int32[b, packing].
      loss: one of `losses.adversarial.LOSSES`, or another pair of losses on logits.
      latent: size of the generator's input, drawn from a standard normal distribution.
      hyper: learning_rate, discriminator_scale (the discriminator's learning rate as a multiple of the generator's),
        ema_decay, clip_norm (0: off), and what optimizer, penalties, clipping, remedies and schedule read.
      penalties: names in `losses.penalties.PENALTIES`, summed; none of them may be combined with batch norm or
        minibatch discrimination.
      penalty_every: the penalties are taken in every k-th discriminator update alone, and weigh k times as much there
        (lazy regularization: Karras et al. 2020, section 3.1); their metrics are 0 in the others. Loss and penalties
        share one optimizer update, so that its hyperparameters need none of the paper's corrections.
      clip_weights: whether the discriminator's parameters are clipped to ±hyper["clip_limit"] after each update.
      augment: names in `diff_augment.AUGMENTATIONS`, applied to all images that the discriminator sees.
      packing: number of images that the discriminator sees at once, side by side in their channels (Lin et al. 2018).
      classes: number of classes; the batch's labels go to both networks, a generated image having that of its real
        partner. The generator sees them beside the latent. 0: no labels.
      remedies: of Salimans et al. 2016: "feature_matching" (the adversarial part of the generator's loss becomes the
        squared distance of the mean features of real and generated images), "label_smoothing" (of real images, by
        hyper["label_smoothing"]), "historical_averaging" (hyper["historical_weight"] times each player's squared
        distance from its mean so far); of Brock et al. 2019: "orthogonal_regularisation" (hyper["orthogonal_weight"]
        times the squared products of different filters of the generator).
      critic_steps: discriminator updates for each generator update, each on its own chunk of the batch.
      share_latents: whether the generator's update sees the latents of the last critic update, as in Radford et al.'s
        code, which saves a forward pass where critic_steps is 1; else fresh ones, as in Goodfellow et al. 2014.
      separate_batches: whether a discriminator with batch norm sees real and generated images in batches of their own.
        Where batch norm stands right before the logit they must share one: each kind's mean logit would be the bias.
      optimizer: a name in `OPTIMIZERS`, or a function hyper -> optax.GradientTransformation.
      discriminator_optimizer: the same for the discriminator; None: `optimizer`.
      schedule: (hyper, step) -> hyper, evaluated first in every step.
      microbatches: see `gradients.gradient`; batch norm's statistics are then of one part. What compares a batch's
        images (feature matching, minibatch discrimination) excludes more than 1.
      axis_name: the mapped axis over which a batch is spread, or None.
    Returns:
      Objective with `generative` and `discriminating`.
    Raises:
      UsageError: if an option is unknown or without effect, or a hyperparameter is missing; from `init` and `step`, if
        the data has another shape than the generator makes, whole numbers or no labels, or the discriminator's layers
        contradict the options.
    Reference: Goodfellow et al. 2014, algorithm 1; Gulrajani et al. 2017, algorithm 1.
    """
    sampler = Sampler(generator, latent, classes)
    training = TwoPlayerTraining(
        task=Generation(sampler),
        discriminator=discriminator,
        loss=loss,
        penalties=penalties,
        penalty_every=penalty_every,
        augment=augment,
        packing=packing,
        remedies=remedies,
        separate_batches=separate_batches,
        axis_name=axis_name,
        hyper=hyper,
        clip_weights=clip_weights,
        critic_steps=critic_steps,
        share_noise=share_latents,
        optimizer=optimizer,
        discriminator_optimizer=discriminator_optimizer,
        schedule=schedule,
        microbatches=microbatches,
    )

    def score(state: TrainState, images: Array, labels: Array | None = None) -> Array:
        """Returns the discriminator's logits of images in [0, 1], a pack of which shows the same image."""
        packed_images = jnp.concatenate([2 * images - 1] * packing, -1)
        packed_labels = jnp.tile(labels[:, None], packing) if classes and labels is not None else None
        return call(discriminator, current(state, DISCRIMINATOR), packed_images, packed_labels, False)[0]

    return Objective(
        init=training.init,
        step=training.step,
        player=GENERATOR,
        chunks=critic_steps,
        microbatches=microbatches,
        visualize=sampler.visualize,
        evaluate=sampler.evaluate,
        selection=Selection("evaluation/pixel_frechet", direction="minimize"),
        alarms=(*discriminator_alarms(loss, penalties, augment), *diversity_alarms(loss, augment, packing)),
        generative=sampler.generative,
        discriminating=Discriminating(score),
    )
