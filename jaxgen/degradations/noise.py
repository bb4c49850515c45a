"""Random noise, one independent draw per example."""

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen import keys
from jaxgen.degradations import counting
from jaxgen.degradations.parameters import floating, normal, streams, uniform, wide
from jaxgen.filters.checks import per_image


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
    images = floating(images)
    noise = per_image("sigma", sigma, wide(images)) * normal(key, images)
    return (wide(images) + noise).astype(images.dtype)


def blind_gaussian_noise(key: Array, images: Array, low: float | Array, high: float | Array) -> tuple[Array, Array]:
    """Returns the images with white Gaussian noise of a random level, and the levels, as blind denoisers train on.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1].
      low: smallest standard deviation in units of the [0, 1] range, one or float[batch].
      high: largest standard deviation, one or float[batch].
    Returns:
      (images, sigma): float[batch, height, width, channel], not clipped; float32[batch], uniform in [low, high).
    Raises:
      ValueError: if there is not one key or not one bound, and not one for each example.
    """
    drawn, noise = streams(key, len(images), 2)
    sigma = uniform(drawn, len(images), low, high)
    return gaussian_noise(noise, images, sigma), sigma


def poisson_noise(key: Array, images: Array, peak: float | Array) -> Array:
    """Returns the images as photon counts, divided by the count that stands for white; not clipped above.

    A pixel x becomes k / peak, k of Poisson's distribution with mean peak · x: mean x, variance x / peak.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1]; what is below 0 counts as 0.
      peak: expected photons at white, above 0, one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype, multiples of 1 / peak; values may exceed 1, and the
      gradient is 0.
    Raises:
      ValueError: if there is not one key or not one peak, and not one for each example.
    """
    images = floating(images)
    light = jnp.maximum(wide(images), 0)
    peak = per_image("peak", peak, light)
    # One loop with the normal draw would not be vectorised on a CPU: 45 ms instead of 12 for 16 images of 64×64×3,
    # where `jax.random.poisson` takes 270.
    counts = lax.map(lambda image: counting.poisson(*image), (light * peak, normal(key, light)))
    return (counts / peak).astype(images.dtype)


def speckle(key: Array, images: Array, sigma: float | Array) -> Array:
    """Returns the images multiplied by Gaussian noise around 1, not clipped.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1].
      sigma: standard deviation of the factor, one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype; values may leave [0, 1].
    Raises:
      ValueError: if there is not one key or not one sigma, and not one for each example.
    """
    images = floating(images)
    factor = 1 + per_image("sigma", sigma, wide(images)) * normal(key, images)
    return (wide(images) * factor).astype(images.dtype)


def salt_and_pepper(key: Array, images: Array, amount: float | Array, salt: float | Array = 0.5) -> Array:
    """Returns the images with some pixels turned white or black, all channels of a pixel together.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1].
      amount: share of the pixels that are struck, in [0, 1], one or float[batch].
      salt: share of those that turn white, in [0, 1], one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype and range.
    Raises:
      ValueError: if there is not one key or not one of each strength, and not one for each example.
    """
    images = floating(images)
    # Drawn and compared in float32: bfloat16 has few values between 0 and 1.
    single = images.astype(jnp.float32)
    amount = per_image("amount", amount, single)
    white = amount * per_image("salt", salt, single)
    draw = jax.vmap(lambda k: jax.random.uniform(k, (*images.shape[1:3], 1)))(keys.per_example(key, len(images)))
    return jnp.where(draw < white, 1, jnp.where(draw < amount, 0, images)).astype(images.dtype)


def rician_noise(key: Array, images: Array, sigma: float | Array) -> Array:
    """Returns the magnitude of the images with complex Gaussian noise, as in magnetic resonance; not clipped above.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1].
      sigma: standard deviation of the real and of the imaginary part, one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype; at least 0, and brighter than the images by about
      σ² / 2x where x is well above σ.
    Raises:
      ValueError: if there is not one key or not one sigma, and not one for each example.
    Reference: Gudbjartsson, Patz 1995.
    """
    images = floating(images)
    sigma = per_image("sigma", sigma, wide(images))
    real, imaginary = (sigma * normal(k, images) for k in streams(key, len(images), 2))
    square = (wide(images) + real) ** 2 + imaginary**2
    # The gradient of √0 would be infinite, and 0 times it not a number.
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1)), 0).astype(images.dtype)
