"""Rust: flaking patches, specks around them and drips below, composited over the picture."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.degradations.damage import overlays, procedural
from jaxgen.degradations.registry import Benchmark, at_defaults, register

# From the thin film at the border of a patch to the crust in its middle.
COLORS = np.array(
    [
        [0.74, 0.57, 0.41],
        [0.66, 0.41, 0.23],
        [0.53, 0.28, 0.15],
        [0.40, 0.21, 0.13],
        [0.28, 0.16, 0.12],
        [0.16, 0.11, 0.10],
    ],
    np.float32,
)


def rust(
    key: Array, images: Array, coverage: float | Array = 0.25, strength: float | Array = 1.0
) -> tuple[Array, Array]:
    """Overlays procedural rust, x(1 − α) + α · texture, and returns the images and α.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1]; gray ones get the luma of the rust.
      coverage: fraction of the image under closed patches, in [0, 1], one or float[batch]; specks and drips are added.
        For one key, α increases with the coverage at every pixel.
      strength: opacity of the closed patches in [0, 1], one or float[batch].
    Returns:
      (float[batch, height, width, channel] in the images' dtype, α float32[batch, height, width, 1]).
    Raises:
      ValueError: if the number of a parameter's values is neither 1 nor the batch size.
    """
    return overlays.apply_overlay(key, images, rust_layer, [("coverage", coverage), ("strength", strength)])


register(
    rust,
    "patches, specks and drips of rust",
    returns="opacity",
    sample=at_defaults(rust),
    benchmark=Benchmark(
        "rust, closed patches over a quarter of the image", lambda keys, images: rust(keys, images, 0.25)
    ),
)


def rust_layer(key: Array, coverage: Array, strength: Array, *, height: int, width: int) -> tuple[Array, Array]:
    """Draws the rust of one image: colors float32[height, width, 3] and α float32[height, width, 1]."""
    shape, grain, mottle, streaks, dust = jax.random.split(key, 5)
    height_above = procedural.above_quantile(procedural.fractal_noise(shape, height, width, 2.5, 7, 0.6), coverage)
    fine = procedural.fractal_noise(grain, height, width, 64, 2, 0.8)
    patch = jnp.clip(4 * height_above + 0.8 * fine + 0.5, 0, 1)
    # Isolated specks become rarer with the distance from a patch.
    specks = 0.9 * jnp.clip(2 * (fine - 1.3 + 1.4 * jnp.minimum(height_above, 0)), 0, 1)
    film = 0.35 * jnp.clip(1 + 1.6 * height_above, 0, 1) ** 2
    alpha = jnp.maximum(jnp.maximum(patch, specks), jnp.maximum(film, drips(streaks, patch)))

    clouds = procedural.fractal_noise(mottle, height, width, 5, 6, 0.8)
    # Crust in the middle, with darker and lighter areas of every size.
    powder = procedural.value_noise(dust, height, width, 256)
    color = overlays.colormap(
        0.32 + 0.13 * jnp.clip(height_above, -1, 2) + 0.13 * clouds + 0.07 * fine + 0.06 * powder, COLORS
    )
    bumps = 0.6 * clouds + 0.4 * fine + 0.8 * jnp.clip(height_above, -0.3, 0.6)
    color = color * (1 + 0.25 * shading(bumps) + 0.05 * powder)[..., None]
    return jnp.clip(color, 0, 1), (strength * alpha)[..., None]


def shading(bumps: Array) -> Array:
    """Computes the shading of a height map under light from the upper left, in [-1, 1]."""
    slope = bumps - jnp.pad(bumps, ((1, 0), (1, 0)), mode="edge")[:-1, :-1]
    return jnp.clip(slope, -1, 1)


def drips(key: Array, patch: Array) -> Array:
    """Draws streaks that run down from patches and fade over random lengths, float32[height, width]."""
    height, width = patch.shape
    position, size = jax.random.split(key)
    streak = procedural.fractal_noise(position, height, width, (2, 40), 2)
    length = 0.15 * jnp.exp(0.7 * procedural.value_noise(size, 1, width, 30)) * min(height, width)
    source = 0.55 * patch * jnp.clip(1.5 * (streak - 0.5), 0, 1)
    fall = jnp.arange(height, dtype=jnp.float32)[:, None] / length
    # max over all pixels above of (source − distance / length), as one running maximum.
    return jnp.clip(lax.cummax(source + fall) - fall, 0, 1)
