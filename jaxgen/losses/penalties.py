"""Penalties on the slope of a critic, and weight clipping.

A critic is a function images -> logits[batch] in which no example depends on another: batch normalisation couples the
examples of a batch, and the slope at an image would hold that of its neighbours' logits. The slope is taken with
reverse-mode `jax.grad` only, so that critics made of `custom_vjp` functions work, and is differentiable again.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import KeyPath, tree_flatten_with_path

from jaxgen import keys
from jaxgen.fields import hyperparameters
from jaxgen.losses.per_example import matched, promoted, total

Critic = Callable[[Array], Array]


def squared_slope(critic: Critic, images: Array) -> Array:
    """Returns ‖∇D(x)‖₂² at each image, float[batch]."""
    slope = jax.grad(lambda x: critic(x).sum())(images)
    return total(slope**2)


def root(squared: Array) -> Array:
    """Returns the square root, whose derivative is taken to be 0 at 0, where it is infinite.

    A square below the smallest normal number counts as 0: a processor that flushes it to zero would divide by that.
    """
    vanishes = squared < jnp.finfo(squared.dtype).tiny
    return jnp.where(vanishes, 0.0, jnp.sqrt(jnp.where(vanishes, 1.0, squared)))


def gradient_penalty(critic: Critic, real: Array, fake: Array, key: Array, target: float | Array = 1.0) -> Array:
    """Returns (‖∇D(x̂)‖₂ − target)² at one random point between each real image and its generated partner.

    x̂ = u · real + (1 − u) · fake with one u ~ U[0, 1] for each example, not one for each pixel. The derivative is
    finite where the slope vanishes, without the bias of an epsilon inside the norm.

    Args:
      critic: images -> logits[batch].
      real: float[batch, ...].
      fake: float[batch, ...].
      key: one key, or key[batch], one for each example.
      target: the slope that costs nothing, logits per unit of the images' range.
    Returns:
      float[batch], without the penalty's weight.
    Raises:
      ValueError: if the shapes of real and fake differ, or there is not one key for each example.
    Reference: Gulrajani et al. 2017, equation 3.
    """
    real, fake = matched(real, fake)
    weight = jax.vmap(lambda k: jax.random.uniform(k, (1,) * (real.ndim - 1), real.dtype))(
        keys.per_example(key, len(real))
    )
    return (root(squared_slope(critic, weight * real + (1 - weight) * fake)) - target) ** 2


def zero_centered(critic: Critic, images: Array) -> Array:
    """Returns ‖∇D(x)‖₂² at each image: R1 on real images, R2 on generated ones.

    Args:
      critic: images -> logits[batch]; no example may depend on another (no batch normalisation).
      images: float[batch, ...].
    Returns:
      float[batch], without the factor γ/2.
    Reference: Mescheder, Geiger, Nowozin 2018, equations 9 and 10.
    """
    return squared_slope(critic, promoted(images))


def clip_weights(params: Any, limit: float | Array) -> Any:
    """Returns the parameters clipped to [−limit, limit], in their own dtypes.

    Reference: Arjovsky et al. 2017, algorithm 1.
    """
    return jax.tree.map(lambda p: jnp.clip(p, -limit, limit).astype(p.dtype), params)


def orthogonality(params: Any, transposed: Collection[tuple[str, ...]] = ()) -> Array:
    """Returns Σ ‖WᵀW ⊙ (1 − I)‖²_F over all kernels: filters may have any length and are held at right angles.

    Args:
      params: a nested dict of arrays; those of two axes and more are kernels, whose last axis counts the filters.
      transposed: paths of the layers whose kernels count them by the axis before the last.
    Returns:
      float[], without its weight; 0 where there is no kernel.
    Reference: Brock, Donahue, Simonyan 2019, equation 3.
    """

    def filters(path: KeyPath, leaf: Array) -> Array:
        turned = tuple(entry.key for entry in path[:-1]) in transposed
        kernel = promoted(leaf).swapaxes(-1, -2) if turned else promoted(leaf)
        return kernel.reshape(-1, kernel.shape[-1])

    kernels = [filters(path, leaf) for path, leaf in tree_flatten_with_path(params)[0] if leaf.ndim >= 2]
    products = [jnp.matmul(kernel.T, kernel, precision="highest") for kernel in kernels]
    return sum((((x * (1 - jnp.eye(len(x), dtype=x.dtype))) ** 2).sum() for x in products), jnp.float32(0))


class Penalty(NamedTuple):
    """A penalty on the discriminator's gradient with respect to its input.

    Attributes:
      value: (critic, real, fake, key[batch], hyperparameters) -> float[batch], weighted.
      hyper: the dataclass of its hyperparameters: names, defaults and help.
      weight: name of the hyperparameter that multiplies it.
    """

    value: Callable[[Critic, Array, Array, Array, Mapping[str, Array]], Array]
    hyper: type
    weight: str


def slope_penalty(name: str, select: Callable[[Array, Array], Array], images: str) -> Penalty:
    """Returns the zero-centred penalty on the real or the generated images, weighted by γ/2."""
    weight = f"{name}_weight"
    about = f"Weight γ of {name.upper()}; γ/2 multiplies the squared gradient norm at {images} images."
    return Penalty(
        lambda critic, real, fake, keys, hyper: hyper[weight] / 2 * zero_centered(critic, select(real, fake)),
        hyperparameters(**{weight: (1.0, about)}),
        weight,
    )


PENALTIES: dict[str, Penalty] = {
    "gradient_penalty": Penalty(
        lambda critic, real, fake, keys, hyper: (
            hyper["penalty_weight"] * gradient_penalty(critic, real, fake, keys, hyper["penalty_target"])
        ),
        hyperparameters(
            penalty_weight=(10.0, "Weight λ of the gradient penalty."),
            penalty_target=(
                1.0,
                "Norm of the gradient that the gradient penalty does not penalize, in logits per unit of [-1, 1] "
                "images.",
            ),
        ),
        "penalty_weight",
    ),
    "r1": slope_penalty("r1", lambda real, fake: real, "real"),
    "r2": slope_penalty("r2", lambda real, fake: fake, "generated"),
}
"""Penalties on the discriminator's gradient by name."""
