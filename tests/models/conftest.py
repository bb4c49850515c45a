import jax
import pytest


@pytest.fixture(scope="session")
def infer():
    """Returns a function that compiles a network and calls it outside of training, with NumPy arrays as its results."""

    def infer(network, variables, *inputs):
        images, *more = inputs
        call = jax.jit(lambda variables, images, *more: network.apply(variables, images, False, *more))
        return jax.device_get(call(variables, images, *more))

    return infer
