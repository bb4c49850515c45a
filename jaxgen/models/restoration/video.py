"""A recurrent network over time: every frame of a clip is restored with information from the frames before it.

The state holds the network's features of the previous frame, at half the size, and that frame itself. It is warped to
the current frame by block matching: without motion compensation the recurrent network was worse than the same network
frame by frame.
Reference: Elman 1990, the cell, its products being convolutions as in Shi et al. 2015 (ConvLSTM); Jain and Jain 1981
(block matching).
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import he_normal, zeros

from jaxgen.models.restoration.residual_unet import ResidualBlock
from jaxgen.nn.layers import Conv, at_least_float32
from jaxgen.nn.network import Network
from jaxgen.nn.padding import crop, pad_to_multiple
from jaxgen.nn.pixel_shuffle import depth_to_space, space_to_depth

FACTOR = 2
SEARCH = 2
"""Largest motion between frames in pixels of the state, along each axis."""
BLOCK = 9
"""Side of the blocks that are compared, in pixels, odd."""
OUTSIDE = 10.0
"""Value outside of a frame in comparisons: further from any pixel than another pixel can be."""


def carry(state: Array, before: Array, now: Array) -> Array:
    """Returns a state warped from its frame to the next one by block matching.

    Args:
      state: float[batch, height, width, n].
      before: float[batch, height, width, c], the frame of the state.
      now: float[batch, height, width, c], the next one.
    Returns:
      float[batch, height, width, n]: for each pixel the state at the displacement, `SEARCH` pixels at most, whose block
      of `before` has the smallest squared difference from the pixel's block of `now`.
    """
    height, width = now.shape[1:3]
    padded = jnp.pad(before, ((0, 0), (SEARCH, SEARCH), (SEARCH, SEARCH), (0, 0)), constant_values=OUTSIDE)
    steps = range(2 * SEARCH + 1)
    distances = [((now - padded[:, i : i + height, j : j + width]) ** 2).sum(-1) for i in steps for j in steps]
    # Not divided by the pixels of a block at the border, which are the same for all displacements: XLA would count them
    # while it compiles, in minutes for a large frame.
    distances = nn.avg_pool(jnp.stack(distances, -1), (BLOCK, BLOCK), (1, 1), "SAME")
    down, right = jnp.divmod(distances.argmin(-1), len(steps))
    rows = jnp.clip(jnp.arange(height)[:, None] + down - SEARCH, 0, height - 1)
    columns = jnp.clip(jnp.arange(width) + right - SEARCH, 0, width - 1)
    return state[jnp.arange(len(state))[:, None, None], rows, columns]


class Frame(Network):
    """One frame: h_t = B(ReLU(W ∗ x_t + U ∗ carry(h_{t−1}, x_{t−1}))), with residual blocks B; output x_t + V ∗ h_t.

    Attributes:
      width: channels of the state in addition to the frame's.
      blocks: residual blocks.
    """

    width: int
    blocks: int

    @nn.compact
    def __call__(self, frame: Array, state: Array) -> tuple[Array, Array]:
        """Returns the restored frame, float[b, h, w, c] with even sides, and the state, float[b, h/2, w/2, width + 4c].

        Args:
          frame: float[b, h, w, c].
          state: float[b, h/2, w/2, width + 4c], after the previous frame.
        """
        fields: dict[str, Any] = {"kernel_init": he_normal()} | self.dtypes
        packed = space_to_depth(frame, FACTOR)
        inward = Conv(self.width, name="inward", **fields)(packed)
        carried = carry(state, state[..., self.width :], packed)
        x = jax.nn.relu(inward + Conv(self.width, use_bias=False, name="carried", **fields)(carried))
        for i in range(self.blocks):
            x = ResidualBlock(**self.dtypes, name=f"block_{i}")(x)
        state = jnp.concatenate([at_least_float32(x), packed], -1)
        x = Conv(frame.shape[-1] * FACTOR**2, kernel_init=zeros, name="tail", **self.dtypes)(x)
        return frame + depth_to_space(at_least_float32(x), FACTOR), state


class VideoRNN(Network):
    """Restores clips of any height, width and length.

    Attributes:
      width: channels of the state in addition to the frame's.
      blocks: residual blocks of each frame.
      carries: whether the state passes to the next frame; otherwise each frame is restored alone, from a zero state.
    """

    width: int = 48
    blocks: int = 4
    carries: bool = True

    @nn.compact
    def __call__(self, clips: Array, train: bool, state: Array | None = None) -> tuple[Array, Array]:
        """Returns restored clips, and the state from which they can be continued.

        Args:
          clips: float[batch, time, height, width, channel] in [0, 1].
          train: no effect: training and inference are the same.
          state: float[batch, ⌈height/2⌉, ⌈width/2⌉, width + 4 · channel] after the frame before the first one; None:
            zeros.
        Returns:
          (float[batch, time, height, width, channel], float[batch, ⌈height/2⌉, ⌈width/2⌉, width + 4 · channel]).
        """
        del train
        batch, _, height, width, channels = clips.shape
        shape = (batch, -(-height // FACTOR), -(-width // FACTOR), self.width + channels * FACTOR**2)
        zeros_state = jnp.zeros(shape, clips.dtype)
        state = zeros_state if state is None else state
        network = Frame(self.width, self.blocks, **self.dtypes, name="frame")
        restored = []
        # Unrolled: clips are short in training, and long ones are continued from the state.
        for frame in jnp.moveaxis(clips, 1, 0):
            output, next_state = network(pad_to_multiple(frame, FACTOR), state)
            restored.append(crop(output, (height, width)))
            state = next_state if self.carries else zeros_state
        return jnp.stack(restored, 1), state
