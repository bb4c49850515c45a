"""Random noise, one independent draw per example."""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen import keys


def gaussian_noise(key: Array, images: Array, sigma: float | Array) -> Array:
    """Returns the images with white Gaussian noise added, not clipped, as in the published denoising tables.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1].
      sigma: standard deviation in units of the [0, 1] range (σ = 25 of 255 is 25/255), one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype; values may leave [0, 1].
    Raises:
      ValueError: if there is not one key or not one sigma, and not one for each example.
    """
    images = jnp.asarray(images)
    sigma = jnp.asarray(sigma, images.dtype)
    if sigma.shape not in ((), (len(images),)):
        raise ValueError(f"sigma of shape {sigma.shape} for {len(images)} images: give one, or one for each image")
    draw = jax.vmap(lambda k: jax.random.normal(k, images.shape[1:], images.dtype))
    noise = draw(keys.per_example(key, len(images)))
    return images + sigma.reshape(-1, *(1,) * (images.ndim - 1)) * noise
