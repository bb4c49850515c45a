"""Every restoration network takes any size and further input channels, and has finite gradients, also under jit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.models.restoration.crnn import CRNN
from jaxgen.models.restoration.dncnn import DnCNN
from jaxgen.models.restoration.encoder_decoder import EncoderDecoder
from jaxgen.models.restoration.ffdnet import FFDNet
from jaxgen.models.restoration.nafnet import NAFNet
from jaxgen.models.restoration.residual_unet import ResidualUNet
from jaxgen.models.restoration.rnn import RNN
from jaxgen.models.restoration.unet import UNet

NETWORKS = {
    "dncnn": DnCNN(3, 2),
    "dncnn without batch norm": DnCNN(3, 2, batch_norm=False),
    "ffdnet": FFDNet(3, 2),
    "unet": UNet((4, 4)),
    "residual unet": ResidualUNet((4, 4), 1),
    "nafnet": NAFNet(2, (1,), 0, (1,)),
    "crnn": CRNN(1, (2, 2), 0.0),
    "recurrent crnn": CRNN(2, (2, 2), 0.0),
    "rnn": RNN(2, 1),
    "gru": RNN(2, 1, "gru"),
    "encoder-decoder": EncoderDecoder(8, (2, 2), 3),
}
side = st.integers(1, 40)


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    return NETWORKS[request.param].clone(channels=1)


def inputs(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


@settings(deadline=None, max_examples=15, derandomize=True)
@given(
    name=st.sampled_from(list(NETWORKS)),
    height=side,
    width=side,
    channels=st.sampled_from([1, 3]),
    conditioning=st.integers(0, 2),
)
def test_any_size_and_any_conditioning(describe, name, height, width, channels, conditioning):
    network = NETWORKS[name].clone(channels=channels if conditioning else None)
    assert describe(network, (1, height, width, channels + conditioning)).output == (1, height, width, channels)


@pytest.fixture(scope="module")
def odd(network, draw):
    """An image of odd sides with a conditioning channel, the network's variables, and the compiled network."""
    images = inputs(1, 9, 7, 2)
    apply = jax.jit(lambda variables, images: network.apply(variables, images, False))
    return images, draw(network, images.shape), apply


def test_odd_sizes_are_computed_and_a_guide_changes_the_result(odd):
    images, variables, call = odd
    restored = call(variables, images)
    assert restored.shape == (1, 9, 7, 1)
    assert np.isfinite(restored).all()
    assert np.abs(restored - call(variables, images * np.float32([1, 0.5]))).max() > 0


def test_compiled_or_not_the_result_is_the_same(draw):
    images, network = inputs(1, 1, 7, 2), UNet((4, 4), channels=1)
    variables = draw(network, images.shape)
    compiled = jax.jit(network.apply, static_argnums=2)(variables, images, False)
    np.testing.assert_allclose(compiled, network.apply(variables, images, False), atol=1e-5)


def test_gradients_are_finite_and_reach_every_parameter_in_both_precisions(network, draw):
    images = inputs(2, 9, 6, 2)
    variables = draw(network, images.shape)

    def loss(params, network):
        restored, _ = network.apply(variables | {"params": params}, images, True, mutable=["batch_stats"])
        return ((restored - images[..., :1]) ** 2).mean()

    grad = jax.jit(
        lambda params: [jax.grad(loss)(params, network.clone(dtype=dtype)) for dtype in (None, jnp.bfloat16)]
    )
    for gradients in grad(variables["params"]):
        assert all(np.isfinite(leaf).all() and np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradients))
