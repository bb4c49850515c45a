"""The order of images: every image once an epoch, at a cost that does not depend on how many there are.

A global position is step · batch + position in the batch. Its quotient by the number of images is the epoch, its
remainder the position in the epoch, and a keyed permutation maps that position to an image: O(batch) integer
operations, where shuffling would sort the whole set. A batch may cross the end of an epoch, or hold several.

The permutation has a fixed number of passes and no loop whose length depends on data: a GPU would have to ask its host
before every iteration of such a loop. Each pass is one to one on [0, count), so that nothing ever falls outside:
  1. Two rounds of a Feistel network permute the largest rectangle of ⌊√count⌋ columns that fits into [0, count).
  2. One swap-or-not round exchanges x and (key − x) mod count for a random half of these pairs. A Feistel network of
     few positions makes only some permutations (of a 3 × 3 rectangle only even ones); with swaps it makes all of them.
  3. A random rotation of [0, count) moves positions that the rectangle left out into it.

All of it is integer arithmetic modulo 2³²: the same bits on every backend, under every transformation, and in NumPy.

References: Black and Rogaway 2002, "Ciphers with arbitrary finite domains" (generalised Feistel network). Hoang,
Morris, Rogaway 2012, "An enciphering scheme based on a card shuffle" (swap-or-not). Appleby 2011, MurmurHash3
(`fmix32`). Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators" (the golden gamma).
"""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

# Either np.ndarray or jax.Array: both wrap around in uint32.
Words = Any

ORDER_VERSION = 2
"""Changes whenever the same seed gives another order. A run records it and is resumed only in its own order."""
PASSES = 4  # with fewer, the orders of few images are not equally likely
LARGEST_COUNT = 2**31
GOLDEN_GAMMA = np.uint32(0x9E3779B9)


def mix(word: Words) -> Words:
    """Mixes uint32 words, one to one: every output bit depends on all input bits (MurmurHash3, fmix32)."""
    word = (word ^ (word >> 16)) * np.uint32(0x85EBCA6B)
    word = (word ^ (word >> 13)) * np.uint32(0xC2B2AE35)
    return word ^ (word >> 16)


def absorb(digest: Words, word: Words) -> Words:
    """Returns the hash of a sequence of uint32 words from that of all but the last, and the last."""
    return mix((digest + GOLDEN_GAMMA) ^ word)


def select(condition: Words, yes: Words, no: Words) -> Words:
    """Returns uint32 `yes` where the condition holds and `no` elsewhere, of NumPy or JAX arrays alike."""
    return no + (yes - no) * condition.astype(np.uint32)


def add_modulo(a: Words, b: Words, count: np.uint32) -> Words:
    """Returns (a + b) mod count of uint32 words; a is below `count`, b at most `count`, and `count` at most 2³¹."""
    total = a + b
    return total - count * (total >= count).astype(np.uint32)


def permute(position: Words, seed: Words, epoch: Words, count: int) -> Words:
    """Returns the index of the image at each position of its epoch.

    Args:
      position: uint32[n], in the epoch, below `count`.
      seed: uint32[] or uint32[1], of the data's order.
      epoch: uint32[n].
      count: number of images, at most 2³¹.
    Returns:
      uint32[n], below `count`: over all the positions of one epoch, a permutation.
    """
    width = np.uint32(math.isqrt(count))
    height, total = np.uint32(count) // width, np.uint32(count)
    key = absorb(mix(seed), epoch)
    for _ in range(PASSES):
        keys = [key := key + GOLDEN_GAMMA for _ in range(5)]

        row, column = position // width, position % width
        row = (row + absorb(keys[0], column) % height) % height
        column = (column + absorb(keys[1], row) % width) % width
        position = select(position < width * height, row * width + column, position)

        partner = add_modulo(mix(keys[2]) % total, total - position, total)
        larger = select(position > partner, position, partner)
        position = select(absorb(keys[3], larger) >> 31 == 1, partner, position)

        position = add_modulo(position, mix(keys[4]) % total, total)
    return position


def locate(step: Array, in_batch: Array, batch: int, count: int) -> tuple[Array, Array]:
    """Returns the quotient and the remainder of step · batch + position by the number of images, without overflow.

    The product needs 63 bits. The step's bits are weighted instead, each with the quotient and remainder of batch · 2ᵇ,
    and summed as numbers of two digits, the lower of which carries at `count`.

    Args:
      step: integer[], from 0 to 2³² - 1.
      in_batch: integer[n], positions in the batch, below `batch`.
      batch: images a step.
      count: number of images, at most 2³¹.
    Returns:
      (epoch, position in the epoch), both uint32[n]; the epoch modulo 2³².
    Raises:
      ValueError: if there are no images, or too many.
    """
    if not 0 < count <= LARGEST_COUNT:
        raise ValueError(f"{count} images cannot be ordered: between 1 and 2³¹ can")

    total = np.uint32(count)

    def add(a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
        position = a[1] + b[1]
        carry = (position >= total).astype(jnp.uint32)
        return a[0] + b[0] + carry, position - total * carry

    weights = [divmod(batch << bit, count) for bit in range(32)]
    epochs = np.array([epoch % 2**32 for epoch, _ in weights], np.uint32)
    positions = np.array([position for _, position in weights], np.uint32)
    bits = (jnp.asarray(step).astype(jnp.uint32) >> np.arange(32, dtype=np.uint32)) & np.uint32(1)
    start = lax.reduce((bits * epochs, bits * positions), (np.uint32(0), np.uint32(0)), add, (0,))
    in_batch = in_batch.astype(jnp.uint32)
    return add(start, (in_batch // total, in_batch % total))


def window(seed: int, first_step: int, steps: int, batch: int, count: int) -> np.ndarray:
    """Returns the images of several steps, computed on the host: the same as `locate` and `permute` give on a device.

    Args:
      seed: of the data's order, from 0 to 2³² - 1.
      first_step: of the `steps` ones.
      steps: how many.
      batch: images a step.
      count: number of images, at most 2³¹.
    Returns:
      int64[steps, batch], below `count`.
    """
    first_epoch, first_position = divmod(first_step * batch, count)
    epoch, position = np.divmod(first_position + np.arange(steps * batch, dtype=np.uint64), np.uint64(count))
    epoch = ((epoch + np.uint64(first_epoch % 2**32)) % 2**32).astype(np.uint32)
    index = permute(position.astype(np.uint32), np.array([seed], np.uint32), epoch, count)
    return index.astype(np.int64).reshape(steps, batch)
