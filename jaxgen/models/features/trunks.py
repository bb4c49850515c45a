"""The trunks of LPIPS: ImageNet classifiers without their last layers, which give activations at several depths.

They are torchvision's networks, with weights from a file. A trunk maps images float[batch, height, width, 1 or 3] in
[0, 1] to a tuple of maps float32[batch, height, width, channel].
Reference: Zhang, Isola, Efros, Shechtman, Wang 2018, section 3.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.models.features.inception import ConvRelu, join, max_pool
from jaxgen.models.features.vgg import VGG16, normalize

REMEDY = "give larger images"


class AlexNet(nn.Module):
    """The activations after each of AlexNet's five convolutions, which are called conv_1 to conv_5.

    Reference: Krizhevsky 2014, one tower.
    """

    channels = (64, 192, 384, 256, 256)
    min_side = 31

    @nn.compact
    def __call__(self, images: Array) -> tuple[Array, ...]:
        """Returns five maps, at a quarter, an eighth and three times a sixteenth of the size."""
        x = normalize(images, "AlexNet", self.min_side, REMEDY)
        x = jnp.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
        maps = [ConvRelu(64, (11, 11), 4, pad=False, name="conv_1")(x)]
        for number, (channels, side) in enumerate(((192, 5), (384, 3), (256, 3), (256, 3)), 2):
            x = max_pool(maps[-1]) if number <= 3 else maps[-1]
            maps.append(ConvRelu(channels, (side, side), name=f"conv_{number}")(x))
        return tuple(maps)


class Fire(nn.Module):
    """SqueezeNet's block: a 1×1 convolution, then 1×1 and 3×3 convolutions side by side.

    Attributes:
      squeezed: channels of the first one.
      expanded: channels of each of the other two.
    """

    squeezed: int
    expanded: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height, width, 2 · expanded]."""
        x = ConvRelu(self.squeezed, name="squeeze")(x)
        return join(*(ConvRelu(self.expanded, (k, k), name=f"expand{k}x{k}")(x) for k in (1, 3)))


class SqueezeNet(nn.Module):
    """Seven activations of SqueezeNet 1.1: after its first convolution, and after six of its blocks fire_1 to fire_8.

    Reference: Iandola et al. 2016, in the version 1.1 of the authors.
    """

    channels = (64, 128, 256, 384, 384, 512, 512)
    min_side = 17
    blocks = (((16, 64), (16, 64)), ((32, 128), (32, 128)), ((48, 192), (48, 192), (64, 256), (64, 256)))
    """(squeezed, expanded) channels of the blocks after each pooling."""

    @nn.compact
    def __call__(self, images: Array) -> tuple[Array, ...]:
        """Returns seven maps, at a half, a quarter, an eighth and four times a sixteenth of the size."""
        x = ConvRelu(64, (3, 3), 2, pad=False, name="conv_1")(normalize(images, "SqueezeNet", self.min_side, REMEDY))
        maps, number = [x], 0
        for group in self.blocks:
            x = max_pool_with_rest(x)
            outputs = []
            for squeezed, expanded in group:
                number += 1
                x = Fire(squeezed, expanded, name=f"fire_{number}")(x)
                outputs.append(x)
            # Of the last group each block is compared, of the others the last.
            maps += outputs if len(group) > 2 else outputs[-1:]
        return tuple(maps)


def max_pool_with_rest(x: Array) -> Array:
    """Applies 3×3 max pooling of stride 2, whose last window may extend beyond the image (PyTorch's ceil_mode)."""
    rest = [(side - 3) % 2 if side >= 3 else 3 - side for side in x.shape[1:3]]
    padding = ((0, 0), (0, rest[0]), (0, rest[1]), (0, 0))
    return max_pool(jnp.pad(x, padding, constant_values=-jnp.inf))


TRUNKS: dict[str, type[VGG16] | type[AlexNet] | type[SqueezeNet]] = {
    "VGG-16": VGG16,
    "AlexNet": AlexNet,
    "SqueezeNet": SqueezeNet,
}
"""The trunks by name."""
