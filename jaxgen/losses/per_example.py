"""What the losses share: inputs of one shape in at least single precision, and one value per example."""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

Images = Array | np.ndarray
"""Images of JAX or NumPy; what is computed of them is JAX's."""


def promoted(x: ArrayLike) -> Array:
    """Returns an array in at least float32, the precision of every loss even where networks compute in bfloat16."""
    return jnp.asarray(x, jnp.promote_types(jnp.result_type(x), jnp.float32))


def matched(first: Images, second: Images) -> tuple[Array, Array]:
    """Returns both arrays in at least float32.

    Raises:
      ValueError: if the shapes differ. Broadcasting would turn logits [b] against [b, 1] into [b, b] and say nothing.
    """
    if jnp.shape(first) != jnp.shape(second):
        raise ValueError(f"shapes {jnp.shape(first)} and {jnp.shape(second)} differ: give arrays of one shape")
    return promoted(first), promoted(second)


def matched_images(reference: Images, image: Images, max_value: float) -> tuple[Array, Array]:
    """Returns both batches of images in at least float32.

    Raises:
      ValueError: if the shapes differ or are not those of batches, or whole numbers would count as images in [0, 1].
    """
    for images in (reference, image):
        if jnp.ndim(images) != 4:
            raise ValueError(f"images of shape {jnp.shape(images)}: give [batch, height, width, channel]")
        if not jnp.issubdtype(jnp.result_type(images), jnp.floating) and max_value == 1:
            raise ValueError(
                f"images of {jnp.result_type(images)}: give floating point in [0, 1], or max_value=255 for 0 to 255"
            )
    return matched(reference, image)


def total(x: Array) -> Array:
    """Returns the sum over every axis but the first, float[batch]."""
    return x.sum(tuple(range(1, x.ndim)))


def mean(x: Array) -> Array:
    """Returns the mean over every axis but the first, float[batch]."""
    return x.mean(tuple(range(1, x.ndim)))
