"""What degradations share: images that are floating, and draws by each image's own key."""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen import keys


def floating(images: Array, channels: tuple[int, ...] = ()) -> Array:
    """Returns the images as an array.

    Args:
      images: float[batch, height, width, channel].
      channels: how many there may be; empty: any number.
    Raises:
      ValueError: if they are not that.
    """
    images = jnp.asarray(images)
    is_batch = images.ndim == 4 and jnp.issubdtype(images.dtype, jnp.floating)
    if not is_batch or (channels and images.shape[-1] not in channels):
        allowed = " or ".join(map(str, channels)) or "channel"
        raise ValueError(
            f"images of {images.dtype}{list(images.shape)}: give float[batch, height, width, {allowed}] in [0, 1]"
        )
    return images


def streams(key: Array, count: int, parts: int) -> tuple[Array, ...]:
    """Returns independent keys for the parts of one degradation.

    Args:
      key: one key, or key[count], one for each example.
      count: number of examples.
      parts: number of things that are drawn.
    Returns:
      `parts` arrays key[count].
    """
    split = jax.vmap(lambda k: jax.random.split(k, parts))(keys.per_example(key, count))
    return tuple(split[:, i] for i in range(parts))


def uniform(key: Array, count: int, low: float | Array = 0.0, high: float | Array = 1.0) -> Array:
    """Returns one uniform number for each example, such as the noise level of blind denoising.

    Args:
      key: one key, or key[count].
      count: number of examples.
      low: smallest value; one, or float[count].
      high: above the largest value; one, or float[count].
    Returns:
      float32[count].
    """
    return low + (high - low) * jax.vmap(lambda k: jax.random.uniform(k, dtype=jnp.float32))(
        keys.per_example(key, count)
    )


def choice(key: Array, probabilities: tuple[float, ...], count: int) -> Array:
    """Returns one of several alternatives for each example.

    Args:
      key: one key, or key[count].
      probabilities: of each alternative; they add up to 1.
      count: number of examples.
    Returns:
      int32[count] in [0, len(probabilities)).
    """
    above = uniform(key, count)[:, None] >= jnp.cumsum(jnp.asarray(probabilities))[:-1]
    return above.sum(1).astype(jnp.int32)


def wide(images: Array) -> Array:
    """Returns the images in float32 or wider: bfloat16 has some hundred normal numbers, and none beyond 3."""
    return images.astype(jnp.promote_types(images.dtype, jnp.float32))


def normal(key: Array, images: Array) -> Array:
    """Returns standard normal numbers in the images' shape, float32 or wider, an image's drawn by its own key."""
    dtype = jnp.promote_types(images.dtype, jnp.float32)
    draw = jax.vmap(lambda k: jax.random.normal(k, images.shape[1:], dtype))
    return draw(keys.per_example(key, len(images)))
