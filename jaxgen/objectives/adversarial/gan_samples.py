"""What a generator is given and what it makes: images for a person to look at, and how far they are from real ones."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.metrics.distribution import frechet_distance
from jaxgen.nn.heads import one_hot
from jaxgen.objectives.adversarial.stability import pixel_features
from jaxgen.objectives.modules import EVALUATION_PART, apply, in_parts
from jaxgen.training.randomness import Stream, example_keys, stream
from jaxgen.training.state import Batch, Generative, Metrics, PyTree, TrainState, averaged

NUM_SAMPLES = 64
COLUMNS = 16


def draw_latents(keys: Array, latent: int) -> Array:
    """Returns standard normal latents, float[batch, latent], each from its own key."""
    return jax.vmap(lambda key: jax.random.normal(key, (latent,)))(keys)


def with_class(latents: Array, labels: Array | None, classes: int) -> Array:
    """Returns what the generator sees: latents, and beside them the class as a vector of mean square 1.

    The first layer's kernel makes an embedding of it, in whatever network; the layers need not know of classes.
    Reference: Mirza and Osindero 2014, section 3.2.
    """
    if not classes:
        return latents
    if labels is None:
        raise ValueError(f"a generator of {classes} classes was given no labels")
    return jnp.concatenate([latents, classes**0.5 * one_hot(labels, classes, latents.dtype)], -1)


def pixel_frechet(real: Array, fake: Array) -> Array:
    """Returns the Fréchet distance of two sets of images in 8×8 gray pixels. It ranks a run's checkpoints; not FID."""
    real, fake = pixel_features(real), pixel_features(fake)
    # A difference of large traces: an accelerator's shortened products would drown it.
    with jax.default_matmul_precision("highest"):
        return jnp.asarray(frechet_distance(real.mean(0), jnp.cov(real.T), fake.mean(0), jnp.cov(fake.T)))


@dataclass(frozen=True)
class Sampler:
    """A generator with what its input is made of: the size of the latent, and the number of classes or 0."""

    generator: Any
    latent: int
    classes: int = 0

    def apply(self, variables: PyTree, latents: Array, labels: Array | None, train: bool) -> tuple[Array, PyTree]:
        """Returns generated images in [-1, 1] and the generator's updated statistics."""
        return apply(self.generator, variables, with_class(latents, labels, self.classes), train=train)

    def generate(self, variables: PyTree, latents: Array, labels: Array | None) -> Array:
        """Returns images from latents, float[b, h, w, c] in [0, 1]; labels are int32[b], None without classes."""
        return jnp.clip((self.apply(variables, latents, labels, train=False)[0] + 1) / 2, 0, 1)

    def update_statistics(self, variables: PyTree, latents: Array, labels: Array | None) -> PyTree:
        """Returns variables whose batch statistics have moved towards those of these latents, as in a step."""
        return {**variables, "stats": self.apply(variables, latents, labels, train=True)[1]}

    def sample(
        self, variables: PyTree, key: Array, count: int, labels: Array | None = None, first: Array | int = 0
    ) -> Array:
        """Returns images from the prior, float[count, h, w, c] in [0, 1].

        Args:
          variables: the generator's.
          key: of the latents.
          count: how many.
          labels: int32[count], their classes; None: one class after the other, over and over.
          first: index of the first one among all images of the key.
        """
        latents = draw_latents(example_keys(key, count, first=first), self.latent)
        if self.classes and labels is None:
            labels = (first + jnp.arange(count)) % self.classes
        return self.generate(variables, latents, labels)

    def visualize(self, state: TrainState, batch: Batch) -> dict[str, Array]:
        """Returns samples from latents that stay the same throughout a run; with classes, one class in each column.

        Of more classes than there are columns, the first ones are shown.
        """
        del batch
        generator, key = averaged(state, "generator"), stream(state.key, Stream.SAMPLES)
        if not self.classes:
            return {"samples": self.sample(generator, key, NUM_SAMPLES)}
        columns = min(self.classes, COLUMNS)
        rows = NUM_SAMPLES // columns
        made = self.sample(generator, key, rows * columns, jnp.tile(jnp.arange(columns), rows))
        return {"samples": made.reshape(rows, columns, *made.shape[1:])}

    @property
    def generative(self) -> Generative:
        """Returns the capability to draw images."""
        return Generative(self.sample, self.generate, self.latent, self.update_statistics)

    def evaluate(self, state: TrainState, batch: Batch) -> Metrics:
        """Returns how far as many samples, of the same classes, are from the batch."""
        real, key = batch["image"], stream(state.key, Stream.EVALUATION)
        latents = draw_latents(example_keys(key, len(real)), self.latent)
        fake = in_parts(
            lambda part: self.generate(averaged(state, "generator"), *part),
            (latents, batch["label"] if self.classes else None),
            EVALUATION_PART,
        )
        return {"evaluation/pixel_frechet": pixel_frechet(real, fake)}
