from types import SimpleNamespace
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.metrics import kernel
from jaxgen.metrics.kernel import cmmd, kid, kid_subsets, subset


def features(seed, count, dimensions=16):
    rng = np.random.default_rng(seed)
    return np.abs(rng.normal(1 + 0.1 * (seed % 2), 1, (count, dimensions))).astype(np.float32)


def by_definition(real, fake):
    of = lambda x, y: (x.astype(np.float64) @ y.T.astype(np.float64) / x.shape[1] + 1) ** 3
    between_two = lambda x: (of(x, x).sum() - np.trace(of(x, x))) / len(x) / (len(x) - 1)
    return between_two(real) + between_two(fake) - 2 * of(real, fake).mean()


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(kernel, "TILE", 8)
    jax.clear_caches()
    yield
    jax.clear_caches()


@pytest.mark.parametrize(("n", "m"), [(24, 30), (7, 17)])
def test_kid_is_the_mean_over_pairs_for_any_tiling(small_tiles, n, m):
    real, fake = features(0, n), features(1, m)
    expected = by_definition(real, fake)
    assert float(kid(real, fake)) == pytest.approx(expected, rel=1e-4)
    assert float(jax.jit(kid)(jnp.asarray(real), jnp.asarray(fake))) == pytest.approx(expected, rel=1e-4)


def cmmd_by_definition(real, fake, biased=False):
    """The paper's unbiased estimate in float64; biased: also over each sample and itself, as the authors' program."""
    real, fake = np.float64(real), np.float64(fake)
    of = lambda x, y: np.exp(-((x[:, None] - y) ** 2).sum(-1) / (2 * 10**2))
    within = lambda x: of(x, x).mean() if biased else (of(x, x).sum() - len(x)) / len(x) / (len(x) - 1)
    return 1000 * (within(real) + within(fake) - 2 * of(real, fake).mean())


@pytest.mark.parametrize(("n", "m"), [(24, 30), (7, 17)])
def test_cmmd_is_the_mean_over_pairs_for_any_tiling(small_tiles, n, m):
    # Of length one as CLIP's: all kernels are nearly 1, and their differences keep their digits.
    real, fake = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (features(0, n), features(1, m)))
    # A sample of zeros is no padding.
    real[3] = 0
    expected = cmmd_by_definition(real, fake)
    assert float(cmmd(real, fake)) == pytest.approx(expected, rel=1e-4)
    assert float(jax.jit(cmmd)(jnp.asarray(real), jnp.asarray(fake))) == pytest.approx(expected, rel=1e-4)


def test_the_biased_cmmd_of_the_authors_program_is_larger_by_what_the_docstring_says():
    real, fake = features(0, 20), features(1, 30)
    k = lambda x: (len(x) ** 2 * np.exp(-((x[:, None] - x) ** 2).sum(-1) / 200).mean() - len(x)) / len(x) / (len(x) - 1)
    excess = 1000 * ((1 - k(real)) / 20 + (1 - k(fake)) / 30)
    assert cmmd_by_definition(real, fake, biased=True) == pytest.approx(float(cmmd(real, fake)) + excess, rel=1e-3)


def test_it_agrees_with_torch_fidelity_over_all_samples(torch_fidelity):
    torch, metric = torch_fidelity("metric_kid")
    real, fake = features(2, 300), features(3, 300)
    theirs = metric.kid_features_to_metric(
        torch.tensor(fake, dtype=torch.float64),
        torch.tensor(real, dtype=torch.float64),
        kid_subsets=1,
        kid_subset_size=300,
        verbose=False,
    )
    assert float(kid(real, fake)) == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-3)


def test_it_agrees_with_torch_fidelity_over_the_same_subsets(torch_fidelity):
    torch, metric = torch_fidelity("metric_kid")
    real, fake, key = features(4, 60), features(5, 50), jax.random.key(1)
    keys = [half for one in jax.random.split(key, 7) for half in jax.random.split(one)]
    draws = iter([np.asarray(subset(one, count, 20)) for one, count in zip(keys, [60, 50] * 7, strict=True)])
    choice = SimpleNamespace(choice=lambda count, size, replace: next(draws))
    with mock.patch.object(metric.np.random, "RandomState", lambda seed: choice):
        theirs = metric.kid_features_to_metric(
            *(torch.tensor(x, dtype=torch.float64) for x in (real, fake)),
            kid_subsets=7,
            kid_subset_size=20,
            verbose=False,
        )
    mean, deviation = kid_subsets(key, real, fake, subsets=7, size=20)
    assert float(mean) == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-3)
    assert float(deviation) == pytest.approx(theirs["kernel_inception_distance_std"], rel=1e-3)


def test_a_subset_has_no_duplicates():
    drawn = np.asarray(subset(jax.random.key(0), 10, 10))
    assert sorted(drawn) == list(range(10))


def test_the_kernel_distance_of_two_halves_of_one_set_is_near_zero():
    halves = [float(kid(x[:40], x[40:])) for x in (features(2 * seed, 80) for seed in range(20))]
    assert abs(np.mean(halves)) < 2 * np.std(halves) / np.sqrt(20)
    assert min(halves) < 0 < max(halves)


def test_sets_that_are_too_small_are_refused():
    with pytest.raises(ValueError, match="1 fake samples: give at least 2"):
        kid(features(0, 5), features(1, 1))
    with pytest.raises(ValueError, match="5 real samples: give at least 6"):
        kid_subsets(jax.random.key(0), features(0, 5), features(1, 9), size=6)
    with pytest.raises(ValueError, match="0 subsets of 3 samples"):
        kid_subsets(jax.random.key(0), features(0, 5), features(1, 9), subsets=0, size=3)


def test_nan_is_an_error_on_the_host_and_nan_in_a_compiled_program():
    real, fake = features(0, 9), features(1, 9)
    real[2, 3] = np.nan
    with pytest.raises(ValueError, match="1 of 9 real samples, the first is sample 2"):
        kid(real, fake)
    assert np.isnan(jax.jit(kid)(real, fake))
