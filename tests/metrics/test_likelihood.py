import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxgen.metrics.likelihood import bits_per_dimension, importance_sampling

IMAGES = np.float32([-1.0, 0.3, 2.0])


def weights(samples):
    """p(z) = N(0, 1), p(x|z) = N(z, 1), and a q that is narrower and beside the posterior N(x/2, 1/2)."""
    normal = jax.scipy.stats.norm.logpdf

    def draw(key):
        codes = IMAGES / 2 + 0.1 + 0.6 * jax.random.normal(key, (samples, len(IMAGES)))
        return normal(codes) + normal(IMAGES, codes) - normal(codes, IMAGES / 2 + 0.1, 0.6)

    return draw


EXACT = scipy.stats.norm.logpdf(IMAGES, 0, np.sqrt(2))


def estimate_from(draw, key, count):
    return jax.device_get(jax.jit(lambda key: importance_sampling(draw, key, count))(key))


def assert_is_of_all_weights(draw, key, count):
    """Fails unless the estimate is what the definition says of the first weights of all chunks."""
    estimate, compiled = estimate_from(draw, key, count), jax.jit(draw)
    chunks = [compiled(jax.random.fold_in(key, i)) for i in range(5)]
    log_weights = np.concatenate(chunks).astype(np.float64)[:count]
    weights_drawn = np.exp(log_weights)
    np.testing.assert_allclose(estimate.log_likelihood, np.log(weights_drawn.mean(0)), rtol=1e-4)
    np.testing.assert_allclose(estimate.effective, weights_drawn.sum(0) ** 2 / (weights_drawn**2).sum(0), rtol=1e-4)
    np.testing.assert_allclose(estimate.bound, log_weights.mean(0), rtol=1e-4)


def test_the_estimate_agrees_with_a_known_likelihood():
    estimate = estimate_from(weights(1000), jax.random.key(0), 50_000)
    np.testing.assert_allclose(estimate.log_likelihood, EXACT, atol=0.02)
    assert (estimate.bound < EXACT - 0.01).all()
    assert (estimate.effective < 50_000).all() and (estimate.effective > 5_000).all()


def test_chunks_have_equal_weight():
    assert_is_of_all_weights(weights(20), jax.random.key(1), 100)


def test_surplus_weights_of_the_last_chunk_are_ignored():
    for count in (7, 97):
        assert_is_of_all_weights(weights(20), jax.random.key(1), count)


def test_one_chunk_is_in_memory_at_a_time():
    jaxpr = jax.make_jaxpr(lambda key: importance_sampling(weights(20), key, 20_000))(jax.random.key(0))
    (scan,) = (equation for equation in jaxpr.jaxpr.eqns if equation.primitive.name == "scan")
    assert max(variable.aval.size for variable in scan.outvars) == len(IMAGES)


def test_extreme_weights_neither_overflow_nor_underflow():
    reference = estimate_from(weights(10), jax.random.key(0), 30)
    for shift in (-5000.0, 5000.0):
        estimate = estimate_from(lambda key, shift=shift: shift + weights(10)(key), jax.random.key(0), 30)
        np.testing.assert_allclose(estimate.log_likelihood - shift, reference.log_likelihood, atol=2e-3)
        np.testing.assert_allclose(estimate.effective, reference.effective, rtol=2e-2)


def test_equal_weights_have_the_full_effective_sample_size():
    estimate = estimate_from(lambda key: jnp.full((4, 2), -7.0), jax.random.key(0), 12)
    np.testing.assert_allclose(estimate.effective, 12, rtol=1e-5)
    np.testing.assert_allclose(estimate.log_likelihood, -7, rtol=1e-6)


def test_zero_weights_are_refused():
    with pytest.raises(ValueError, match="0 weights: give at least 1"):
        importance_sampling(weights(2), jax.random.key(0), 0)


def test_a_uniform_distribution_has_the_bits_of_its_levels():
    np.testing.assert_allclose(bits_per_dimension(784 * np.log(256), 784), 8)
    # A density of 1 on [0, 1] is a probability of 1/256 for each of 256 levels.
    np.testing.assert_allclose(bits_per_dimension(0.0, 784, 256), 8)
    with pytest.raises(ValueError, match="0 dimensions"):
        bits_per_dimension(1.0, 0)
