"""Exemplar-based inpainting: missing pixels are copied from similar patches of the image."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.core import Tracer

from jaxgen.filters.checks import checked, checked_mask, odd
from jaxgen.filters.windows import minima, over_windows

MIN_DATA = 1e-3
"""Lower bound of the data term: without edges, patches with the most known pixels come first."""


def inpaint_patches(images: Array, mask: Array, size: int = 9) -> Array:
    """Inpaints missing pixels by copying from the most similar patches of the same image.

    Each step selects the patch on the hole's border with the highest priority (confidence of its known pixels times
    strength of the edge that meets the hole), and copies its missing pixels from the completely known patch with the
    smallest sum of squared differences. Differences are computed in the given channels; the paper uses CIE Lab. Source
    patches are those known at the start. A step costs a pass over the image, and there is about one step for each
    size²/3 missing pixels.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      mask: bool or float[batch, height, width, 1]; true, or more than 0.5, where pixels are missing.
      size: side of a patch in pixels, odd; slightly more than the largest detail of the texture.
    Returns:
      float[batch, height, width, channel]; known pixels are unchanged. Under `jit`, NaN for an image without a
      completely known patch.
    Raises:
      ValueError: if the size is even, the mask has another shape, or no patch of an image is completely known.
    Reference: Criminisi, Pérez, Toyama 2004.
    """
    images, size = checked(images), odd(size)
    missing = checked_mask(mask, images)
    if size > min(images.shape[1:3]):
        raise ValueError(f"patches of size {size} for images of shape {images.shape}: they must fit inside")
    whole = whole_patches(missing, size)
    if not isinstance(whole, Tracer) and not bool(whole.any((1, 2, 3)).all()):
        raise ValueError(f"no patch of {size}×{size} pixels is completely known: give a smaller size")
    return fill(images, missing, whole, size)


@partial(jax.jit, static_argnames="size")
def whole_patches(missing: Array, size: int) -> Array:
    """Returns which patches, by their upper left corners, are completely known: bool[batch, h − size + 1, …, 1]."""
    return minima(~missing, size, size)


@partial(jax.jit, static_argnames="size")
def fill(images: Array, missing: Array, whole: Array, size: int) -> Array:
    """Inpaints the images one after the other, as each has its own number of steps."""
    filled = lax.map(lambda x: fill_one(x[0], x[1], x[2], size), (images, missing[..., 0], whole[..., 0]))
    return jnp.where(missing & ~whole.any((1, 2, 3), keepdims=True), jnp.nan, filled)


def shifted(x: Array, row: int, column: int) -> Array:
    """Returns the values at an offset of at most one pixel; false or 0 outside the image."""
    height, width = x.shape
    return jnp.pad(x, 1)[1 + row : height + 1 + row, 1 + column : width + 1 + column]


def slope(x: Array, valid: Array, axis: int) -> Array:
    """Computes the central difference along an axis where both neighbors are valid, else 0."""
    row, column = (1, 0) if axis == 0 else (0, 1)
    both = shifted(valid, row, column) & shifted(valid, -row, -column)
    return jnp.where(both, (shifted(x, row, column) - shifted(x, -row, -column)) / 2, 0)


def strongest(first, second, _):
    """Selects the gradient (squared length, down, across) with the larger length."""
    return jax.tree.map(lambda a, b: jnp.where(first[0] >= second[0], a, b), first, second)


def centred(values, size: int, combine) -> Array:
    """Reduces the window around each pixel of [h, w] by `combine`, with zeros outside the image."""
    padded = jax.tree.map(lambda x: jnp.pad(x, size // 2)[None], values)
    return jax.tree.map(lambda x: x[0], over_windows(padded, size, size, combine))


def data_term(grey: Array, hole: Array, inside: Array, size: int) -> Array:
    """Computes the data term: the strength of the isophote that meets the hole's border in each patch, float[h, w].

    Reference: Criminisi, Pérez, Toyama 2004, the data term D(p); its α is 1 for images in [0, 1].
    """
    known = inside & ~hole
    down, across = (jnp.where(known, slope(grey, known, axis), 0) for axis in (0, 1))
    _, down, across = centred((down**2 + across**2, down, across), size, strongest)
    normal_down, normal_across = (slope(hole.astype(grey.dtype), inside, axis) for axis in (0, 1))
    length = jnp.sqrt(normal_down**2 + normal_across**2)
    # The isophote is perpendicular to the gradient.
    along = abs(across * normal_down - down * normal_across)
    return along / jnp.where(length > 0, length, 1)


def priorities(filled: Array, hole: Array, inside: Array, confidence: Array, size: int) -> Array:
    """Computes the priority of the patch around each pixel of the hole's border, and −1 elsewhere: float[h, w]."""
    known = inside & ~hole
    adjacent = shifted(known, 0, 1) | shifted(known, 0, -1) | shifted(known, 1, 0) | shifted(known, -1, 0)
    area = centred(confidence, size, lambda a, b, _: a + b) / size**2
    data = data_term(filled.mean(-1), hole, inside, size)
    return jnp.where(hole & adjacent, area * jnp.maximum(data, MIN_DATA), -1)


