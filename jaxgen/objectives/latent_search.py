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
from jaxgen.objectives.gan_samples import draw_latents
from jaxgen.training.randomness import example_keys
from jaxgen.training.state import PyTree


class Filled(NamedTuple):
    """Pictures without their holes.

    Attributes:
      images: float[batch, height, width, channel]: the pictures where they are known, what was drawn elsewhere.
      drawn: float[batch, height, width, channel], the whole pictures that the generator drew.
      latents: float[batch, latent], from which it drew them.
      labels: int32[batch], and of which class; 0 where it knows none.
      error: float[batch], mean squared difference of picture and drawing where the picture is known.
    """

    images: Array
    drawn: Array
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
    """Returns the function that fills holes: Adam goes down ‖m ⊙ (G(z) − y)‖² + λ‖z‖² from several latents at once.

    Of each picture's latents the one of the least value is kept. The learning rate falls to 0 along a straight line.

    Args:
      generate: (variables, latents[b, latent], labels[b] or None) -> images[b, h, w, c] in [0, 1]; every image depends
        on its own latent alone.
      latent: size of the generator's input, which is standard normal.
      classes: number of the generator's classes, each of which is tried; 0: unconditional.
      restarts: latents from which the search for one picture begins; no fewer than there are classes.
      steps: of Adam.
      learning_rate: of Adam at the first step, in standard deviations of the latents.
      prior_weight: λ. A picture that differs from all that the generator draws by noise of standard deviation σ, in
        units of the [0, 1] range, has its most probable latent at λ = σ².
    Returns:
      (variables, images, mask, key) -> Filled, a pure function. images: float[b, h, w, c] in [0, 1]; mask: bool or
      float[b, h, w, 1], true, or more than 0.5, where a picture is to be filled; its pixels there have no effect.
    Raises:
      ValueError: if there is no latent, no restart or no step; from the function, if the shapes do not belong together
        or nothing of a picture is known.
    Reference: Bora et al. 2017, section 3, for the loss; without Yeh et al.'s discriminator, which a generator that was
      not trained against one does not have.
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
        # Not times 0: what is hidden may be anything, also not a number.
        wanted, hidden = each(jnp.where(missing, 0, images)), each(missing)

        def values(latents: Array) -> tuple[Array, Array]:
            drawn = generate(variables, latents, labels if classes else None)
            if drawn.shape != wanted.shape:
                raise ValueError(
                    f"images of {images.shape[1:]}, and the generator draws {drawn.shape[1:]}: give its own"
                )
            squares = jnp.where(hidden, 0, (drawn - wanted) ** 2).sum((1, 2, 3))
            return squares + prior_weight * (latents**2).sum(1), drawn

        adam = optax.scale_by_adam()

        def descend(carry: tuple[Array, PyTree], step: Array) -> tuple[tuple[Array, PyTree], None]:
            latents, state = carry
            gradient = jax.grad(lambda z: values(z)[0].sum())(latents)
            update, state = adam.update(gradient, state)
            return (latents - learning_rate * (1 - step / steps) * jnp.asarray(update), state), None

        start = jax.vmap(lambda key: draw_latents(example_keys(key, restarts), latent))(example_keys(key, count))
        start = start.reshape(-1, latent).astype(images.dtype)
        (latents, _), _ = lax.scan(descend, (start, adam.init(start)), jnp.arange(steps))
        value, drawn = values(latents)
        best = restarts * jnp.arange(count) + value.reshape(count, restarts).argmin(1)
        drawn, latents, labels = drawn[best], latents[best], labels[best]
        known = (~missing).sum((1, 2, 3)) * images.shape[3]
        error = jnp.where(missing, 0, (drawn - images) ** 2).sum((1, 2, 3)) / known
        return Filled(jnp.where(missing, drawn, images), drawn, latents, labels, error)

    return fill
