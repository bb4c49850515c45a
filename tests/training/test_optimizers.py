import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.errors import UsageError
from jaxgen.training.optimizers import OPTIMIZERS, hyper_arrays, resolve_optimizer

HYPER = {"learning_rate": 0.03, "b1": 0.7, "b2": 0.95, "weight_decay": 0.1}
OPTAX = {
    "adam": optax.adam(0.03, b1=0.7, b2=0.95),
    "adamw": optax.adamw(0.03, b1=0.7, b2=0.95, weight_decay=0.1),
    "lion": optax.lion(0.03, b1=0.7, b2=0.95, weight_decay=0.1),
    "muon": optax.contrib.muon(0.03, beta=0.7, weight_decay=0.1, adam_b1=0.7, adam_b2=0.95, adam_weight_decay=0.1),
    "rmsprop": optax.rmsprop(0.03, decay=0.95),
    "sgd": optax.sgd(0.03, momentum=0.7),
}
PARAMS = {
    "kernel": jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)), jnp.float32),
    "bias": jnp.arange(3.0),
    "filters": jnp.asarray(np.random.default_rng(1).normal(size=(2, 2, 3, 2)), jnp.float32),
}


def descend(make, hyper):
    """Parameters after three steps down a quartic, the optimizer being built anew from traced numbers in each."""

    @jax.jit
    def run(hyper):
        def step(carry, _):
            params, state = carry
            slopes = jax.grad(lambda p: sum(((x - 1) ** 4).sum() for x in jax.tree.leaves(p)))(params)
            updates, state = make(hyper).update(slopes, state, params)
            return (optax.apply_updates(params, updates), state), None

        return jax.lax.scan(step, (PARAMS, make(hyper).init(PARAMS)), length=3)[0][0]

    return run(hyper_arrays(hyper))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_is_optaxs_own(name):
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    jax.tree.map(close, descend(OPTIMIZERS[name], HYPER), descend(lambda hyper: OPTAX[name], HYPER))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_hyperparameters_that_are_listed_are_those_that_are_read(name):
    read = set()

    class Recorded(dict):
        def __getitem__(self, key):
            read.add(key)
            return super().__getitem__(key)

    OPTIMIZERS[name](Recorded(HYPER))
    assert read == set(OPTIMIZERS[name].hyper)


def test_a_function_is_taken_as_it_is_and_an_unknown_name_refused():
    mine = lambda hyper: optax.sgd(hyper["learning_rate"])
    assert resolve_optimizer(mine) is mine
    assert resolve_optimizer("adam") is OPTIMIZERS["adam"]
    with pytest.raises(UsageError, match="unknown optimizer 'adm': did you mean adam"):
        resolve_optimizer("adm")
