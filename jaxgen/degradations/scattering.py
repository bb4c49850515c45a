"""Haze by the scattering model of the atmosphere, over a given depth or a procedural one."""

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen import keys
from jaxgen.degradations import layers, procedural

OBJECTS = 6


def scatter(images: Array, depth: Array, beta: float | Array, airlight: float | Array) -> tuple[Array, Array]:
    """Returns I = J · t + A(1 − t) with t = exp(−β d), and t: light fades with depth and the air's own light fills in.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1], J.
      depth: float[batch, height, width, 1], d; in any unit of which β is the inverse.
      beta: scattering coefficient β, one or float[batch]; 0 leaves the images as they are.
      airlight: brightness A of the air at infinite depth in [0, 1], one or float[batch].
    Returns:
      (float[batch, height, width, channel] in the images' dtype, transmission float32[batch, height, width, 1]).
    Raises:
      ValueError: if the depth does not fit the images, or a strength belongs to no image.
    Reference: Narasimhan and Nayar 2002.
    """
    images, depth = layers.pictures(images), jnp.asarray(depth, jnp.float32)
    if depth.shape != (*images.shape[:3], 1):
        raise ValueError(f"depth of shape {depth.shape} for images {images.shape}: give one channel of their size")
    beta, airlight = (
        layers.for_each(name, value, len(images))[:, None, None, None]
        for name, value in (("beta", beta), ("airlight", airlight))
    )
    transmission = jnp.exp(-beta * depth)
    return layers.composite(images, airlight, 1 - transmission), transmission


def haze(
    key: Array,
    images: Array,
    depth: Array | None = None,
    beta: tuple[float | Array, float | Array] = (0.6, 1.8),
    airlight: tuple[float | Array, float | Array] = (0.7, 1.0),
) -> Array:
    """Returns the images seen through haze of random thickness and brightness; see `random_haze`."""
    return random_haze(key, images, depth, beta, airlight)[0]


def random_haze(
    key: Array,
    images: Array,
    depth: Array | None = None,
    beta: tuple[float | Array, float | Array] = (0.6, 1.8),
    airlight: tuple[float | Array, float | Array] = (0.7, 1.0),
) -> tuple[Array, Array]:
    """Returns the images seen through haze of random thickness and brightness, and the transmission.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1].
      depth: float[batch, height, width, 1], the farthest at 1; procedural where none is given.
      beta: (low, high) of the scattering coefficient, each a number or float[batch]; the default is for depth to 1.
      airlight: (low, high) of the air's brightness in [0, 1], each a number or float[batch].
    Returns:
      (float[batch, height, width, channel] in the images' dtype, transmission float32[batch, height, width, 1]).
    Raises:
      ValueError: if the depth does not fit the images, or limits are not (low, high).
    Reference: Narasimhan and Nayar 2002.
    """
    images = layers.pictures(images)
    scene, thickness, brightness = jax.vmap(lambda k: jax.random.split(k, 3))(keys.per_example(key, len(images))).T
    beta, airlight = layers.between("beta", beta, thickness), layers.between("airlight", airlight, brightness)
    if depth is None:
        depth = procedural_depth(scene, images.shape[:3])
    return scatter(images, depth, beta, airlight)


def procedural_depth(key: Array, shape: tuple[int, int, int]) -> Array:
    """Returns the depth of random scenes: a ground that recedes to a horizon, the sky, and objects that stand on it.

    Args:
      key: one key, or key[batch], one for each scene.
      shape: (batch, height, width).
    Returns:
      float32[batch, height, width, 1] in (0, 1]; near 1 for the sky.
    """
    batch, height, width = shape
    return jax.vmap(lambda k: one_depth(k, height, width))(keys.per_example(key, batch))[..., None]


def one_depth(key: Array, height: int, width: int) -> Array:
    """Returns the depth of one scene, float32[height, width].

    On flat ground under a level camera depth is inversely proportional to the distance below the horizon. An object is
    an outline roughened by noise, as deep as the ground at its foot; nearer ones hide farther ones.
    """
    level, slope, near, shapes, rough, relief = jax.random.split(key, 6)
    horizon = jax.random.uniform(level, minval=0.15, maxval=0.6)
    y = (jnp.arange(height, dtype=jnp.float32) + 0.5)[:, None] / height
    x = (jnp.arange(width, dtype=jnp.float32) + 0.5) / width
    tilt = jax.random.uniform(slope, minval=-0.1, maxval=0.1) * (x - 0.5)
    nearest = jax.random.uniform(near, minval=0.05, maxval=0.15)
    outline = 0.25 * procedural.fractal_noise(rough, height, width, 6, 4, 0.6)

    def ground(below: Array) -> Array:
        return jnp.minimum(nearest * (1 - horizon) / jnp.maximum(below, 1e-3), 1)

    def place(depth: Array, draw: Array) -> tuple[Array, None]:
        distance, middle, wide, tall = draw
        foot = horizon + (1 - horizon) * distance**2
        near = ground(foot - horizon)
        # What is twice as far looks half as large.
        half_width, half_height = (foot - horizon + 0.1) * jnp.stack([0.15 + 0.5 * wide, 0.2 + 0.8 * tall])
        inside = 1 - jnp.hypot((x - middle) / half_width, (y - foot + 0.8 * half_height) / half_height)
        cover = jnp.clip(3 * (inside + jnp.clip(outline, -0.6, 0.6)), 0, 1)
        return depth + cover * (jnp.minimum(depth, near) - depth), None

    depth, _ = lax.scan(
        place, ground(y - horizon - tilt) * jnp.ones(width), jax.random.uniform(shapes, (OBJECTS, 4), jnp.float32)
    )
    return jnp.clip(depth * (1 + 0.06 * procedural.fractal_noise(relief, height, width, 3, 3)), 0.01, 1)
