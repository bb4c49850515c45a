from functools import partial

import jax
import numpy as np
import pytest


@pytest.fixture(scope="session")
def infer():
    """Returns a function that compiles a network and calls it outside of training, with NumPy arrays as its results."""

    def infer(network, variables, *inputs):
        images, *more = inputs
        call = jax.jit(lambda variables, images, *more: network.apply(variables, images, False, *more))
        return jax.device_get(call(variables, images, *more))

    return infer


@pytest.fixture(scope="session")
def assert_examples_are_apart(draw, infer):
    """Fails unless a logit of a discriminator of images[..., 1] depends on its own image only."""

    def check(discriminator, size, rtol):
        images = np.random.default_rng(0).normal(size=(3, size, size, 1)).astype("float32")
        others = images.copy()
        others[1:] = 3
        variables = draw(discriminator, images.shape)
        score, score_with_others = (infer(discriminator, variables, x)[0] for x in (images, others))
        np.testing.assert_allclose(score, score_with_others, rtol=rtol)

    return check


@pytest.fixture(scope="session")
def assert_remat_keeps_gradients(draw):
    """Fails unless a network with rematerialization has a program of its own and the same gradients."""

    def check(network, inputs):
        variables = draw(network, inputs.shape)

        def loss(params, network):
            stats = {name: value for name, value in variables.items() if name != "params"}
            output, stats = network.apply({"params": params} | stats, inputs, True, mutable=list(stats))
            return (output**2).sum(), stats

        plain, remat = (partial(loss, network=network.clone(remat=switch)) for switch in (False, True))
        results = [jax.jit(jax.grad(f, has_aux=True))(variables["params"]) for f in (plain, remat)]
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), *results)
        assert "remat" in str(jax.make_jaxpr(remat)(variables["params"]))
        assert "remat" not in str(jax.make_jaxpr(plain)(variables["params"]))

    return check
