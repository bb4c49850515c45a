"""Holes filled with patches from elsewhere in the picture, edges first."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.filters.checks import checked, checked_mask, odd
from jaxgen.filters.windows import minima, over_windows

# The least the data term counts, so that where there is no edge the patches with the most known pixels come first.
FAINT = 1e-3


def inpaint_patches(images: Array, mask: Array, size: int = 9) -> Array:
    """Returns the images with what is missing copied from the most alike patches of the same image.

    At each step the patch on the border of the hole with the highest priority, the confidence in its known pixels
    times the strength of the edge that runs into the hole, takes its missing pixels from that wholly known patch
    whose pixels have the least sum of squared differences from its own. Differences are taken in the given channels,
    where the paper takes them in CIE Lab. Patches lie inside the picture, and the source is what was known at the
    start. A step looks at the whole picture, and there is about one for
    each size²/3 missing pixels.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      mask: bool or float[batch, height, width, 1]; true, or more than 0.5, where pixels are missing.
      size: side of a patch in pixels, odd; a little more than the largest detail of the texture.
    Returns:
      float[batch, height, width, channel]; the known pixels are as they were. Not a number where no patch of the image
      is wholly known, if that could not be seen before (under `jit`).
    Raises:
      ValueError: if the size is even, the mask is not of the images' shape, or no patch of an image is wholly known.
    Reference: Criminisi, Pérez, Toyama 2004.
    """
    images, size = checked(images), odd(size)
    missing = checked_mask(mask, images)
    if size > min(images.shape[1:3]):
        raise ValueError(f"patches of size {size} for images of shape {images.shape}: they must fit inside")
    whole = whole_patches(missing, size)
    if not isinstance(whole, jax.core.Tracer) and not bool(whole.any((1, 2, 3)).all()):
        raise ValueError(f"no patch of {size}×{size} pixels is wholly known: give a smaller size")
    return fill(images, missing, whole, size)


@partial(jax.jit, static_argnames="size")
def whole_patches(missing: Array, size: int) -> Array:
    """Returns where, by their upper left corners, patches lie that miss nothing: bool[batch, h − size + 1, …, 1]."""
    return minima(~missing, size, size)


@partial(jax.jit, static_argnames="size")
def fill(images: Array, missing: Array, whole: Array, size: int) -> Array:
    """Returns the images filled one after the other: each has its own number of steps."""
    filled = lax.map(lambda one: fill_one(*one, size), (images, missing[..., 0], whole[..., 0]))
    return jnp.where(missing & ~whole.any((1, 2, 3), keepdims=True), jnp.nan, filled)


def shifted(x: Array, row: int, column: int) -> Array:
    """Returns the value at an offset of at most one pixel from each; false or 0 outside the image."""
    height, width = x.shape
    return jnp.pad(x, 1)[1 + row : height + 1 + row, 1 + column : width + 1 + column]


def slope(x: Array, valid: Array, axis: int) -> Array:
    """Returns the central difference along an axis where both neighbours are valid, elsewhere 0."""
    row, column = (1, 0) if axis == 0 else (0, 1)
    both = shifted(valid, row, column) & shifted(valid, -row, -column)
    return jnp.where(both, (shifted(x, row, column) - shifted(x, -row, -column)) / 2, 0)


def strongest(first, second, _):
    """Returns the gradients (square, down, across) with the larger square."""
    return jax.tree.map(lambda a, b: jnp.where(first[0] >= second[0], a, b), first, second)


def centred(values, size: int, combine) -> Array:
    """Returns what `combine` makes of the window around each pixel of [h, w]; outside the image there is 0."""
    padded = jax.tree.map(lambda x: jnp.pad(x, size // 2)[None], values)
    return jax.tree.map(lambda x: x[0], over_windows(padded, size, size, combine))


def data_term(grey: Array, hole: Array, inside: Array, size: int) -> Array:
    """Returns how strongly the strongest edge of the known part of each patch runs into the hole, float[h, w].

    Reference: Criminisi, Pérez, Toyama 2004, the data term D(p); its α is 1 for images in [0, 1].
    """
    known = inside & ~hole
    down, across = (jnp.where(known, slope(grey, known, axis), 0) for axis in (0, 1))
    _, down, across = centred((down**2 + across**2, down, across), size, strongest)
    normal_down, normal_across = (slope(hole.astype(grey.dtype), inside, axis) for axis in (0, 1))
    length = jnp.sqrt(normal_down**2 + normal_across**2)
    # The isophote is the gradient turned by 90°.
    along = abs(across * normal_down - down * normal_across)
    return along / jnp.where(length > 0, length, 1)


def priorities(filled: Array, hole: Array, inside: Array, confidence: Array, size: int) -> Array:
    """Returns the priority of the patch around each pixel on the border of the hole, and −1 elsewhere: float[h, w]."""
    known = inside & ~hole
    beside = shifted(known, 0, 1) | shifted(known, 0, -1) | shifted(known, 1, 0) | shifted(known, -1, 0)
    area = centred(confidence, size, lambda a, b, _: a + b) / size**2
    data = data_term(filled.mean(-1), hole, inside, size)
    return jnp.where(hole & beside, area * jnp.maximum(data, FAINT), -1)


def planes(image: Array, squares: Array) -> Array:
    """Returns the channels and one more, each as a plane of its own, as transforms like them."""
    return jnp.concatenate([jnp.moveaxis(image, -1, 0), squares[None]])


def transformed(image: Array) -> Array:
    """Returns the Fourier transforms of an image's channels, negative and twice, and of their sum of squares."""
    return jnp.fft.rfft2(planes(-2 * image, (image**2).sum(-1)))


