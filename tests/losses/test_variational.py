from types import SimpleNamespace

import jax
import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.losses import variational

# Each function is compiled once for each shape: outside of a program every operation would be.
compiled = SimpleNamespace(
    **{
        name: jax.jit(getattr(variational, name))
        for name in (
            "bernoulli_nll",
            "discretised_logistic_nll",
            "free_bits",
            "gaussian_nll",
            "importance_weighted_bound",
            "kl_normal",
            "kl_standard_normal",
            "prior_log_ratio",
        )
    }
)
RNG = np.random.default_rng(0)
MEAN, LOG_VARIANCE, PRIOR_MEAN, PRIOR_LOG_VARIANCE = RNG.normal(size=(4, 3, 5)).astype(np.float32)


def log_density(z, mean, log_variance):
    return scipy.stats.norm.logpdf(z, mean, np.exp(log_variance / 2)).sum(-1)


def test_kl_by_hand():
    mean, log_variance = np.float32([[1.0, 0.0]]), np.log(np.float32([[1.0, 4.0]]))
    expected = 0.5 + (4 - 1 - np.log(4)) / 2
    np.testing.assert_allclose(compiled.kl_standard_normal(mean, log_variance), [expected], rtol=1e-6)


def test_kl_to_the_standard_normal_is_kl_to_mean_0_and_variance_1():
    zeros = np.zeros_like(MEAN)
    np.testing.assert_array_equal(
        compiled.kl_standard_normal(MEAN, LOG_VARIANCE), compiled.kl_normal(MEAN, LOG_VARIANCE, zeros, zeros)
    )


def test_kl_agrees_with_a_monte_carlo_estimate():
    q, p = (MEAN, LOG_VARIANCE), (PRIOR_MEAN, PRIOR_LOG_VARIANCE)
    z = q[0] + np.exp(q[1] / 2) * RNG.normal(size=(200_000, *MEAN.shape))
    ratios = log_density(z, *q) - log_density(z, *p)
    error = ratios.std(0) / np.sqrt(len(z))
    assert (np.abs(compiled.kl_normal(*q, *p) - ratios.mean(0)) < 5 * error).all()


def test_kl_vanishes_at_equality_with_its_leading_digits():
    np.testing.assert_array_equal(compiled.kl_normal(MEAN, LOG_VARIANCE, MEAN, LOG_VARIANCE), 0)
    near = np.full((1, 1), 1e-4, np.float32)
    np.testing.assert_allclose(compiled.kl_standard_normal(np.zeros_like(near), near), 1e-8 / 4, rtol=5e-3)


normals = st.lists(st.floats(-4, 4, width=32), min_size=3, max_size=3).map(lambda x: np.float32([x]))


@settings(deadline=None, max_examples=25)
@given(normals, normals, normals, normals)
def test_kl_is_never_negative(mean, log_variance, prior_mean, prior_log_variance):
    assert np.asarray(compiled.kl_normal(mean, log_variance, prior_mean, prior_log_variance)) >= 0


def test_a_prior_is_broadcast_to_the_posterior_and_never_the_reverse():
    expected = compiled.kl_normal(MEAN, LOG_VARIANCE, *np.broadcast_arrays(PRIOR_MEAN[0], MEAN)[:1], 0.5)
    np.testing.assert_array_equal(compiled.kl_normal(MEAN, LOG_VARIANCE, PRIOR_MEAN[0], 0.5), expected)
    with pytest.raises(ValueError, match="roadcast"):
        compiled.kl_normal(MEAN, LOG_VARIANCE, np.zeros((2, 3, 5), "f"), 0.0)


def test_bernoulli_nll_is_the_binary_cross_entropy_in_nats():
    logits, images = RNG.normal(size=(2, 4, 4, 1)).astype("f") * 5, RNG.uniform(size=(2, 4, 4, 1)).astype("f")
    p = scipy.special.expit(logits.astype(np.float64))
    expected = -(scipy.special.xlogy(images, p) + scipy.special.xlog1py(1 - images, -p)).sum((1, 2, 3))
    np.testing.assert_allclose(compiled.bernoulli_nll(logits, images), expected, rtol=1e-5)


def test_bernoulli_nll_far_out():
    logits, images = np.float32([[1e4], [-1e4], [1e4], [-1e4]]), np.float32([[1], [0], [0], [1]])
    np.testing.assert_array_equal(compiled.bernoulli_nll(logits, images), [0, 0, 1e4, 1e4])
    gradient = jax.jit(jax.grad(lambda x: variational.bernoulli_nll(x, images).sum()))(logits)
    np.testing.assert_array_equal(gradient, [[0], [0], [1], [-1]])


@pytest.mark.parametrize("scale", [0.1, np.float32([0.5, 2.0]), RNG.uniform(0.5, 2, (3, 4, 4, 2)).astype("f")])
def test_gaussian_nll_has_its_full_constant(scale):
    mean, images = RNG.uniform(size=(2, 3, 4, 4, 2)).astype("f")
    expected = -scipy.stats.norm.logpdf(images, mean, scale).sum((1, 2, 3))
    np.testing.assert_allclose(compiled.gaussian_nll(mean, images, scale), expected, rtol=1e-4)


def test_a_scale_that_does_not_fit_the_images_is_refused():
    with pytest.raises(ValueError, match="roadcast"):
        compiled.gaussian_nll(np.zeros((3, 4, 4, 2), "f"), np.zeros((3, 4, 4, 2), "f"), np.ones((3,), "f"))


log_weights = st.lists(st.floats(-80, 20, width=32), min_size=12, max_size=12).map(
    lambda x: np.float32(x).reshape(6, 2)
)


