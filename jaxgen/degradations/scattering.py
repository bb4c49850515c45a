"""Haze by the atmospheric scattering model, over a given or a procedural depth map."""

from typing import Annotated

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen import keys
from jaxgen.degradations.damage import overlays, procedural
from jaxgen.degradations.draws import gray_or_color, image_size, per_image_values, split_keys, uniform_between
from jaxgen.degradations.registry import Benchmark, Strengths, fixed, register
from jaxgen.fields import Range, hyperparameters

Limits = tuple[float | Array, float | Array]
BETA, AIRLIGHT = (0.6, 1.8), (0.7, 1.0)
OBJECTS = 6


def scatter(images: Array, depth: Array, beta: float | Array, airlight: float | Array) -> tuple[Array, Array]:
    """Computes the atmospheric scattering model I = J · t + A(1 − t), t = exp(−β d), and returns I and t.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1], J.
      depth: float[batch, height, width, 1], d; in any unit of which β is the inverse.
      beta: scattering coefficient β, one or float[batch]; 0 leaves the images unchanged.
      airlight: brightness A of the air at infinite depth in [0, 1], one or float[batch].
    Returns:
      (float[batch, height, width, channel] in the images' dtype, transmission float32[batch, height, width, 1]).
    Raises:
      ValueError: if the depth has another shape, or the number of a parameter's values is neither 1 nor the batch size.
    Reference: Narasimhan and Nayar 2002.
    """
    images, depth = gray_or_color(images), jnp.asarray(depth, jnp.float32)
    if depth.shape != (*images.shape[:3], 1):
        raise ValueError(f"depth of shape {depth.shape} for images {images.shape}: give one channel of their size")
    coefficient, light = (
        per_image_values(name, value, len(images))[:, None, None, None]
        for name, value in (("beta", beta), ("airlight", airlight))
    )
    transmission = jnp.exp(-coefficient * depth)
    return overlays.composite(images, light, 1 - transmission), transmission


def haze(
    key: Array, images: Array, depth: Array | None = None, beta: Limits = BETA, airlight: Limits = AIRLIGHT
) -> Array:
    """Adds haze of random density and brightness; see `random_haze`."""
    return random_haze(key, images, depth, beta, airlight)[0]


register(
    haze,
    "haze over procedural depth",
    example={"beta": (1.4, 1.5)},
    sample=lambda keys, images, hyper: haze(keys, images, beta=(hyper["haze_low"], hyper["haze_high"])),
    hyper=hyperparameters(
        haze_low=(
            0.6,
            "Smallest scattering coefficient of haze, for depths up to 1; below 0: a share has no haze.",
            Annotated[float, Range(minimum=-100, maximum=100)],
        ),
        haze_high=(1.8, "Largest scattering coefficient of haze.", Annotated[float, Range(minimum=0, maximum=100)]),
    ),
    benchmark=Benchmark(
        "haze over a procedural depth to 1, scattering coefficient 0.6 to 1.8, airlight 0.7 to 1",
        lambda keys, images: haze(keys, images, beta=(0.6, 1.8), airlight=(0.7, 1.0)),
    ),
    strengths=Strengths("haze β {:g}", (0.6, 1.2, 1.8), fixed("haze_low", "haze_high"), "haze over procedural depth"),
)


def random_haze(
    key: Array, images: Array, depth: Array | None = None, beta: Limits = BETA, airlight: Limits = AIRLIGHT
) -> tuple[Array, Array]:
    """Adds haze of random density and brightness, and returns the images and the transmission.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1].
      depth: float[batch, height, width, 1], 1 at the farthest pixel; None: procedural.
      beta: (low, high) of the scattering coefficient, each a number or float[batch]; the default is for depth to 1.
        Coefficients below 0 are 0: a low limit below 0 leaves a share of the images clear.
      airlight: (low, high) of the air's brightness in [0, 1], each a number or float[batch].
    Returns:
      (float[batch, height, width, channel] in the images' dtype, transmission float32[batch, height, width, 1]).
    Raises:
      ValueError: if the depth has another shape, or limits are not (low, high).
    Reference: Narasimhan and Nayar 2002.
    """
    images = gray_or_color(images)
    for_scene, for_beta, for_airlight = split_keys(key, len(images), 3)
    if depth is None:
        depth = procedural_depth(for_scene, (len(images), *image_size(images)))
    density = jnp.maximum(uniform_between("beta", beta, for_beta), 0)
    return scatter(images, depth, density, uniform_between("airlight", airlight, for_airlight))


def procedural_depth(key: Array, shape: tuple[int, int, int]) -> Array:
    """Draws depth maps of random scenes: a ground plane up to the horizon, the sky, and objects on the ground.

    Args:
      key: one key, or key[batch], one for each scene.
      shape: (batch, height, width).
    Returns:
      float32[batch, height, width, 1] in (0, 1], about 1 for the sky.
    """
    batch, height, width = shape
    return jax.vmap(lambda k: one_depth(k, height, width))(keys.per_example(key, batch))[..., None]


def one_depth(key: Array, height: int, width: int) -> Array:
    """Draws the depth map of a random scene, float32[height, width] in (0, 1], about 1 for the sky.

    On flat ground under a level camera, depth is inversely proportional to the distance below the horizon. An object is
    an ellipse with a noisy outline, at the depth of the ground at its foot; near objects occlude far ones.
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

    def add_object(depth: Array, draw: Array) -> tuple[Array, None]:
        distance, center, width_draw, height_draw = draw
        foot = horizon + (1 - horizon) * distance**2
        near = ground(foot - horizon)
        # Perspective: size is inversely proportional to depth.
        half_width, half_height = (foot - horizon + 0.1) * jnp.stack([0.15 + 0.5 * width_draw, 0.2 + 0.8 * height_draw])
        inside = 1 - jnp.hypot((x - center) / half_width, (y - foot + 0.8 * half_height) / half_height)
        cover = jnp.clip(3 * (inside + jnp.clip(outline, -0.6, 0.6)), 0, 1)
        return depth + cover * (jnp.minimum(depth, near) - depth), None

    depth, _ = lax.scan(
        add_object, ground(y - horizon - tilt) * jnp.ones(width), jax.random.uniform(shapes, (OBJECTS, 4), jnp.float32)
    )
    return jnp.clip(depth * (1 + 0.06 * procedural.fractal_noise(relief, height, width, 3, 3)), 0.01, 1)
