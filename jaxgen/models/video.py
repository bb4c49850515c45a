"""A recurrent network over time: every frame of a clip is restored with what the frames before it have shown.

The state is a map at half the size, carried from frame to frame by a convolution, which lets it follow what moves by a
few pixels. Without the carrying it is the same network, frame by frame, at the same cost.
Reference: Elman 1990, the cell, its products being convolutions as in Shi et al. 2015 (ConvLSTM).
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import he_normal, zeros
from jax.typing import DTypeLike

from jaxgen.models.layers import Conv, at_least_float32
from jaxgen.models.padding import crop, pad_to_multiple
from jaxgen.models.residual_unet import ResidualBlock
from jaxgen.models.shuffle import depth_to_space, space_to_depth

FACTOR = 2
CARRYING = 5


class Frame(nn.Module):
    """One frame: h_t = ReLU(W ∗ x_t + U ∗ h_{t−1} + b), then what is added to x_t is made of h_t by residual blocks.

    Attributes:
      width: channels of the state.
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
        """Returns the restored frame, float[b, h, w, c] with even sides, and the state, float[b, h/2, w/2, width]."""
        dtypes = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        fields = {"kernel_init": he_normal()} | dtypes
        seen = Conv(self.width, name="inward", **fields)(space_to_depth(frame, FACTOR))
        carried = Conv(self.width, CARRYING, use_bias=False, name="carried", **fields)(state)
        state = x = jax.nn.relu(seen + carried)
        for i in range(self.blocks):
            x = ResidualBlock(self.dtype, self.param_dtype, name=f"block_{i}")(x)
        x = Conv(frame.shape[-1] * FACTOR**2, kernel_init=zeros, name="tail", **dtypes)(x)
        return frame + depth_to_space(at_least_float32(x), FACTOR), state


class VideoRNN(nn.Module):
    """Restored clips, of any height, width and length.

    Attributes:
      width: channels of the state.
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
          state: float[batch, ⌈height/2⌉, ⌈width/2⌉, width] after the frame before the first one; None: there is none.
        Returns:
          (float[batch, time, height, width, channel], float[batch, ⌈height/2⌉, ⌈width/2⌉, width]).
        """
        del train
        batch, _, height, width, _ = clips.shape
        none = jnp.zeros((batch, -(-height // FACTOR), -(-width // FACTOR), self.width), clips.dtype)
        state = none if state is None else state
        once = Frame(self.width, self.blocks, self.dtype, self.param_dtype, name="frame")
        restored = []
        # Clips are short in training, and a long one goes on from the state: a loop inside the program gains nothing.
        for frame in jnp.moveaxis(clips, 1, 0):
            made, after = once(pad_to_multiple(frame, FACTOR), state)
            restored.append(crop(made, (height, width)))
            state = after if self.carries else none
        return jnp.stack(restored, 1), state
