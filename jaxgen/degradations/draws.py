"""Random numbers drawn from each image's own key, and checks of the images."""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen import keys
from jaxgen.filters.checks import one_or_each


def check_images(images: Array, channels: tuple[int, ...] = ()) -> Array:
    """Returns the images as an array.

    Args:
      images: float[batch, height, width, channel].
      channels: the allowed numbers of channels; empty: any.
    Raises:
      ValueError: if the images have another shape or no floating dtype.
    """
    images = jnp.asarray(images)
    is_batch = images.ndim == 4 and jnp.issubdtype(images.dtype, jnp.floating)
    if not is_batch or (channels and images.shape[-1] not in channels):
        allowed = " or ".join(map(str, channels)) or "channel"
        raise ValueError(
            f"images of {images.dtype}{list(images.shape)}: give float[batch, height, width, {allowed}] in [0, 1]"
        )
    return images


def gray_or_color(images: Array) -> Array:
    """Returns the images as an array, or raises ValueError unless they are float[batch, height, width, 1 or 3]."""
    return check_images(images, (1, 3))


def per_image_values(name: str, value: float | Array, count: int) -> Array:
    """Broadcasts a parameter, one value or float[count], to float32[count].

    Raises:
      ValueError: if it has another shape.
    """
    return jnp.broadcast_to(one_or_each(name, value, count, jnp.float32), (count,))


def image_size(images: Array) -> tuple[int, int]:
    """Returns the height and the width of images[batch, height, width, channel]."""
    _, height, width, _ = images.shape
    return height, width


def split_keys(key: Array, count: int, parts: int) -> tuple[Array, ...]:
    """Splits the key of each example into independent keys.

    Args:
      key: one key, or key[count], one for each example.
      count: number of examples.
      parts: number of keys per example.
    Returns:
      `parts` arrays key[count].
    """
    split = jax.vmap(lambda k: jax.random.split(k, parts))(keys.per_example(key, count))
    return tuple(split[:, i] for i in range(parts))


def uniform(key: Array, count: int, low: float | Array = 0.0, high: float | Array = 1.0) -> Array:
    """Draws one uniform number for each example.

    Args:
      key: one key, or key[count].
      count: number of examples.
      low: lower bound, inclusive; one, or float[count].
      high: upper bound, exclusive; one, or float[count].
    Returns:
      float32[count].
    """
    return low + (high - low) * jax.vmap(lambda k: jax.random.uniform(k, dtype=jnp.float32))(
        keys.per_example(key, count)
    )


def uniform_between(name: str, limits: tuple[float | Array, float | Array], keys: Array) -> Array:
    """Draws one uniform number between two limits for each key, float32[batch].

    Args:
      name: of the parameter, for the message.
      limits: (low, high), each a number or float[batch].
      keys: key[batch].
    Raises:
      ValueError: if `limits` is not a pair, or a limit has another shape.
    """
    if not isinstance(limits, tuple | list) or len(limits) != 2:
        raise ValueError(f"{name} = {limits!r}: give (low, high)")
    return uniform(keys, len(keys), *(per_image_values(name, limit, len(keys)) for limit in limits))


def choice(key: Array, probabilities: tuple[float, ...], count: int) -> Array:
    """Draws the index of one of several alternatives for each example.

    Args:
      key: one key, or key[count].
      probabilities: of each alternative, with sum 1.
      count: number of examples.
    Returns:
      int32[count] in [0, len(probabilities)).
    """
    above = uniform(key, count)[:, None] >= jnp.cumsum(jnp.asarray(probabilities))[:-1]
    return above.sum(1).astype(jnp.int32)


def at_least_float32(images: Array) -> Array:
    """Returns the images in float32 or wider: normal numbers in bfloat16 are too coarse and never exceed 3."""
    return images.astype(jnp.promote_types(images.dtype, jnp.float32))


def normal(key: Array, images: Array) -> Array:
    """Draws standard normal numbers of the images' shape, float32 or wider, from each image's own key."""
    dtype = jnp.promote_types(images.dtype, jnp.float32)
    draw = jax.vmap(lambda k: jax.random.normal(k, images.shape[1:], dtype))
    return draw(keys.per_example(key, len(images)))
