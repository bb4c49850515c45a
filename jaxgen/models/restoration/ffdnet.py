"""FFDNet: a stack of 3×3 convolutions on the four subsampled images of an image and a noise level map.

Reference: Zhang, Zuo, Zhang 2018, section III.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import he_normal

from jaxgen.nn.layers import Conv, at_least_float32
from jaxgen.nn.network import Network
from jaxgen.nn.padding import crop, pad_to_multiple
from jaxgen.nn.pixel_shuffle import depth_to_space, space_to_depth

FACTOR = 2


class FFDNet(Network):
    """Denoises images of any height and width; the output is the image, not the noise.

    Attributes:
      depth: convolutions; the published weights have 15 for gray and 12 for colour.
      width: channels of every map; the published weights have 64 for gray and 96 for colour.
      channels: of the image, the first ones of the input; None: all, without a noise level map.
    """

    depth: int = 15
    width: int = 64
    channels: int | None = None

    size_multiple = property(lambda self: FACTOR)

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns denoised images.

        Args:
          inputs: float[batch, height, width, channels + 1]: noisy images in [0, 1], then the standard deviation of the
            noise on the same scale, which is averaged over 2×2 pixels.
          train: no effect: training and inference are the same.
        Returns:
          float[batch, height, width, channels].
        """
        channels = self.channels or inputs.shape[-1]
        # Published weights were trained and evaluated with edges repeated.
        padded = pad_to_multiple(inputs, FACTOR, "edge")
        batch, height, width = padded.shape[:3]
        levels = padded[..., channels:].reshape(batch, height // FACTOR, FACTOR, width // FACTOR, FACTOR, -1)
        x = jnp.concatenate([space_to_depth(padded[..., :channels], FACTOR), levels.mean((2, 4))], -1)
        for i in range(self.depth - 1):
            x = jax.nn.relu(Conv(self.width, kernel_init=he_normal(), name=f"conv_{i}", **self.dtypes)(x))
        x = Conv(channels * FACTOR**2, name=f"conv_{self.depth - 1}", **self.dtypes)(x)
        return crop(depth_to_space(at_least_float32(x), FACTOR), inputs.shape[1:3])
