"""Geometric distortions: lens, perspective, waves.

Each is an inverse map, from the coordinates of the new image to those of the old one, sampled bilinearly. Beyond its
border an image is reflected without repeating the border pixels (reflect-101).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen import keys
from jaxgen.degradations.draws import gray_or_color, image_size, per_image_values
from jaxgen.degradations.registry import Benchmark, at_defaults, register
from jaxgen.sampling import mirrored

NEWTON_STEPS = 8


def warp(
    key: Array, images: Array, lens: float | Array = 0.1, perspective: float | Array = 0.08, wave: float | Array = 0.008
) -> Array:
    """Distorts images by a random wave, perspective and lens, with a single interpolation.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, 1 or 3] in [0, 1].
      lens: k₁ is uniform in ±lens and k₂ in a tenth of that range (see `lens`); at most 0.12; one or float[batch].
      perspective: largest move of each corner as a fraction of the sides; below 0.5; one or float[batch].
      wave: largest amplitude as a fraction of the shorter side; periods are 0.2 to 1 of it; one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype.
    Raises:
      ValueError: if the number of a parameter's values is neither 1 nor the batch size.
    """
    images = gray_or_color(images)
    count, size = len(images), image_size(images)

    def draw(k: Array, lens: Array, perspective: Array, wave: Array) -> Array:
        for_lens, for_corners, for_wave = jax.random.split(k, 3)
        k1, k2 = jax.random.uniform(for_lens, (2,), jnp.float32, -1, 1) * lens * jnp.array([1, 0.1])
        corners = jax.random.uniform(for_corners, (4, 2), jnp.float32, -1, 1) * perspective
        amplitude, period, phase = jax.random.uniform(for_wave, (3,), jnp.float32)
        points = perspective_source(lens_source(pixel_grid(size), size, k1, k2), size, corners)
        return wave_source(points, size, amplitude * wave, 0.2 * 5**period, 2 * jnp.pi * phase)

    strengths = (
        per_image_values(name, value, count)
        for name, value in (("lens", lens), ("perspective", perspective), ("wave", wave))
    )
    return sample_bilinear(images, jax.vmap(draw)(keys.per_example(key, count), *strengths))


register(
    warp,
    "lens distortion, perspective and waves",
    sample=at_defaults(warp),
    benchmark=Benchmark(
        "lens distortion to 0.1, corners moved by up to 0.08 of the sides, waves to 0.008 of the shorter side",
        lambda keys, images: warp(keys, images, 0.1, 0.08, 0.008),
    ),
)


def distort(images: Array, source: Callable[..., Array], **parameters: float | Array) -> Array:
    """Returns images sampled where an inverse map takes each pixel.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1].
      source: (coordinates float32[2, height, width], (height, width), parameters of one image) -> coordinates.
      **parameters: by name, in the order in which `source` takes them; one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype.
    Raises:
      ValueError: if the number of a parameter's values is neither 1 nor the batch size.
    """
    images = gray_or_color(images)
    size = image_size(images)
    values = [per_image_values(name, value, len(images)) for name, value in parameters.items()]
    return sample_bilinear(images, jax.vmap(lambda *one: source(pixel_grid(size), size, *one))(*values))


def lens(images: Array, k1: float | Array, k2: float | Array = 0.0) -> Array:
    """Applies the radial distortion of a lens: r′ = r(1 + k₁r² + k₂r⁴).

    r is the distance from the image's center in units of half its diagonal. Negative coefficients give barrel
    distortion, positive ones pincushion distortion.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1].
      k1: k₁, one or float[batch]; below −4/27 (with k₂ = 0) the map has no inverse at the corners.
      k2: k₂, one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype.
    Raises:
      ValueError: if the number of a coefficient's values is neither 1 nor the batch size.
    Reference: Brown 1966.
    """
    return distort(images, lens_source, k1=k1, k2=k2)


def perspective(images: Array, corners: Array) -> Array:
    """Applies the perspective (homography) that moves the corners of the images by given offsets.

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1].
      corners: float[4, 2] or float[batch, 4, 2]: offsets (right, down) of the top left, top right, bottom right and
        bottom left corners, as fractions of the width and the height between the centers of the outermost pixels.
    Returns:
      float[batch, height, width, channel], in the images' dtype.
    Raises:
      ValueError: if the corners have another shape.
    Reference: Heckbert 1989, section 2.2.3, for the map of the unit square onto a quadrilateral.
    """
    images, corners = gray_or_color(images), jnp.asarray(corners, jnp.float32)
    if corners.shape not in ((4, 2), (len(images), 4, 2)):
        raise ValueError(f"corners of shape {corners.shape} for {len(images)} images: give [4, 2] or [batch, 4, 2]")
    size, corners = image_size(images), jnp.broadcast_to(corners, (len(images), 4, 2))
    return sample_bilinear(images, jax.vmap(lambda c: perspective_source(pixel_grid(size), size, c))(corners))


def wave(images: Array, amplitude: float | Array, period: float | Array, phase: float | Array = 0.0) -> Array:
    """Shifts rows and columns by sines: the value at (x, y) is that of (x + a sin(2πy/p + φ), y + a sin(2πx/p + φ)).

    Args:
      images: float[batch, height, width, 1 or 3] in [0, 1].
      amplitude: a, as a fraction of the shorter side, one or float[batch].
      period: p > 0, as a fraction of the shorter side, one or float[batch].
      phase: φ, radians, one or float[batch].
    Returns:
      float[batch, height, width, channel], in the images' dtype.
    Raises:
      ValueError: if the number of a parameter's values is neither 1 nor the batch size.
    """
    return distort(images, wave_source, amplitude=amplitude, period=period, phase=phase)


def pixel_grid(size: tuple[int, int]) -> Array:
    """Returns the coordinates (x, y) of every pixel, float32[2, height, width]."""
    height, width = size
    return jnp.stack(jnp.meshgrid(jnp.arange(width, dtype=jnp.float32), jnp.arange(height, dtype=jnp.float32)))


def lens_source(points: Array, size: tuple[int, int], k1: Array, k2: Array) -> Array:
    """Maps coordinates of the new image to those before the lens: solves r(1 + k₁r² + k₂r⁴) = r′ by Newton's method."""
    height, width = size
    center = jnp.array([width - 1, height - 1], jnp.float32)[:, None, None] / 2
    unit = jnp.maximum(jnp.hypot(*center[:, 0, 0]), 1)
    radius = jnp.hypot(*((points - center) / unit))
    r = radius
    for _ in range(NEWTON_STEPS):
        excess = r * (1 + r**2 * (k1 + r**2 * k2)) - radius
        slope = 1 + r**2 * (3 * k1 + 5 * r**2 * k2)
        r = jnp.clip(r - excess / jnp.maximum(slope, 0.1), 0, 2)
    return center + (points - center) * jnp.where(radius > 0, r / jnp.maximum(radius, 1e-12), 1)


