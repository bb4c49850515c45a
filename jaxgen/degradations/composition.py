"""Combinators of degradations: in sequence, in random order, or with a probability.

A degradation here is a function (key, images) -> images of one key or key[batch]; bind its strengths with a lambda or
`functools.partial`. All random numbers are drawn from each example's own key.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen import keys
from jaxgen.degradations.draws import split_keys, uniform

Degradation = Callable[[Array, Any], Any]
"""(key, images) -> images; or of a tree of arrays whose first axis is the batch."""


def batch_size(images: Any) -> int:
    """Returns the number of examples."""
    return len(jax.tree.leaves(images)[0])


def compose(*degradations: Degradation) -> Degradation:
    """Returns the degradation that applies several in sequence, each with its own random numbers.

    Args:
      *degradations: (key, images) -> images, in order of application; they may change the images' size.
    """

    def composed(key: Array, images: Any) -> Any:
        each = keys.per_example(key, batch_size(images))
        for stage, degradation in enumerate(degradations):
            images = degradation(jax.vmap(lambda k, stage=stage: jax.random.fold_in(k, stage))(each), images)
        return images

    return composed


def random_order(key: Array, length: int, in_order: Sequence[int] = ()) -> Array:
    """Returns a random permutation that preserves the relative order of some numbers.

    Args:
      key: one key.
      length: of the permutation.
      in_order: numbers whose relative order is preserved.
    Returns:
      int32[length].
    """
    order = jax.random.permutation(key, length)
    ordered = jnp.array(in_order, jnp.int32)
    return order.at[jnp.sort(jnp.argsort(order)[ordered])].set(ordered)


def shuffled(*degradations: Degradation, in_order: Sequence[int] = ()) -> Degradation:
    """Returns the degradation that applies several in a random order, drawn for each example.

    The examples are processed one after the other, so that each computes only its own order. The random numbers of a
    degradation do not depend on its position.

    Args:
      *degradations: (key, images) -> images of the same shape and dtype.
      in_order: indices of degradations whose relative order is preserved.
    Returns:
      A degradation that raises ValueError if one of them changes the images' shape or dtype.
    Reference: Zhang et al. 2021 (BSRGAN), section 3.4.
    """

    def one(key: Array, image: Any) -> Any:
        draws = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(len(degradations) + 1))
        order = random_order(draws[-1], len(degradations), in_order)

        def stage(image: Any, index: Array) -> tuple[Any, None]:
            return lax.switch(index, degradations, draws[index][None], image), None

        image, _ = lax.scan(stage, jax.tree.map(lambda leaf: leaf[None], image), order)
        return jax.tree.map(lambda leaf: leaf[0], image)

    def in_random_order(key: Array, images: Any) -> Any:
        images = jax.tree.map(jnp.asarray, images)
        each = keys.per_example(key, batch_size(images))
        for index, degradation in enumerate(degradations):
            check_same_structure(f"degradation {index}", images, jax.eval_shape(degradation, each, images))
        return lax.map(lambda example: one(*example), (each, images))

    return in_random_order


def apply_if(probability: float | Array, degradation: Degradation) -> Degradation:
    """Returns the degradation that is applied to each example with a probability.

    Args:
      probability: in [0, 1], one or float[batch].
      degradation: (key, images) -> images of the same shape and dtype.
    Returns:
      A degradation that raises ValueError if `degradation` changes the images' shape or dtype.
    """

    def randomly_applied(key: Array, images: Any) -> Any:
        examples = batch_size(images)
        decision, inner = split_keys(key, examples, 2)
        applied = uniform(decision, examples) < probability
        degraded = degradation(inner, images)
        check_same_structure("the degradation", images, degraded)
        return select(applied, degraded, images)

    return randomly_applied


def select(condition: Array, images: Any, others: Any) -> Any:
    """Selects each example from `images` where its condition holds, else from `others`."""
    choose = lambda a, b: jnp.where(condition.reshape(-1, *(1,) * (a.ndim - 1)), a, b)
    return jax.tree.map(choose, images, others)


def check_same_structure(name: str, images: Any, degraded: Any) -> None:
    """Raises ValueError if a degradation changed the images' shape or dtype."""
    before, after = (
        [f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(tree)] for tree in (images, degraded)
    )
    if before != after:
        raise ValueError(
            f"{name} changed {', '.join(before)} to {', '.join(after)}: keep shapes and dtypes here, and resize before "
            "or after"
        )
