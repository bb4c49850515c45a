import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from jaxgen.models.restoration.dehazer import Dehazer
from jaxgen.models.restoration.dncnn import DnCNN
from jaxgen.models.restoration.ffdnet import FFDNet
from jaxgen.nn.cost import activation_bytes_per_pixel, multiply_adds_per_pixel, parameters


class Wrapped(nn.Module):
    """Any function of the inputs."""

    function: object
    size_multiple = 1

    def __call__(self, inputs, train):
        return self.function(inputs)


def each(function, channels=3):
    return multiply_adds_per_pixel(Wrapped(function), channels)


def test_the_anchors():
    assert multiply_adds_per_pixel(DnCNN(), 1) == 9 * 64 + 15 * 9 * 64**2 + 9 * 64 == 554_112
    assert multiply_adds_per_pixel(FFDNet(channels=1), 2) == 121_104


def test_enlarging_a_small_image_to_a_thumbnail_is_no_cost_of_a_pixel():
    """The program enlarges the maps from 8 rows and columns and reduces the image to as many, by matrix products."""
    assert multiply_adds_per_pixel(Dehazer(widths=(4, 4), side=8), 3) == 78


def test_parameters_are_those_that_are_trained():
    variables = {"params": {"a": jnp.zeros((2, 3)), "b": {"c": jnp.zeros(4)}}, "batch_stats": {"mean": jnp.zeros(9)}}
    assert parameters(variables) == 10


def test_products_are_counted_wherever_they_are():
    w = jnp.ones((3, 5))
    product = lambda x: x @ w
    assert each(product) == 15
    assert each(jax.jit(product)) == 15
    assert each(jax.checkpoint(product)) == 15
    assert each(lambda x: jax.lax.cond(x.sum() > 0, product, lambda x: jnp.zeros((*x.shape[:3], 5)), x)) == 15
    assert each(lambda x: jax.lax.scan(lambda carry, _: (carry, product(x).sum()), 0, length=7)[1]) == 7 * 15


def test_groups_dilation_and_stride():
    conv = lambda **options: (
        lambda x: jax.lax.conv_general_dilated(x, padding="SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), **options)
    )
    ones = lambda *shape: jnp.ones(shape)
    assert each(conv(rhs=ones(3, 3, 4, 6), window_strides=(1, 1)), 4) == 9 * 4 * 6
    assert each(conv(rhs=ones(3, 3, 1, 4), window_strides=(1, 1), feature_group_count=4), 4) == 9 * 4
    assert each(conv(rhs=ones(2, 2, 4, 6), window_strides=(2, 2)), 4) == 4 * 4 * 6 / 4
    assert each(conv(rhs=ones(3, 3, 4, 6), window_strides=(1, 1), rhs_dilation=(2, 2)), 4) == 9 * 4 * 6


def test_what_is_done_once_for_an_image_is_not_counted():
    assert each(lambda x: x * (x.mean((1, 2), keepdims=True) @ jnp.ones((3, 3)))) == 0


def test_a_loop_of_unknown_length_is_refused():
    loop = lambda x: jax.lax.while_loop(lambda x: x.sum() > 0, lambda x: x @ jnp.ones((3, 3)), x)
    with pytest.raises(ValueError, match="loop of unknown length"):
        each(loop)


def test_the_widest_convolution_counts():
    # 64 channels in and out, of 4 bytes.
    assert activation_bytes_per_pixel(DnCNN(), 1) == 2 * 64 * 4
    # At half the size.
    assert activation_bytes_per_pixel(FFDNet(channels=1), 2) == 2 * 64 * 4 / 4
    assert activation_bytes_per_pixel(Wrapped(lambda inputs: 2 * inputs), 3) == 0
