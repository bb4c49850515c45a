"""The sizes of images that the networks of an experiment take."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxgen.config.base import ANY_SIZE
from jaxgen.errors import UsageError
from jaxgen.nn.sizes import ANY_SQUARE
from jaxgen.runs.preflight import state_shapes

NOT_SQUARE = "data.size 48 64: .* square images; give one number, or train one .*denoise"


def build(load_experiment, name, size):
    """Returns the shapes of the state of an experiment for images of a size."""
    module = load_experiment(name)
    config = module.Config()
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, size=size))
    shape = (*config.data.frame, config.data.channels)
    image = jax.ShapeDtypeStruct((2, *shape), np.float32)
    objective = module.build(config, None)
    batch = {"image": image, "label": jax.ShapeDtypeStruct((2,), np.int32)}
    state = state_shapes(objective, batch)
    groups = jax.eval_shape(objective.visualize, state, batch)
    return shape, {group.shape[-3:] for group in groups.values()}


@pytest.mark.parametrize("size", [48, 96, 100])
@pytest.mark.parametrize("name", ANY_SQUARE)
def test_any_square(load_experiment, name, size):
    shape, made = build(load_experiment, name, size)
    assert made == {shape}


@pytest.mark.parametrize("name", ANY_SIZE)
def test_images_that_are_not_square(load_experiment, name):
    shape, made = build(load_experiment, name, (48, 64))
    assert made == {shape}


@pytest.mark.parametrize("name", ["gan_mlp", "dcgan", "conv_gan", "vae", "encoder_decoder"])
def test_networks_of_square_images_name_the_others(load_experiment, name):
    with pytest.raises(UsageError, match=NOT_SQUARE):
        build(load_experiment, name, (48, 64))


def test_sizes_that_do_not_halve_name_the_networks_that_take_them(load_experiment):
    with pytest.raises(UsageError, match=r"image size 96x96: dcgan .* or train gan_mlp, conv_gan, vae or conv_vae"):
        build(load_experiment, "dcgan", 96)