def planes(image: Array, squares: Array) -> Array:
    """Stacks the channels and one more plane, channels first."""
    return jnp.concatenate([jnp.moveaxis(image, -1, 0), squares[None]])


def transformed(image: Array) -> Array:
    """Computes the Fourier transforms of −2 × each channel and of the sum of squares over channels."""
    return jnp.fft.rfft2(planes(-2 * image, (image**2).sum(-1)))


def mismatch(transform: Array, shape: tuple[int, int], patch: Array, known: Array) -> Array:
    """Computes the squared difference between each patch of an image and the known part of one, up to a constant.

    Shifted multiply-adds and a convolution take ten times as long for 9×9 patches on a CPU.

    Args:
      transform: complex[channel + 1, height, width // 2 + 1], see `transformed`.
      shape: height and width of the image.
      patch: float[size, size, channel].
      known: bool[size, size].
    Returns:
      float[height − size + 1, width − size + 1], by the patch's upper left corner.
    """
    weights = planes(jnp.where(known[..., None], patch, 0), known.astype(patch.dtype))
    product = (transform * jnp.conj(jnp.fft.rfft2(weights, shape))).sum(0)
    # Patches inside the image are not affected by the wrap-around of the circular correlation.
    return jnp.fft.irfft2(product, shape)[: shape[0] - len(patch) + 1, : shape[1] - len(patch) + 1]


def fill_one(image: Array, missing: Array, whole: Array, size: int) -> Array:
    """Inpaints one image, [height, width, channel].

    A new patch changes priorities within half a patch and a pixel around it, and these depend on pixels as far again:
    only they are recomputed at each step, on arrays padded by that margin.
    """
    height, width, channels = image.shape
    near = size // 2 + 2
    margin = 2 * near
    image = jnp.where(missing[..., None], 0, image)
    transform = transformed(image)

    def step(state):
        filled, hole, confidence, priority = state
        row, column = jnp.divmod(jnp.argmax(priority), width + 2 * margin)
        # At the image's border the patch is moved inside.
        corner = (
            jnp.clip(row - margin - size // 2, 0, height - size),
            jnp.clip(column - margin - size // 2, 0, width - size),
        )
        place = tuple(x + margin for x in corner)
        patch = lax.dynamic_slice(filled, (*place, 0), (size, size, channels))
        gap = lax.dynamic_slice(hole, place, (size, size))
        known = lax.dynamic_slice(confidence, place, (size, size))
        distance = jnp.where(whole, mismatch(transform, (height, width), patch, ~gap), jnp.inf)
        source = (*jnp.divmod(jnp.argmin(distance), width - size + 1), 0)
        copied = lax.dynamic_slice(image, source, (size, size, channels))
        filled = lax.dynamic_update_slice(filled, jnp.where(gap[..., None], copied, patch), (*place, 0))
        hole = lax.dynamic_update_slice(hole, jnp.zeros_like(gap), place)
        confidence = lax.dynamic_update_slice(confidence, jnp.where(gap, known.mean(), known), place)
        side = (size + 2 * margin,) * 2
        holes, valid, trust = (lax.dynamic_slice(x, corner, side) for x in (hole, inside, confidence))
        block = priorities(lax.dynamic_slice(filled, (*corner, 0), (*side, channels)), holes, valid, trust, size)
        place = tuple(x + near for x in corner)
        return filled, hole, confidence, lax.dynamic_update_slice(priority, block[near:-near, near:-near], place)

    pad = lambda x: jnp.pad(x, ((margin, margin), (margin, margin), *((0, 0),) * (x.ndim - 2)))
    inside, hole, confidence = pad(jnp.ones_like(missing)), pad(missing), pad((~missing).astype(image.dtype))
    padded = pad(image)
    state = padded, hole, confidence, priorities(padded, hole, inside, confidence, size)
    filled, *_ = lax.while_loop(lambda state: (state[3] >= 0).any(), step, state)
    return filled[margin : height + margin, margin : width + margin]
