"""Pictures bent out of shape: lens distortion, perspective, waves.

Each is a map from the places of the new picture to those of the old one, read there bilinearly; beyond its border a
picture is mirrored without repeating its last pixels (reflect-101), so that nothing is invented.
"""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen import keys
from jaxgen.degradations import layers
from jaxgen.sampling import mirrored

NEWTON_STEPS = 8


def warp(
    key: Array,
    images: Array,
    lens: float | Array = 0.1,
    perspective: float | Array = 0.08,
    wave: float | Array = 0.008,
) -> Array:
    """Returns the images bent at random: wavy paper at an angle through a lens, with one interpolation in all.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1].
      lens: k₁ is uniform in ±lens and k₂ in a tenth of it (see `lens`); at most 0.12; one or float[batch].
      perspective: each corner moves by up to this fraction of the sides; below 0.5; one or float[batch].
      wave: largest amplitude in shorter sides, with periods of a fifth to one shorter side; one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype.
    Raises:
      ValueError: if a strength belongs to no image.
    """
    images = layers.pictures(images)
    count, size = len(images), images.shape[1:3]

    def draw(k: Array, lens: Array, perspective: Array, wave: Array) -> Array:
        bend, shift, ripple = jax.random.split(k, 3)
        k1, k2 = jax.random.uniform(bend, (2,), jnp.float32, -1, 1) * lens * jnp.array([1, 0.1])
        corners = jax.random.uniform(shift, (4, 2), jnp.float32, -1, 1) * perspective
        amplitude, period, phase = jax.random.uniform(ripple, (3,), jnp.float32)
        places = before_perspective(before_lens(grid(size), size, k1, k2), size, corners)
        return before_wave(places, size, amplitude * wave, 0.2 * 5**period, 2 * jnp.pi * phase)

    strengths = (
        layers.for_each(*each, count) for each in (("lens", lens), ("perspective", perspective), ("wave", wave))
    )
    return sample(images, jax.vmap(draw)(keys.per_example(key, count), *strengths))


def lens(images: Array, k1: float | Array, k2: float | Array = 0.0) -> Array:
    """Returns the images as a lens with radial distortion shows them: r′ = r(1 + k₁r² + k₂r⁴).

    r is measured from the picture's middle in units of half its diagonal. Below 0 is a barrel, above a pincushion.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1].
      k1: one or float[batch]; below −4/27 (with k₂ = 0) no light reaches the corners, and what is there has no meaning.
      k2: one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype.
    Raises:
      ValueError: if a coefficient belongs to no image.
    Reference: Brown 1966.
    """
    images = layers.pictures(images)
    size, numbers = images.shape[1:3], [layers.for_each(n, v, len(images)) for n, v in (("k1", k1), ("k2", k2))]
    return sample(images, jax.vmap(lambda *k: before_lens(grid(size), size, *k))(*numbers))


def perspective(images: Array, corners: Array) -> Array:
    """Returns the images seen at an angle: the homography that moves their corners as told.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1].
      corners: float[4, 2] or float[batch, 4, 2]: how far the top left, top right, bottom right and bottom left corners
        move (right, down), as fractions of the width and the height between the outermost pixels' centres.
    Returns:
      float[batch, height, width, channel], in the images' dtype.
    Raises:
      ValueError: if the corners are not four, or belong to no image.
    Reference: Heckbert 1989, section 2.2.3, for the square's map onto a quadrilateral.
    """
    images, corners = layers.pictures(images), jnp.asarray(corners, jnp.float32)
    if corners.shape not in ((4, 2), (len(images), 4, 2)):
        raise ValueError(f"corners of shape {corners.shape} for {len(images)} images: give [4, 2], or that for each")
    size, corners = images.shape[1:3], jnp.broadcast_to(corners, (len(images), 4, 2))
    return sample(images, jax.vmap(lambda c: before_perspective(grid(size), size, c))(corners))


def wave(images: Array, amplitude: float | Array, period: float | Array, phase: float | Array = 0.0) -> Array:
    """Returns the images with rows and columns shifted along sines: (x, y) shows what was at (x + a sin(2πy/p + φ), …).

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1].
      amplitude: a, in shorter sides, one or float[batch].
      period: p, in shorter sides, above 0, one or float[batch].
      phase: φ, in radians, one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype.
    Raises:
      ValueError: if a number belongs to no image.
    """
    images = layers.pictures(images)
    given = (("amplitude", amplitude), ("period", period), ("phase", phase))
    size, numbers = images.shape[1:3], [layers.for_each(*each, len(images)) for each in given]
    return sample(images, jax.vmap(lambda *n: before_wave(grid(size), size, *n))(*numbers))