def mismatch(transform: Array, shape: tuple[int, int], patch: Array, known: Array) -> Array:
    """Returns the squared differences of each patch of an image from the known part of one, less the one's square.

    Shifted multiply-adds take ten times as long for patches of 9×9 on a CPU, a convolution as long as they.

    Args:
      transform: complex[channel + 1, height, width // 2 + 1] of the image.
      shape: height and width of the image.
      patch: float[size, size, channel].
      known: bool[size, size].
    Returns:
      float[height − size + 1, width − size + 1], at each patch's upper left corner.
    """
    weights = planes(jnp.where(known[..., None], patch, 0), known.astype(patch.dtype))
    product = (transform * jnp.conj(jnp.fft.rfft2(weights, shape))).sum(0)
    # Only patches inside the image are kept, and none of them meets what a circular correlation carries around.
    return jnp.fft.irfft2(product, shape)[: shape[0] - len(patch) + 1, : shape[1] - len(patch) + 1]


def fill_one(image: Array, missing: Array, whole: Array, size: int) -> Array:
    """Returns one image, [height, width, channel], filled.

    A filled patch changes the priorities up to half a patch and a pixel around it, which depend on what is as far
    around them again: only these are computed at each step, of arrays with so many pixels around the picture.
    """
    height, width, channels = image.shape
    near = size // 2 + 2
    margin = 2 * near
    image = jnp.where(missing[..., None], 0, image)
    transform = transformed(image)

    def step(state):
        filled, hole, confidence, priority = state
        row, column = jnp.divmod(jnp.argmax(priority), width + 2 * margin)
        # At the picture's border the patch is moved inside. A block's corner is the patch's corner in the picture.
        corner = (
            jnp.clip(row - margin - size // 2, 0, height - size),
            jnp.clip(column - margin - size // 2, 0, width - size),
        )
        place = tuple(x + margin for x in corner)
        patch = lax.dynamic_slice(filled, (*place, 0), (size, size, channels))
        gap = lax.dynamic_slice(hole, place, (size, size))
        trust = lax.dynamic_slice(confidence, place, (size, size))
        distance = jnp.where(whole, mismatch(transform, (height, width), patch, ~gap), jnp.inf)
        source = (*jnp.divmod(jnp.argmin(distance), width - size + 1), 0)
        found = lax.dynamic_slice(image, source, (size, size, channels))
        filled = lax.dynamic_update_slice(filled, jnp.where(gap[..., None], found, patch), (*place, 0))
        hole = lax.dynamic_update_slice(hole, jnp.zeros_like(gap), place)
        confidence = lax.dynamic_update_slice(confidence, jnp.where(gap, trust.mean(), trust), place)
        side = (size + 2 * margin,) * 2
        block = [lax.dynamic_slice(x, corner, side) for x in (hole, inside, confidence)]
        block = priorities(lax.dynamic_slice(filled, (*corner, 0), (*side, channels)), *block, size)
        place = tuple(x + near for x in corner)
        return filled, hole, confidence, lax.dynamic_update_slice(priority, block[near:-near, near:-near], place)

    around = lambda x: jnp.pad(x, ((margin, margin), (margin, margin), *((0, 0),) * (x.ndim - 2)))
    inside = around(jnp.ones_like(missing))
    start = around(image), around(missing), around((~missing).astype(image.dtype))
    state = *start, priorities(start[0], start[1], inside, start[2], size)
    filled, *_ = lax.while_loop(lambda state: (state[3] >= 0).any(), step, state)
    return filled[margin : height + margin, margin : width + margin]
