"""Stacked-MNIST: three digits as red, green and blue, composed inside the step from one seed.

Only the gray digits are held, a third of what composed images would need. Each channel goes through all the digits once
an epoch, in a keyed permutation of its own: red in the order that the digits alone would have, green and blue in those
of seeds hashed from it. All 1000 classes are so equally likely but for the digits' own frequencies, and another epoch
makes other triples.

Reference: Metz et al. 2017, section 3.3.1 (1000 modes, read by a digit classifier channel by channel).
"""

import jax.numpy as jnp
from jax import Array

from jaxgen.data import order

DIGITS = 3
BASE = 10
CLASSES = BASE**DIGITS


def draw_indices(position: Array, seed: Array, epoch: Array, count: int, stack: int) -> list[Array]:
    """Returns, for each channel, the index of the digit at each position of its epoch.

    Args:
      position: uint32[n], in the epoch, below `count`.
      seed: uint32[], the data's.
      epoch: uint32[n].
      count: number of digits.
      stack: number of channels.
    Returns:
      uint32[n] for each channel; each is a permutation over the positions of an epoch.
    """
    seeds = [seed, *(order.absorb(order.mix(seed), jnp.uint32(channel)) for channel in range(1, stack))]
    return [order.permute(position, channel_seed, epoch, count) for channel_seed in seeds]


def compose(channels: list[dict[str, Array]]) -> dict[str, Array]:
    """Returns gray examples as the channels of one, its label their digits read as one number.

    Args:
      channels: {"image": uint8[n, h, w, 1], "label": int32[n] in [0, 10)} for each.
    Returns:
      {"image": uint8[n, h, w, c], "label": int32[n]}: 100 r + 10 g + b of three.
    """
    label = jnp.zeros_like(channels[0]["label"])
    for channel in channels:
        label = BASE * label + channel["label"]
    return {"image": jnp.concatenate([channel["image"] for channel in channels], -1), "label": label}
