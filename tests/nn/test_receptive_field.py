import flax.linen as nn
import jax.numpy as jnp
import pytest

from jaxgen.models.restoration.dncnn import DnCNN
from jaxgen.models.restoration.ffdnet import FFDNet
from jaxgen.models.restoration.nafnet import NAFNet
from jaxgen.models.restoration.residual_unet import ResidualUNet
from jaxgen.models.restoration.unet import UNet
from jaxgen.nn.convolution import conv
from jaxgen.nn.layers import Conv
from jaxgen.nn.receptive_field import receptive_field_radius


class Single(nn.Module):
    """One convolution that looks only to the right, by as many pixels as asked."""

    pixels: int
    dtype: object = None
    param_dtype: object = jnp.float32
    size_multiple = 1

    @nn.compact
    def __call__(self, inputs, train):
        ahead = ((0, 0), (0, self.pixels))
        kernel = self.param(
            "kernel", nn.initializers.zeros, (1, self.pixels + 1, inputs.shape[-1], 1), self.param_dtype
        )
        return conv(inputs.astype(kernel.dtype), kernel, 1, ahead)


# Convolutions times the pixels between their taps; then the places in a block of the network's stride.
CASES = {
    "one direction": (Single(5), 1, 5),
    "dncnn": (DnCNN(17, 1), 1, 17),
    "a wide dncnn, for which a cpu has another algorithm": (DnCNN(3, 32), 1, 3),
    "ffdnet": (FFDNet(15, 1, channels=1), 2, 15 * 2 + 1),
    "unet": (UNet((1, 1)), 1, (2 + 2) * 1 + 2 * 2 + 1),
    "deeper unet": (UNet((1, 1, 1)), 1, (2 + 2) * 1 + (2 + 2) * 2 + 2 * 4 + 3),
    "residual unet": (ResidualUNet((1, 1), 1), 1, (2 + 2 + 2) * 2 + 2 * 4 + 3),
    "residual unet as measured": (ResidualUNet((1, 1, 1)), 1, (2 + 8) * 2 + 8 * 4 + 4 * 8 + 7),
    "an average over the image": (NAFNet(1, (1,), 1, (1,)), 1, None),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_radius_is_what_is_computed_by_hand(case):
    network, channels, pixels = case
    assert receptive_field_radius(network, channels) == pixels


def test_a_single_convolution():
    class Plain(nn.Module):
        dtype: object = None
        param_dtype: object = jnp.float32
        size_multiple = 1

        @nn.compact
        def __call__(self, inputs, train):
            return Conv(2, dtype=self.dtype, param_dtype=self.param_dtype)(inputs)

    assert receptive_field_radius(Plain(), 3) == 1
