"""What each player of an adversarial game goes down, as a function of its parameters and of one update's examples."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.losses.adversarial import AdversarialLoss, smooth_labels
from jaxgen.losses.penalties import orthogonality
from jaxgen.nn.layers import transposed_convolutions
from jaxgen.objectives.adversary import PENALTIES, call, coupling, logits_of_both, mean_difference, show
from jaxgen.objectives.gan_samples import Maker
from jaxgen.objectives.stability import discriminator_metrics
from jaxgen.training.gradients import mean_over_devices
from jaxgen.training.schedules import Hyper
from jaxgen.training.state import PyTree


@dataclass(frozen=True)
class PlayerLosses:
    """The losses of both players, and the options that they look at; `make_gan` says what each of them is."""

    maker: Maker
    discriminator: Any
    loss: AdversarialLoss
    penalties: tuple[str, ...]
    penalty_every: int
    augment: tuple[str, ...]
    packing: int
    remedies: tuple[str, ...]
    separate_batches: bool
    axis_name: str | None

    def shown(self, examples: dict[str, Array], fake: Array) -> tuple[Array, Array, Array | None]:
        """Returns real images, generated ones and their labels as the discriminator sees them."""
        real, fake = (
            show(images, examples.get(keys), self.augment, self.packing)
            for images, keys in ((examples["real"], "real_keys"), (fake, "fake_keys"))
        )
        return real, fake, examples["label"].reshape(len(real), -1) if self.maker.classes else None

    def penalty(self, name: str, critic: Callable, real: Array, fake: Array, keys: Array, hyper: Hyper, due) -> Array:
        """Returns the mean of a penalty; every k-th update alone, there k times as much, and 0 between."""
        value = lambda: PENALTIES[name](critic, real, fake, keys, hyper).mean()
        if self.penalty_every == 1:
            return value()
        return lax.cond(due, lambda: self.penalty_every * value(), lambda: jnp.zeros_like(jax.eval_shape(value)))

    def of_discriminator(
        self, params: PyTree, examples: dict, stats: PyTree, hyper: Hyper, due: Array
    ) -> tuple[Array, Any]:
        """Returns (loss, (metrics, statistics)) on examples: real and generated images, a key each, labels.

        The penalties are taken where the discriminator looks: at augmented and packed images.
        """
        real, fake, labels = self.shown(examples, examples["fake"])
        variables, keys = {"params": params, "stats": stats}, examples["keys"][:: self.packing]
        loss = self.loss
        if "label_smoothing" in self.remedies:
            loss = smooth_labels(loss, hyper["label_smoothing"])
        real_logits, fake_logits, new_stats = logits_of_both(
            self.discriminator, variables, real, fake, labels, self.separate_batches
        )
        critic = lambda images: call(self.discriminator, variables, images, labels, False)[0]
        terms = {name: self.penalty(name, critic, real, fake, keys, hyper, due) for name in self.penalties}
        total = loss.discriminator(real_logits, fake_logits).mean() + sum(terms.values())
        told = {"loss": total, "real_logit": real_logits.mean(), "fake_logit": fake_logits.mean()}
        told |= discriminator_metrics(self.loss, real_logits, fake_logits, self.axis_name)
        return total, (told | terms, new_stats)

    def of_generator(
        self, params: PyTree, examples: dict, stats: PyTree, held: PyTree, hyper: Hyper
    ) -> tuple[Array, Any]:
        """Returns (loss, (metrics, statistics)) on latents, real images and labels.

        `held` are the discriminator's variables, which get no gradient.
        """
        variables = {"params": params, "stats": stats}
        with transposed_convolutions() as transposed:
            fake, new_stats = self.maker.make(variables, examples["latents"], examples.get("label"), train=True)
        finish = partial(self.regularised, params=params, stats=new_stats, hyper=hyper, transposed=transposed)
        real, fake, labels = self.shown(examples, fake)
        if "feature_matching" in self.remedies:
            difference = mean_difference(self.discriminator, held, real, fake, labels, self.separate_batches)
            value = jnp.sum(mean_over_devices(difference, self.axis_name) ** 2)
            return finish(value)
        if self.separate_batches or not coupling(held):
            # The pass over real images is dropped by the compiler where the loss does not look at it.
            real_logits, fake_logits = (call(self.discriminator, held, x, labels, True)[0] for x in (real, fake))
        else:
            real_logits, fake_logits, _ = logits_of_both(self.discriminator, held, real, fake, labels, separate=False)
        value = self.loss.generator(real_logits, fake_logits).mean()
        return finish(value)

    def regularised(
        self, value: Array, params: PyTree, stats: PyTree, hyper: Hyper, transposed: Collection[tuple[str, ...]]
    ) -> tuple[Array, Any]:
        """Returns the generator's loss with what holds its filters apart, and metrics and statistics as they are.

        `transposed` are the paths of its transposed convolutions.
        """
        if "orthogonal_regularisation" not in self.remedies:
            return value, ({"loss": value}, stats)
        term = hyper["orthogonal_weight"] * orthogonality(params, transposed)
        return value + term, ({"loss": value + term, "orthogonal_regularisation": term}, stats)
