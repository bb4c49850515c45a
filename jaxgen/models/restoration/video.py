"""A recurrent network over time: every frame of a clip is restored with what the frames before it have shown.

The state is what the network has made of the frame before, at half the size, and that frame itself. It is carried to
where the same thing is seen now, by block matching: convolutions that had to find out what moved by themselves were
worse than the same network frame by frame.
Reference: Elman 1990, the cell, its products being convolutions as in Shi et al. 2015 (ConvLSTM); Jain and Jain 1981
(block matching).
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import he_normal, zeros
from jax.typing import DTypeLike

from jaxgen.models.restoration.residual_unet import ResidualBlock
from jaxgen.nn.layers import Conv, at_least_float32
from jaxgen.nn.padding import crop, pad_to_multiple
from jaxgen.nn.pixel_shuffle import depth_to_space, space_to_depth

FACTOR = 2
REACH = 2
"""Pixels of the state that things may move from frame to frame, across and along."""
BLOCK = 9
"""Pixels, odd, that are compared around each."""
FAR = 10.0
"""What lies outside of a frame, for comparison: more than any pixel differs."""


def carry(state: Array, before: Array, now: Array) -> Array:
    """Returns a state moved to where the frame that it is of is seen in the next one.

    Args:
      state: float[batch, height, width, n].
      before: float[batch, height, width, c], the frame that it is of.
      now: float[batch, height, width, c], the next one.
    Returns:
      float[batch, height, width, n]: of each pixel the state at most `REACH` away around which `before` is nearest, in
      mean square, to what is around the pixel now.
    """
    height, width = now.shape[1:3]
    around = jnp.pad(before, ((0, 0), (REACH, REACH), (REACH, REACH), (0, 0)), constant_values=FAR)
    steps = range(2 * REACH + 1)
    apart = [((now - around[:, i : i + height, j : j + width]) ** 2).sum(-1) for i in steps for j in steps]
    apart = nn.avg_pool(jnp.stack(apart, -1), (BLOCK, BLOCK), (1, 1), "SAME", count_include_pad=False)
    down, right = jnp.divmod(apart.argmin(-1), len(steps))
    rows = jnp.clip(jnp.arange(height)[:, None] + down - REACH, 0, height - 1)
    columns = jnp.clip(jnp.arange(width) + right - REACH, 0, width - 1)
    return state[jnp.arange(len(state))[:, None, None], rows, columns]


class Frame(nn.Module):
    """One frame: h_t = B(ReLU(W ∗ x_t + U ∗ carry(h_{t−1}, x_{t−1}))), then what is added to x_t is made of h_t.

    B are residual blocks.

    Attributes:
      width: channels of the state, beside the frame's.
      blocks: residual blocks.
      dtype: of the computation; None promotes.
      param_dtype: of the parameters.
    """

    width: int
    blocks: int
    dtype: DTypeLike | None
    param_dtype: DTypeLike

    @nn.compact
    def __call__(self, frame: Array, state: Array) -> tuple[Array, Array]:
        """Returns the restored frame, float[b, h, w, c] with even sides, and the state, float[b, h/2, w/2, width + 4c].

        Args:
          frame: float[b, h, w, c].
          state: float[b, h/2, w/2, width + 4c], after the frame before.
        """
        dtypes = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        fields = {"kernel_init": he_normal()} | dtypes
        packed = space_to_depth(frame, FACTOR)
        seen = Conv(self.width, name="inward", **fields)(packed)
        found = carry(state, state[..., self.width :], packed)
        x = jax.nn.relu(seen + Conv(self.width, use_bias=False, name="carried", **fields)(found))
        for i in range(self.blocks):
            x = ResidualBlock(self.dtype, self.param_dtype, name=f"block_{i}")(x)
        state = jnp.concatenate([at_least_float32(x), packed], -1)
        x = Conv(frame.shape[-1] * FACTOR**2, kernel_init=zeros, name="tail", **dtypes)(x)
        return frame + depth_to_space(at_least_float32(x), FACTOR), state


class VideoRNN(nn.Module):
    """Restored clips, of any height, width and length.

    Attributes:
      width: channels of the state, beside the frame's.
      blocks: residual blocks of each frame.
      carries: whether a frame sees the state of the one before; else zeros, frame by frame.
      dtype: of the computation; None promotes.
      param_dtype: of the parameters.
    """

    width: int = 48
    blocks: int = 4
    carries: bool = True
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, clips: Array, train: bool, state: Array | None = None) -> tuple[Array, Array]:
        """Returns restored clips, and the state with which a further part of them goes on.

        Args:
          clips: float[batch, time, height, width, channel] in [0, 1].
          train: without effect: training and inference are the same.
          state: float[batch, ⌈height/2⌉, ⌈width/2⌉, width + 4 · channel] after the frame before the first one; None:
            there is none.
        Returns:
          (float[batch, time, height, width, channel], float[batch, ⌈height/2⌉, ⌈width/2⌉, width + 4 · channel]).
        """
        del train
        batch, _, height, width, channels = clips.shape
        shape = (batch, -(-height // FACTOR), -(-width // FACTOR), self.width + channels * FACTOR**2)
        none = jnp.zeros(shape, clips.dtype)
        state = none if state is None else state
        once = Frame(self.width, self.blocks, self.dtype, self.param_dtype, name="frame")
        restored = []
        # Clips are short in training, and a long one goes on from the state: a loop inside the program gains nothing.
        for frame in jnp.moveaxis(clips, 1, 0):
            made, after = once(pad_to_multiple(frame, FACTOR), state)
            restored.append(crop(made, (height, width)))
            state = after if self.carries else none
        return jnp.stack(restored, 1), state
