"""Confusion matrices and misclassified images, drawn as arrays inside a compiled function."""

import jax.numpy as jnp
import numpy as np
from jax import Array

NUMBERED = 20  # classes up to which cells are large enough for numbers
CELL = 28  # pixels
SIDE = 512  # side of the image in pixels where cells have no numbers
FULL = np.array([0.03, 0.19, 0.42], np.float32)  # color of a cell with all images of its row
MISTAKES = 32
BLANK = 10
ROWS, COLUMNS, GAP = 5, 3, 1  # of a digit, pixels
FONT = """
    ### .#. ### ### #.# ### ### ### ### ### ...
    #.# ##. ..# ..# #.# #.. #.. ..# #.# #.# ...
    #.# .#. ### ### ### ### ### .#. ### ### ...
    #.# .#. #.. ..# ..# ..# #.# .#. #.# ..# ...
    ### ### ### ### ..# ### ### .#. ### ### ...
"""
GLYPHS = np.array([[[c == "#" for c in glyph] for glyph in line.split()] for line in FONT.split("\n")[1:-1]])
GLYPHS = GLYPHS.transpose(1, 0, 2).astype(np.float32)


def write(numbers: Array, digits: int) -> Array:
    """Draws integers as ink, right aligned.

    Args:
      numbers: int[...], none negative, of at most that many digits; leading zeros are not written.
      digits: width of the field.
    Returns:
      float32[..., 5, 4 · digits − 1], 1 where there is ink.
    """
    powers = 10 ** np.arange(digits - 1, -1, -1)
    numbers = numbers[..., None]
    written = jnp.where((numbers >= powers) | (powers == 1), numbers // powers % 10, BLANK)
    glyphs = jnp.pad(jnp.asarray(GLYPHS)[written], [(0, 0)] * (numbers.ndim + 1) + [(0, GAP)])
    joined = jnp.moveaxis(glyphs, -3, -2).reshape(*numbers.shape[:-1], ROWS, digits * (COLUMNS + GAP))
    return joined[..., :-GAP]


def centred(ink: Array, side: int) -> Array:
    """Returns ink twice as large in the middle of squares, float32[..., h, w] -> float32[..., side, side]."""
    ink = ink.repeat(2, -2).repeat(2, -1)
    room = [side - length for length in ink.shape[-2:]]
    return jnp.pad(ink, [(0, 0)] * (ink.ndim - 2) + [(left // 2, left - left // 2) for left in room])


def heat_map(matrix: Array) -> Array:
    """Draws a confusion matrix; rows are true classes, columns predicted ones.

    Up to 20 classes, cells hold the percentage of their row, the left column and the top row the classes' numbers.

    Args:
      matrix: [classes, classes], number of images of the row's class that were predicted as the column's.
    Returns:
      float32[1, side, side, 3] in [0, 1]: white for none of the row, dark blue for all of it.
    """
    matrix, classes = matrix.astype(jnp.float32), len(matrix)
    fraction = matrix / jnp.maximum(matrix.sum(1, keepdims=True), 1)
    if classes > NUMBERED:
        width = -(-SIDE // classes)
        return shades(fraction).repeat(width, 0).repeat(width, 1)[None]
    names = jnp.arange(classes)
    percent = jnp.rint(100 * fraction).astype(jnp.int32)
    numbers = jnp.zeros((classes + 1, classes + 1), jnp.int32).at[1:, 1:].set(percent)
    numbers = numbers.at[0, 1:].set(names).at[1:, 0].set(names)
    shown = jnp.pad(percent > 0, ((1, 0), (1, 0)), constant_values=True).at[0, 0].set(False)
    fraction = jnp.pad(fraction, ((1, 0), (1, 0)))
    ink = (centred(write(numbers, 3), CELL) * shown[..., None, None])[..., None]
    text = (fraction > 0.5).astype(jnp.float32)[..., None, None, None]  # white on dark, black on light
    cells = shades(fraction)[:, :, None, None] * (1 - ink) + text * ink
    return cells.swapaxes(1, 2).reshape(1, (classes + 1) * CELL, (classes + 1) * CELL, 3)


def shades(fraction: Array) -> Array:
    """Returns the color of each fraction in [0, 1], float32[..., 3]."""
    return 1 - fraction[..., None] * (1 - FULL)


def mistakes(images: Array, labels: Array, predictions: Array, classes: int) -> Array:
    """Draws the first misclassified images, each above its true and its predicted class.

    Args:
      images: float[n, h, w, c] in [0, 1].
      labels: int[n].
      predictions: int[n].
      classes: their number.
    Returns:
      float32[at most 32, h + 7, at least w, c], white where there are fewer mistakes.
    """
    correct = predictions == labels
    chosen = jnp.argsort(correct, stable=True)[:MISTAKES]
    digits = len(str(classes - 1))
    ink = [write(numbers[chosen], digits) for numbers in (labels, predictions)]
    _, _, width, channels = images.shape
    wide = max(width, 2 * ink[0].shape[-1] + 2 * GAP)
    left = (wide - width) // 2
    padded = jnp.pad(images[chosen], ((0, 0), (0, 0), (left, wide - width - left), (0, 0)), constant_values=1)
    middle = jnp.zeros((len(chosen), ROWS, wide - 2 * ink[0].shape[-1]))
    strip = jnp.pad(1 - jnp.concatenate([ink[0], middle, ink[1]], -1), ((0, 0), (1, 1), (0, 0)), constant_values=1)
    captions = strip[..., None].repeat(channels, -1)
    shown = jnp.concatenate([padded, captions], 1).astype(jnp.float32)
    return jnp.where(correct[chosen][:, None, None, None], 1.0, shown)