def grid(size: tuple[int, int]) -> Array:
    """Returns every pixel's own place, float32[2, height, width]: (x, y)."""
    height, width = size
    return jnp.stack(jnp.meshgrid(jnp.arange(width, dtype=jnp.float32), jnp.arange(height, dtype=jnp.float32)))


def before_lens(places: Array, size: tuple[int, int], k1: Array, k2: Array) -> Array:
    """Returns where places of a picture were before the lens, by Newton's method for r(1 + k₁r² + k₂r⁴) = r′."""
    height, width = size
    middle = jnp.array([width - 1, height - 1], jnp.float32)[:, None, None] / 2
    unit = jnp.maximum(jnp.hypot(*middle[:, 0, 0]), 1)
    seen = jnp.hypot(*((places - middle) / unit))
    r = seen
    for _ in range(NEWTON_STEPS):
        excess = r * (1 + r**2 * (k1 + r**2 * k2)) - seen
        slope = 1 + r**2 * (3 * k1 + 5 * r**2 * k2)
        r = jnp.clip(r - excess / jnp.maximum(slope, 0.1), 0, 2)
    return middle + (places - middle) * jnp.where(seen > 0, r / jnp.maximum(seen, 1e-12), 1)


def before_perspective(places: Array, size: tuple[int, int], corners: Array) -> Array:
    """Returns where places of a picture were before its corners moved."""
    height, width = size
    extent = jnp.maximum(jnp.array([width - 1, height - 1], jnp.float32), 1)
    moved = jnp.array([[0, 0], [1, 0], [1, 1], [0, 1]], jnp.float32) + corners
    from_moved = adjugate(square_to(moved))
    u, v = places / extent[:, None, None]
    x, y, scale = (row[0] * u + row[1] * v + row[2] for row in from_moved)
    return jnp.stack([x, y]) / scale * extent[:, None, None]


def square_to(corners: Array) -> Array:
    """Returns the homography float32[3, 3] of the unit square onto four corners, float32[4, 2], in order around."""
    a, b, c, d = corners
    one, two, sum_ = b - c, d - c, a - b + c - d
    cross = lambda p, q: p[0] * q[1] - p[1] * q[0]
    g, h = cross(sum_, two) / cross(one, two), cross(one, sum_) / cross(one, two)
    first, second = b - a + g * b, d - a + h * d
    return jnp.stack([jnp.append(first, g), jnp.append(second, h), jnp.append(a, 1.0)], axis=1)


def adjugate(matrix: Array) -> Array:
    """Returns the adjugate of a 3×3 matrix, its inverse up to scale, which a homography does not see."""
    a, b, c = matrix
    return jnp.stack([jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)], axis=1)


def before_wave(places: Array, size: tuple[int, int], amplitude: Array, period: Array, phase: Array) -> Array:
    """Returns where places of a picture were before a wave; amplitude and period in shorter sides."""
    side = min(size)
    return places + amplitude * side * jnp.sin(2 * jnp.pi * places[::-1] / (period * side) + phase)


def sample(images: Array, places: Array) -> Array:
    """Returns the images read at fractional places, bilinearly, mirrored beyond the border (reflect-101).

    Args:
      images: float[batch, height, width, channel].
      places: float32[batch, 2, height, width], (x, y) in pixels.
    Returns:
      float[batch, height, width, channel], in the images' dtype.
    """
    _, height, width, _ = images.shape

    def one(image: Array, places: Array) -> Array:
        low = jnp.floor(places)
        right, down = (places - low).astype(image.dtype)[..., None]
        x, y = low.astype(int)
        columns, rows = [mirrored(x + i, width) for i in (0, 1)], [mirrored(y + i, height) for i in (0, 1)]
        (a, b), (c, d) = [[image[row, column] for column in columns] for row in rows]
        return (a * (1 - right) + b * right) * (1 - down) + (c * (1 - right) + d * right) * down

    return jax.vmap(one)(images, places)
