"""The order of images: every image once an epoch, at a cost that does not depend on how many there are.

A global position is step · batch + position in the batch. Its quotient by the number of images is the epoch, its
remainder the place in the epoch, and the image at that place is given by a keyed permutation, a Feistel network:
O(batch) integer operations, where shuffling would sort the whole set. A batch may cross the end of an epoch, or hold
several.

The network permutes a rectangle hardly larger than the set, so that few places fall outside (25 of 60 025 for 60 000
images); those are permuted again until they fall inside.

All of it is integer arithmetic modulo 2³²: the same bits on every backend, under every transformation, and in NumPy.

References: Black and Rogaway 2002, "Ciphers with arbitrary finite domains" (cycle walking, generalised Feistel
network). Appleby 2011, MurmurHash3 (`fmix32`). Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
generators" (the golden gamma).
"""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

# Either np.ndarray or jax.Array: both wrap around in uint32.
Words = Any

ROUNDS = 8  # with fewer, the orders of four images are not equally likely
LARGEST_COUNT = 2**30
GOLDEN_GAMMA = np.uint32(0x9E3779B9)


def mix(word: Words) -> Words:
    """Returns uint32 words whose every bit depends on all bits of those given, one to one (MurmurHash3, fmix32)."""
    word = (word ^ (word >> 16)) * np.uint32(0x85EBCA6B)
    word = (word ^ (word >> 13)) * np.uint32(0xC2B2AE35)
    return word ^ (word >> 16)


def absorb(digest: Words, word: Words) -> Words:
    """Returns the hash of a sequence of uint32 words from that of all but the last, and the last."""
    return mix((digest + GOLDEN_GAMMA) ^ word)


def permute(place: Words, seed: Words, epoch: Words, count: int) -> Words:
    """Returns one turn of the Feistel network, a permutation of the smallest rectangle that holds [0, count).

    Args:
      place: uint32[n], below the rectangle's area.
      seed: uint32[] or uint32[1].
      epoch: uint32[n].
      count: number of images.
    Returns:
      uint32[n], below the rectangle's area.
    """
    width = math.isqrt(count - 1) + 1
    height = -(-count // width)
    row, column = place // width, place % width
    key = absorb(mix(seed), epoch)
    for _ in range(ROUNDS // 2):
        row = (row + absorb(key, column) % height) % height
        column = (column + absorb(key + GOLDEN_GAMMA, row) % width) % width
        key = key + GOLDEN_GAMMA + GOLDEN_GAMMA
    return row * width + column


def indices(place: Array, seed: Array, epoch: Array, count: int) -> Array:
    """Returns the image at each place of its epoch.

    Args:
      place: uint32[n], below `count`.
      seed: uint32[], of the data's order.
      epoch: uint32[n].
      count: number of images, at most 2³⁰.
    Returns:
      uint32[n], below `count`: over all the places of one epoch, a permutation.
    Reference: Black and Rogaway 2002, cycle walking.
    """

    def walk(state: tuple[Array, Array]) -> tuple[Array, Array]:
        at, outside = state
        at = jnp.where(outside, permute(at, seed, epoch, count), at)
        return at, at >= count

    return lax.while_loop(lambda state: state[1].any(), walk, (place, jnp.full(place.shape, True)))[0]


def locate(step: Array, positions: Array, batch: int, count: int) -> tuple[Array, Array]:
    """Returns the quotient and the remainder of step · batch + position by the number of images, without overflow.

    The product needs 63 bits. The step's bits are weighted instead, each with the quotient and remainder of batch · 2ᵇ,
    and summed as numbers of two digits, the lower of which carries at `count`.

    Args:
      step: integer[], from 0 to 2³² - 1.
      positions: integer[n], places in the batch, below `batch`.
      batch: images a step.
      count: number of images, at most 2³⁰.
    Returns:
      (epoch, place), both uint32[n]; the epoch modulo 2³².
    """
    if not 0 < count <= LARGEST_COUNT:
        raise ValueError(f"{count} images cannot be ordered: between 1 and 2³⁰ can")

    def add(a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
        place = a[1] + b[1]
        carry = place >= count
        return a[0] + b[0] + carry.astype(jnp.uint32), jnp.where(carry, place - count, place)

    weights = [divmod(batch << bit, count) for bit in range(32)]
    epochs = np.array([epoch % 2**32 for epoch, _ in weights], np.uint32)
    places = np.array([place for _, place in weights], np.uint32)
    bits = (jnp.asarray(step).astype(jnp.uint32) >> np.arange(32, dtype=np.uint32)) & np.uint32(1)
    start = lax.reduce((bits * epochs, bits * places), (np.uint32(0), np.uint32(0)), add, (0,))
    positions = positions.astype(jnp.uint32)
    return add(start, (positions // count, positions % count))


def window(seed: int, first_step: int, steps: int, batch: int, count: int) -> np.ndarray:
    """Returns the images of several steps, computed on the host: the same as `locate` and `indices` give on a device.

    Args:
      seed: of the data's order, from 0 to 2³² - 1.
      first_step: the first step.
      steps: number of steps.
      batch: images a step.
      count: number of images, at most 2³⁰.
    Returns:
      int64[steps, batch], below `count`.
    """
    first = first_step * batch
    start_epoch, start_place = divmod(first, count)
    epoch, place = np.divmod(start_place + np.arange(steps * batch, dtype=np.uint64), np.uint64(count))
    epoch, place = ((epoch + np.uint64(start_epoch % 2**32)) % 2**32).astype(np.uint32), place.astype(np.uint32)
    key = np.array([seed], np.uint32)
    index = permute(place, key, epoch, count)
    while np.any(index >= count):
        index = np.where(index < count, index, permute(index, key, epoch, count))
    return index.astype(np.int64).reshape(steps, batch)