def perspective_source(points: Array, size: tuple[int, int], corners: Array) -> Array:
    """Maps coordinates of the new image to those before its corners were moved."""
    height, width = size
    extent = jnp.maximum(jnp.array([width - 1, height - 1], jnp.float32), 1)
    moved = jnp.array([[0, 0], [1, 0], [1, 1], [0, 1]], jnp.float32) + corners
    from_moved = adjugate(unit_square_homography(moved))
    u, v = points / extent[:, None, None]
    x, y, scale = (row[0] * u + row[1] * v + row[2] for row in from_moved)
    return jnp.stack([x, y]) / scale * extent[:, None, None]


def unit_square_homography(corners: Array) -> Array:
    """Returns the homography float32[3, 3] of the unit square onto a quadrilateral with corners float32[4, 2]."""
    a, b, c, d = corners
    one, two, sum_ = b - c, d - c, a - b + c - d
    cross = lambda p, q: p[0] * q[1] - p[1] * q[0]
    g, h = cross(sum_, two) / cross(one, two), cross(one, sum_) / cross(one, two)
    first, second = b - a + g * b, d - a + h * d
    return jnp.stack([jnp.append(first, g), jnp.append(second, h), jnp.append(a, 1.0)], axis=1)


def adjugate(matrix: Array) -> Array:
    """Returns the adjugate of a 3×3 matrix: its inverse up to a factor, which does not matter in a homography."""
    a, b, c = matrix
    return jnp.stack([jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)], axis=1)


def wave_source(points: Array, size: tuple[int, int], amplitude: Array, period: Array, phase: Array) -> Array:
    """Maps coordinates of the new image to those before a wave; lengths are fractions of the shorter side."""
    side = min(size)
    return points + amplitude * side * jnp.sin(2 * jnp.pi * points[::-1] / (period * side) + phase)


def sample_bilinear(images: Array, points: Array) -> Array:
    """Samples images bilinearly at fractional coordinates, with reflected borders (reflect-101).

    Args:
      images: float[batch, height, width, channel].
      points: float32[batch, 2, height, width], (x, y) in pixels.
    Returns:
      float[batch, height, width, channel], in the images' dtype.
    """
    _, height, width, _ = images.shape

    def one(image: Array, points: Array) -> Array:
        low = jnp.floor(points)
        right, down = (points - low).astype(image.dtype)[..., None]
        x, y = low.astype(int)
        columns, rows = [mirrored(x + i, width) for i in (0, 1)], [mirrored(y + i, height) for i in (0, 1)]
        (a, b), (c, d) = [[image[row, column] for column in columns] for row in rows]
        return (a * (1 - right) + b * right) * (1 - down) + (c * (1 - right) + d * right) * down

    return jax.vmap(one)(images, points)
