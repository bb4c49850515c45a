"""The losses of generator and discriminator, as functions of their parameters and of one update's examples."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.losses.adversarial import AdversarialLoss, smooth_labels
from jaxgen.losses.penalties import PENALTIES, orthogonality
from jaxgen.nn.layers import transposed_convolutions
from jaxgen.objectives.adversarial.discriminator import (
    call,
    coupling,
    discriminator_input,
    logits_of_both,
    mean_difference,
)
from jaxgen.objectives.adversarial.stability import discriminator_metrics
from jaxgen.training.gradients import mean_over_devices
from jaxgen.training.schedules import Hyper
from jaxgen.training.state import Batch, Metrics, PyTree

Examples = dict[str, Array]


class GeneratorTask(Protocol):
    """What a generator makes and is trained for beside the discriminator's verdict: images from latents, or restored.

    Examples are arrays by name with one row for each example. "real" are the images that the generator is to produce,
    "condition" what the discriminator sees beside each image in [-1, 1], "label" the classes; the last two are
    optional.

    Attributes:
      module: the generator.
      classes: number of classes that both networks are conditioned on; 0: none.
    """

    @property
    def module(self) -> Any: ...  # noqa: D102

    @property
    def classes(self) -> int: ...  # noqa: D102

    def init(self, key: Array, batch: Batch, hyper: Hyper) -> tuple[Array, PyTree]:
        """Returns one image as the discriminator sees it, float[1, h, w, c], and the generator's variables."""
        ...

    def examples(self, batch: Batch, keys: Callable[..., Array], hyper: Hyper) -> Examples:
        """Returns the examples of one update; `keys(stream)` gives one key for each."""
        ...

    def generate(self, variables: PyTree, examples: Examples) -> tuple[Array, PyTree]:
        """Returns what the generator makes of the examples, in training, and its updated statistics."""
        ...

    def to_discriminator(self, images: Array) -> Array:
        """Returns images in the range that the discriminator sees, [-1, 1]."""
        ...

    def total(self, adversarial: Array, images: Array, examples: Examples, hyper: Hyper) -> tuple[Array, Metrics]:
        """Returns the generator's loss from the adversarial one and from the images that it made, and metrics."""
        ...

    def metrics(self, real: Array, fake: Array, axis_name: str | None) -> Metrics:
        """Returns metrics of the generated images of one discriminator update."""
        ...


@dataclass(frozen=True, kw_only=True)
class AdversarialLosses:
    """The losses of both players, and the options that they depend on; see `make_gan`."""

    task: GeneratorTask
    discriminator: Any
    loss: AdversarialLoss
    penalties: tuple[str, ...] = ()
    penalty_every: int = 1
    augment: tuple[str, ...] = ()
    packing: int = 1
    remedies: tuple[str, ...] = ()
    separate_batches: bool = True
    axis_name: str | None = None

    def inputs(self, examples: Examples, fake: Array) -> tuple[Array, Array, Array | None]:
        """Returns real images, generated ones and their labels as the discriminator sees them."""
        real, fake = (
            discriminator_input(
                self.task.to_discriminator(images),
                examples.get("condition"),
                examples.get(keys),
                self.augment,
                self.packing,
            )
            for images, keys in ((examples["real"], "real_keys"), (fake, "fake_keys"))
        )
        return real, fake, examples["label"].reshape(len(real), -1) if self.task.classes else None

    def penalty(self, name: str, critic: Callable, real: Array, fake: Array, keys: Array, hyper: Hyper, due) -> Array:
        """Returns the mean of a penalty; every k-th update alone, there k times as much, and 0 between."""
        value = lambda: PENALTIES[name].value(critic, real, fake, keys, hyper).mean()
        if self.penalty_every == 1:
            return value()
        return lax.cond(due, lambda: self.penalty_every * value(), lambda: jnp.zeros_like(jax.eval_shape(value)))

    def of_discriminator(
        self, params: PyTree, examples: Examples, stats: PyTree, hyper: Hyper, due: Array
    ) -> tuple[Array, Any]:
        """Returns (loss, (metrics, statistics)) on examples with generated images ("fake") and a key each ("keys").

        The penalties are taken at the discriminator's input: at augmented, conditioned and packed images. A
        discriminator of patches classifies each of them like an image.
        """
        real, fake, labels = self.inputs(examples, examples["fake"])
        variables, keys = {"params": params, "stats": stats}, examples["keys"][:: self.packing]
        loss = self.loss
        if "label_smoothing" in self.remedies:
            loss = smooth_labels(loss, hyper["label_smoothing"])
        real_logits, fake_logits, new_stats = logits_of_both(
            self.discriminator, variables, real, fake, labels, self.separate_batches
        )
        real_logits, fake_logits = real_logits.ravel(), fake_logits.ravel()
        critic = lambda images: call(self.discriminator, variables, images, labels, False)[0]
        terms = {name: self.penalty(name, critic, real, fake, keys, hyper, due) for name in self.penalties}
        total = loss.discriminator(real_logits, fake_logits).mean() + sum(terms.values())
        metrics = {"loss": total, "real_logit": real_logits.mean(), "fake_logit": fake_logits.mean()}
        metrics |= discriminator_metrics(self.loss, real_logits, fake_logits, self.axis_name)
        return total, (metrics | terms, new_stats)

    def of_generator(
        self, params: PyTree, examples: Examples, stats: PyTree, held: PyTree, hyper: Hyper
    ) -> tuple[Array, Any]:
        """Returns (loss, (metrics, statistics)); `held` are the discriminator's variables, which get no gradient."""
        with transposed_convolutions() as transposed:
            images, new_stats = self.task.generate({"params": params, "stats": stats}, examples)
        real, fake, labels = self.inputs(examples, images)
        if "feature_matching" in self.remedies:
            difference = mean_difference(self.discriminator, held, real, fake, labels, self.separate_batches)
            adversarial = jnp.sum(mean_over_devices(difference, self.axis_name) ** 2)
        else:
            if self.separate_batches or not coupling(self.discriminator, held):
                # The pass over real images is dropped by the compiler where the loss does not depend on it.
                real_logits, fake_logits = (call(self.discriminator, held, x, labels, True)[0] for x in (real, fake))
            else:
                real_logits, fake_logits, _ = logits_of_both(self.discriminator, held, real, fake, labels, False)
            adversarial = self.loss.generator(real_logits.ravel(), fake_logits.ravel()).mean()
        value, metrics = self.task.total(adversarial, images, examples, hyper)
        value, terms = self.regularized(value, params, hyper, transposed)
        return value, (metrics | {"loss": value} | terms, new_stats)

    def regularized(
        self, value: Array, params: PyTree, hyper: Hyper, transposed: Collection[tuple[str, ...]]
    ) -> tuple[Array, Metrics]:
        """Returns the generator's loss with its orthogonal regularization, and metrics.

        `transposed` are the paths of its transposed convolutions.
        """
        if "orthogonal_regularisation" not in self.remedies:
            return value, {}
        term = hyper["orthogonal_weight"] * orthogonality(params, transposed)
        return value + term, {"orthogonal_regularisation": term}
