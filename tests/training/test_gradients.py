import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.training.gradients import clip_by_norm, descend, gradient

IMAGES = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
PARAMS = {"w": jnp.array([1.0, -2.0, 0.5])}


def loss(params, images):
    value = ((images @ params["w"]) ** 2).mean()
    return value, {"loss": value}


@pytest.mark.parametrize("microbatches", [2, 3, 4])
def test_microbatches_give_the_gradient_of_the_whole_batch(microbatches):
    whole, parts = gradient(loss, PARAMS, IMAGES), gradient(loss, PARAMS, IMAGES, microbatches)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), whole, parts)


def test_microbatches_hold_one_part_in_memory():
    tower = lambda p, x: (jnp.tanh(jnp.tanh(jnp.tanh(x @ p) @ p) @ p).mean(), None)
    params, images = jnp.ones((32, 32)), jnp.ones((4096, 32))
    whole, parts = (
        jax.jit(lambda p, x, m=m: gradient(tower, p, x, m)).lower(params, images).compile().memory_analysis()
        for m in (1, 16)
    )
    assert parts.temp_size_in_bytes < whole.temp_size_in_bytes / 4


def test_descend_is_gradient_descent():
    new = descend(loss, PARAMS, optax.sgd(0.1).init(PARAMS), optax.sgd(0.1), IMAGES)
    by_hand = 2 * IMAGES.T @ (IMAGES @ np.asarray(PARAMS["w"])) / len(IMAGES)
    np.testing.assert_allclose(new.params["w"], PARAMS["w"] - 0.1 * by_hand, rtol=1e-5)
    np.testing.assert_allclose(new.gradient_norm, np.linalg.norm(by_hand), rtol=1e-5)


@pytest.mark.parametrize(("limit", "norm"), [(0.0, 5.0), (1.0, 1.0), (10.0, 5.0)])
def test_clipping_bounds_the_norm_and_zero_leaves_it(limit, norm):
    tree = {"a": jnp.array([3.0]), "b": jnp.array([4.0])}
    clipped = clip_by_norm(tree, jnp.float32(5.0), jnp.float32(limit))
    np.testing.assert_allclose(optax.tree.norm(clipped), norm, rtol=1e-6)