@settings(deadline=None, max_examples=25)
@given(log_weights)
def test_the_importance_weighted_bound_lies_between_mean_and_maximum(log_weights):
    """Never below the evidence lower bound on the same samples, by Jensen's inequality."""
    bound = np.asarray(compiled.importance_weighted_bound(log_weights))
    assert bound.shape == (2,)
    assert (bound >= log_weights.mean(0) - 1e-4).all() and (bound <= log_weights.max(0) + 1e-4).all()


def test_one_importance_sample_is_the_evidence_lower_bound():
    log_weights = RNG.normal(size=(1, 7)).astype("f")
    np.testing.assert_allclose(compiled.importance_weighted_bound(log_weights), log_weights[0], rtol=1e-6)


def test_the_importance_weighted_bound_rises_to_the_evidence():
    """z ~ N(0, 1), x | z ~ N(z, 1), so p(x) = N(0, 2), seen through q = N(0, 1)."""
    x, z = 1.0, np.random.default_rng(1).normal(size=(64, 20_000))
    log_weights = scipy.stats.norm.logpdf(x, z, 1).astype("f")
    bounds = [np.mean(compiled.importance_weighted_bound(log_weights[:k])) for k in (1, 4, 64)]
    evidence = scipy.stats.norm.logpdf(x, 0, np.sqrt(2))
    assert bounds[0] < bounds[1] < bounds[2] < evidence + 0.01
    assert bounds[2] == pytest.approx(evidence, abs=0.01)


def test_importance_weights_far_out_do_not_overflow():
    assert np.isfinite(compiled.importance_weighted_bound(np.float32([[-1e4], [1e4]]))).all()


def test_the_importance_weighted_bound_takes_the_transposed_ratios_of_prior_and_posterior():
    noise = RNG.normal(size=(len(MEAN), 2, MEAN.shape[1])).astype("f")
    ratio = compiled.prior_log_ratio(MEAN, LOG_VARIANCE, noise)
    expected = scipy.special.logsumexp(ratio, axis=1) - np.log(2)
    np.testing.assert_allclose(compiled.importance_weighted_bound(ratio.T), expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"log weights of shape \(3,\): give \[samples, batch\]"):
        compiled.importance_weighted_bound(ratio[:, 0])


def test_free_bits_of_none_are_the_divergence_and_of_many_their_own_number():
    mean, log_variance = MEAN, LOG_VARIANCE
    np.testing.assert_allclose(
        compiled.free_bits(mean, log_variance, 0.0), compiled.kl_standard_normal(mean, log_variance), rtol=1e-6
    )
    np.testing.assert_allclose(compiled.free_bits(mean, log_variance, 50.0), 50.0 * mean.shape[1])


def test_free_bits_count_latent_by_latent():
    # One at the prior, one a nat away from it: KL(N(√2, 1) ‖ N(0, 1)) = 1.
    found = compiled.free_bits(np.float32([[0, np.sqrt(2)]]), np.zeros((1, 2), "f"), 0.25)
    np.testing.assert_allclose(found, [1.25], rtol=1e-6)


def test_the_mean_ratio_of_prior_and_posterior_is_the_divergence_with_its_sign_turned():
    mean, log_variance = MEAN, LOG_VARIANCE / 2
    noise = RNG.normal(size=(len(mean), 100_000, mean.shape[1])).astype(np.float32)
    found = np.asarray(compiled.prior_log_ratio(mean, log_variance, noise))
    codes = mean[:, None] + np.exp(log_variance / 2)[:, None] * noise
    expected = log_density(codes, 0, 0 * codes) - log_density(codes, mean[:, None], log_variance[:, None])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    error = found.std(1) / np.sqrt(noise.shape[1])
    assert (abs(found.mean(1) + compiled.kl_standard_normal(mean, log_variance)) < 5 * error).all()


def test_noise_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"noise of shape \(3, 5\) for codes of shape \(3, 5\)"):
        compiled.prior_log_ratio(MEAN, LOG_VARIANCE, MEAN)


@pytest.mark.parametrize("log_scale", [-7.0, -3.0, 0.0, 1.0])
@pytest.mark.parametrize("mean", [-0.2, 0.0, 0.37, 1.0])
def test_the_masses_of_a_discretised_logistic_add_up_to_one_and_are_differences_of_its_distribution(mean, log_scale):
    levels = np.arange(256, dtype=np.float64)[:, None] / 255
    with jax.enable_x64(True):
        nll = compiled.discretised_logistic_nll(np.full_like(levels, mean), np.full_like(levels, log_scale), levels)
    np.testing.assert_allclose(np.exp(-np.asarray(nll)).sum(), 1, rtol=1e-9)
    edges = np.concatenate([[-np.inf], (np.arange(255) + 0.5) / 255, [np.inf]])
    expected = np.diff(scipy.stats.logistic.cdf(edges, mean, np.exp(log_scale)))
    seen = expected > 1e-12
    np.testing.assert_allclose(np.exp(-np.asarray(nll))[seen], expected[seen], rtol=1e-3)


def test_a_discretised_logistic_far_out_has_a_value_and_a_gradient(computed):
    images, means = np.float32([[0.0], [1.0], [0.5], [0.0], [1.0]]), np.float32([[1.0], [0.0], [30.0], [0.0], [1.0]])
    loss = lambda mean, scale: variational.discretised_logistic_nll(mean, scale, images).sum()
    value, gradients = computed(jax.value_and_grad(loss, (0, 1)), means, np.full_like(means, -7.0))
    assert np.isfinite(value) and all(np.isfinite(gradient).all() for gradient in gradients)
    assert gradients[0][0, 0] > 0 > gradients[0][1, 0]
