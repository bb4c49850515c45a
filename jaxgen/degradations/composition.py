"""Degradations made of degradations: one after the other, in random order, or by chance.

A degradation is a function (key, images) -> images of one key or key[batch]; bind its strengths with a lambda or
`functools.partial`. Everything here draws by each example's own key.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen import keys
from jaxgen.degradations.parameters import streams, uniform

# Of images, or of a tree of arrays with one entry for each example.
Degradation = Callable[[Array, Any], Any]


def count(images: Any) -> int:
    """Returns the number of examples."""
    return len(jax.tree.leaves(images)[0])


def stage_keys(key: Array, examples: int, stage: int) -> Array:
    """Returns key[examples] of one stage; inserting a stage behind it changes nothing about it."""
    return jax.vmap(lambda k: jax.random.fold_in(k, stage))(keys.per_example(key, examples))


def compose(*degradations: Degradation) -> Degradation:
    """Returns the degradation that applies several, the first first, each with random numbers of its own.

    Args:
      *degradations: (key, images) -> images; they may change the images' size.
    """

    def composed(key: Array, images: Any) -> Any:
        examples = count(images)
        for stage, degradation in enumerate(degradations):
            images = degradation(stage_keys(key, examples, stage), images)
        return images

    return composed


def random_order(key: Array, length: int, in_order: Sequence[int] = ()) -> Array:
    """Returns a random permutation in which some numbers stay in the order given.

    Args:
      key: one key.
      length: of the permutation.
      in_order: numbers that come in this order, wherever they come.
    Returns:
      int32[length].
    """
    order = jax.random.permutation(key, length)
    kept = jnp.array(in_order, jnp.int32)
    return order.at[jnp.sort(jnp.argsort(order)[kept])].set(kept)


def shuffled(*degradations: Degradation, in_order: Sequence[int] = ()) -> Degradation:
    """Returns the degradation that applies several in a random order, another for each example.

    Under jit the examples pass one after the other, so that each computes its own order alone and not every order. A
    degradation draws the same numbers wherever it comes.

    Args:
      *degradations: (key, images) -> images of the same shape and dtype.
      in_order: indices of those that keep this order among themselves.
    Returns:
      A degradation that raises ValueError where one of them changes the images' shape or dtype.
    Reference: Zhang et al. 2021 (BSRGAN), section 3.4.
    """

    def one(key: Array, image: Any) -> Any:
        draws = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(len(degradations) + 1))
        order = random_order(draws[-1], len(degradations), in_order)

        def stage(image: Any, index: Array) -> tuple[Any, None]:
            return lax.switch(index, degradations, draws[index][None], image), None

        image, _ = lax.scan(stage, jax.tree.map(lambda leaf: leaf[None], image), order)
        return jax.tree.map(lambda leaf: leaf[0], image)

    def in_some_order(key: Array, images: Any) -> Any:
        images = jax.tree.map(jnp.asarray, images)
        each = keys.per_example(key, count(images))
        for index, degradation in enumerate(degradations):
            same(f"degradation {index}", images, jax.eval_shape(degradation, each, images))
        return lax.map(lambda example: one(*example), (each, images))

    return in_some_order


def apply_if(probability: float | Array, degradation: Degradation) -> Degradation:
    """Returns the degradation that befalls each example with a probability, and else leaves it as it is.

    Args:
      probability: in [0, 1], one or float[batch].
      degradation: (key, images) -> images of the same shape and dtype.
    Returns:
      A degradation that raises ValueError where the one given changes the images' shape or dtype.
    """

    def perhaps(key: Array, images: Any) -> Any:
        examples = count(images)
        chance, inner = streams(key, examples, 2)
        struck = uniform(chance, examples) < probability
        degraded = degradation(inner, images)
        same("the degradation", images, degraded)
        return select(struck, degraded, images)

    return perhaps


def select(condition: Array, images: Any, others: Any) -> Any:
    """Returns each example of the first where its condition holds, and of the second elsewhere."""
    choose = lambda a, b: jnp.where(condition.reshape(-1, *(1,) * (a.ndim - 1)), a, b)
    return jax.tree.map(choose, images, others)


def same(name: str, images: Any, degraded: Any) -> None:
    """Checks that a degradation changed neither shape nor dtype.

    Raises:
      ValueError: if it did.
    """
    before, after = (
        [f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(tree)] for tree in (images, degraded)
    )
    if before != after:
        raise ValueError(
            f"{name} made {', '.join(after)} of {', '.join(before)}: shapes and dtypes must stay here, "
            "so resize before or after"
        )
