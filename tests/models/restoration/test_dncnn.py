import jax
import numpy as np
import pytest

from jaxgen.models.restoration.dncnn import DnCNN

MIDDLE = 3 * 3 * 64 * 64


@pytest.mark.parametrize(("channels", "depth"), [(1, 17), (3, 20)])
def test_counts_and_shapes(describe, channels, depth):
    dncnn = describe(DnCNN(depth), (2, 41, 37, channels))
    first, last = 3 * 3 * channels * 64 + 64, 3 * 3 * 64 * channels + channels
    assert dncnn.parameters == first + (depth - 2) * (MIDDLE + 2 * 64) + last
    assert dncnn.output == (2, 41, 37, channels)


def test_the_papers_size(describe):
    # The published 555 k count batch norm folded into its convolution, as one bias for each channel.
    assert describe(DnCNN(), (1, 40, 40, 1)).parameters - 15 * 64 == 555_137
    assert describe(DnCNN(batch_norm=False), (1, 40, 40, 1)).parameters == 555_137


def test_the_noise_is_predicted(draw):
    network, images = DnCNN(4, 3), np.random.default_rng(0).uniform(size=(2, 9, 6, 1)).astype("float32")
    variables, call = draw(network, images.shape), jax.jit(network.apply, static_argnums=2)
    last = variables["params"]["last"]
    last["kernel"], last["bias"] = np.zeros_like(last["kernel"]), np.float32([0.25])
    np.testing.assert_allclose(call(variables, images, False), images - 0.25)


def test_rematerialization_changes_no_gradient(assert_remat_keeps_gradients):
    images = np.random.default_rng(0).uniform(size=(2, 9, 6, 1)).astype("float32")
    assert_remat_keeps_gradients(DnCNN(4, 3), images)
