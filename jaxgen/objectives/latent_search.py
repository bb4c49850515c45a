"""Inpainting by a trained generator.

Nothing is trained: the search is for the latent whose generated image agrees with the known pixels.
Reference: Yeh et al. 2017, "Semantic image inpainting with deep generative models"; Bora et al. 2017, "Compressed
sensing using generative models".
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax

from jaxgen.filters.checks import checked, checked_mask
from jaxgen.objectives.adversarial.gan_samples import draw_latents
from jaxgen.training.randomness import example_keys
from jaxgen.training.state import PyTree


class Filled(NamedTuple):
    """Inpainted images.

    Attributes:
      images: float[batch, height, width, channel]: the inputs where they are known, the generated ones elsewhere.
      generated: float[batch, height, width, channel], the complete output of the generator.
      latents: float[batch, latent], its input.
      labels: int32[batch], their classes; 0 for an unconditional generator.
      error: float[batch], mean squared difference of generated and input image over the known pixels.
    """

    images: Array
    generated: Array
    latents: Array
    labels: Array
    error: Array


def make_latent_search(
    generate: Callable[[PyTree, Array, Array | None], Array],
    latent: int,
    *,
    classes: int = 0,
    restarts: int = 16,
    steps: int = 300,
    learning_rate: float = 0.1,
    prior_weight: float = 0.03,
) -> Callable[[PyTree, Array, Array, Array], Filled]:
    """Returns the function that inpaints: Adam minimizes ‖m ⊙ (G(z) − y)‖² + λ‖z‖² from several latents at once.

    The latent of the least value is selected for each image. The learning rate falls linearly to 0.

    Args:
      generate: (variables, latents[b, latent], labels[b] or None) -> images[b, h, w, c] in [0, 1]; every image depends
        on its own latent alone.
      latent: size of the generator's input, which is standard normal.
      classes: number of the generator's classes; restarts are spread over all of them; 0: unconditional.
      restarts: initial latents for each image; at least `classes`.
      steps: number of Adam steps.
      learning_rate: of Adam at the first step, in standard deviations of the latents.
      prior_weight: λ. σ² gives the most probable latent of a generated image with noise of standard deviation σ, for
        pixels in [0, 1].
    Returns:
      (variables, images, mask, key) -> Filled, a pure function. images: float[b, h, w, c] in [0, 1]; mask: bool or
      float[b, h, w, 1], true, or more than 0.5, where a pixel is missing; its value has no effect.
    Raises:
      ValueError: if latent, restarts or steps are too small; from the function, if the shapes do not fit or an
        image has no known pixel.
    Reference: Bora et al. 2017, section 3, for the loss; without Yeh et al.'s discriminator, which a
      generator of another kind does not have.
    """
    if min(latent, steps) < 1 or restarts < max(classes, 1):
        raise ValueError(
            f"latent {latent}, steps {steps}, restarts {restarts} for {classes} classes: give at least 1 of each, and "
            "as many restarts as there are classes"
        )

    def fill(variables: PyTree, images: Array, mask: Array, key: Array) -> Filled:
        images = checked(images)
        missing, count = checked_mask(mask, images), len(images)
        each = lambda x: jnp.repeat(x, restarts, axis=0)
        labels = jnp.tile(jnp.arange(restarts) % max(classes, 1), count)
        # Not a product with 0: hidden pixels may be NaN.
        target, hidden = each(jnp.where(missing, 0, images)), each(missing)

        def values(latents: Array) -> tuple[Array, Array]:
            generated = generate(variables, latents, labels if classes else None)
            if generated.shape != target.shape:
                raise ValueError(
                    f"images of {images.shape[1:]}, and the generator gives {generated.shape[1:]}: give its shape"
                )
            squares = jnp.where(hidden, 0, (generated - target) ** 2).sum((1, 2, 3))
            return squares + prior_weight * (latents**2).sum(1), generated

        adam = optax.scale_by_adam()

        def descend(carry: tuple[Array, PyTree], step: Array) -> tuple[tuple[Array, PyTree], None]:
            latents, state = carry
            gradient = jax.grad(lambda z: values(z)[0].sum())(latents)
            update, state = adam.update(gradient, state)
            return (latents - learning_rate * (1 - step / steps) * jnp.asarray(update), state), None

        initial = jax.vmap(lambda key: draw_latents(example_keys(key, restarts), latent))(example_keys(key, count))
        initial = initial.reshape(-1, latent).astype(images.dtype)
        (latents, _), _ = lax.scan(descend, (initial, adam.init(initial)), jnp.arange(steps))
        value, generated = values(latents)
        best = restarts * jnp.arange(count) + value.reshape(count, restarts).argmin(1)
        generated, latents, labels = generated[best], latents[best], labels[best]
        known = (~missing).sum((1, 2, 3)) * images.shape[3]
        error = jnp.where(missing, 0, (generated - images) ** 2).sum((1, 2, 3)) / known
        return Filled(jnp.where(missing, generated, images), generated, latents, labels, error)

    return fill
