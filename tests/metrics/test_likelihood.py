import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.metrics.likelihood import bits_per_dimension, importance_sampling

IMAGES = np.float32([-1.0, 0.3, 2.0])


def weights(samples):
    """p(z) = N(0, 1), p(x|z) = N(z, 1), and a q that is narrower and beside the posterior N(x/2, 1/2)."""
    normal = jax.scipy.stats.norm.logpdf

    def draw(key):
        codes = IMAGES / 2 + 0.1 + 0.6 * jax.random.normal(key, (samples, len(IMAGES)))
        return normal(codes) + normal(IMAGES, codes) - normal(codes, IMAGES / 2 + 0.1, 0.6)

    return draw


EXACT = jax.scipy.stats.norm.logpdf(IMAGES, 0, np.sqrt(2))


def test_it_is_the_likelihood_of_a_model_whose_likelihood_is_known():
    found = importance_sampling(weights(1000), jax.random.key(0), 50_000)
    np.testing.assert_allclose(found.log_likelihood, EXACT, atol=0.02)
    assert (found.bound < EXACT - 0.01).all()
    assert (found.effective < 50_000).all() and (found.effective > 5_000).all()


def test_all_chunks_count_alike():
    draw, key = weights(20), jax.random.key(1)
    found = importance_sampling(draw, key, 100)
    drawn = np.concatenate([draw(jax.random.fold_in(key, i)) for i in range(5)]).astype(np.float64)
    likely = np.exp(drawn)
    np.testing.assert_allclose(found.log_likelihood, np.log(likely.mean(0)), rtol=1e-4)
    np.testing.assert_allclose(found.effective, likely.sum(0) ** 2 / (likely**2).sum(0), rtol=1e-4)
    np.testing.assert_allclose(found.bound, drawn.mean(0), rtol=1e-4)


def test_of_the_last_chunk_no_more_than_is_asked_for_counts():
    draw, key = weights(20), jax.random.key(1)
    for count in (7, 97, 100):
        found = importance_sampling(draw, key, count)
        drawn = np.concatenate([draw(jax.random.fold_in(key, i)) for i in range(5)]).astype(np.float64)[:count]
        likely = np.exp(drawn)
        np.testing.assert_allclose(found.log_likelihood, np.log(likely.mean(0)), rtol=1e-4)
        np.testing.assert_allclose(found.effective, likely.sum(0) ** 2 / (likely**2).sum(0), rtol=1e-4)
        np.testing.assert_allclose(found.bound, drawn.mean(0), rtol=1e-4)


def test_memory_holds_one_chunk():
    jaxpr = jax.make_jaxpr(lambda key: importance_sampling(weights(20), key, 20_000))(jax.random.key(0))
    (scan,) = (equation for equation in jaxpr.jaxpr.eqns if equation.primitive.name == "scan")
    assert max(variable.aval.size for variable in scan.outvars) == len(IMAGES)


def test_weights_far_out_neither_overflow_nor_vanish():
    for shift in (-5000.0, 5000.0):
        found = importance_sampling(lambda key, shift=shift: shift + weights(10)(key), jax.random.key(0), 30)
        plain = importance_sampling(weights(10), jax.random.key(0), 30)
        np.testing.assert_allclose(found.log_likelihood - shift, plain.log_likelihood, atol=2e-3)
        np.testing.assert_allclose(found.effective, plain.effective, rtol=2e-2)


def test_equal_weights_are_all_effective():
    found = importance_sampling(lambda key: jnp.full((4, 2), -7.0), jax.random.key(0), 12)
    np.testing.assert_allclose(found.effective, 12, rtol=1e-5)
    np.testing.assert_allclose(found.log_likelihood, -7, rtol=1e-6)


def test_no_weight_is_refused():
    with pytest.raises(ValueError, match="0 weights: give at least 1"):
        importance_sampling(weights(2), jax.random.key(0), 0)


def test_a_uniform_distribution_takes_as_many_bits_as_its_levels():
    np.testing.assert_allclose(bits_per_dimension(784 * np.log(256), 784), 8)
    # A density of 1 on [0, 1] is a probability of 1/256 for each of 256 levels.
    np.testing.assert_allclose(bits_per_dimension(0.0, 784, 256), 8)
    with pytest.raises(ValueError, match="0 dimensions"):
        bits_per_dimension(1.0, 0)
