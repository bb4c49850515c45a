import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jaxgen.metrics.frechet import fid, frechet_distance

FEATURES = 6


def moments(seed, rank=FEATURES):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(FEATURES, rank))
    return rng.normal(size=FEATURES), factor @ factor.T


def by_matrix_root(mean_a, cov_a, mean_b, cov_b):
    root = scipy.linalg.sqrtm(cov_a @ cov_b).real
    return ((mean_a - mean_b) ** 2).sum() + np.trace(cov_a + cov_b - 2 * root)


seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=25)
@given(seeds, seeds)
def test_agrees_with_the_matrix_root(a, b):
    # SciPy's root of a covariance's square is off by some 1e-7; the distance to itself is tested below.
    assume(a != b)
    moments_ab = (*moments(a), *moments(b))
    assert frechet_distance(*moments_ab) == pytest.approx(by_matrix_root(*moments_ab), rel=1e-8, abs=1e-8)


def test_agrees_with_the_matrix_root_of_one_singular_covariance():
    moments_ab = (*moments(0, rank=2), *moments(1))
    assert frechet_distance(*moments_ab) == pytest.approx(by_matrix_root(*moments_ab), rel=1e-5)


def test_commuting_covariances_have_a_closed_form_also_if_singular():
    axes, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(FEATURES, FEATURES)))
    a, b, zero = np.array([4.0, 1, 0, 0, 9, 0]), np.array([1.0, 1, 0, 4, 0, 0]), np.zeros(FEATURES)
    expected = ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    moments_ab = zero, axes * a @ axes.T, zero, axes * b @ axes.T
    assert frechet_distance(*moments_ab) == pytest.approx(expected, rel=1e-7)
    assert float(frechet_distance(*map(jnp.float32, moments_ab))) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("rank", [1, 3, FEATURES])
def test_the_distance_of_a_distribution_to_itself_is_zero(rank):
    mean, covariance = moments(2, rank)
    assert 0 <= frechet_distance(mean, covariance, mean, covariance) < 1e-12
    mean, covariance = jnp.float32(mean), jnp.float32(covariance)
    assert 0 <= frechet_distance(mean, covariance, mean, covariance) < 1e-4


def test_the_distance_of_a_shift_is_its_square():
    mean, covariance = moments(3)
    shift = np.arange(FEATURES)
    assert frechet_distance(mean, covariance, mean + shift, covariance) == pytest.approx(55, rel=1e-12)


@settings(deadline=None, max_examples=10)
@given(seeds, seeds)
def test_it_is_symmetric_and_never_negative(a, b):
    there, back = frechet_distance(*moments(a), *moments(b)), frechet_distance(*moments(b), *moments(a))
    assert there >= 0 and there == pytest.approx(back, rel=1e-9)


def test_numpy_arrays_are_computed_in_float64_on_the_host():
    moments_ab = [x.astype(np.float32) for x in (*moments(4), *moments(5))]
    distance = frechet_distance(*moments_ab)
    assert isinstance(distance, np.float64)
    assert distance == pytest.approx(by_matrix_root(*(x.astype(np.float64) for x in moments_ab)), rel=1e-9)


def test_jax_arrays_are_computed_on_the_device_and_can_be_compiled():
    moments_ab = (*moments(4), *moments(5))
    compiled = jax.jit(frechet_distance)(*map(jnp.float32, moments_ab))
    assert compiled.dtype == jnp.float32
    assert float(compiled) == pytest.approx(frechet_distance(*moments_ab), rel=1e-4)


@pytest.mark.parametrize(
    ("mean_a", "cov_a", "mean_b", "cov_b"),
    [
        ((3,), (3, 3), (4,), (4, 4)),
        ((3,), (3,), (3,), (3, 3)),
        ((2, 3), (3, 3), (3,), (3, 3)),
        ((), (), (), ()),
    ],
)
def test_shapes_that_do_not_fit_are_refused(mean_a, cov_a, mean_b, cov_b):
    with pytest.raises(ValueError, match="with the same number of features"):
        frechet_distance(*map(np.zeros, (mean_a, cov_a, mean_b, cov_b)))


def features(seed, count=80, dimensions=FEATURES, mean=0.0):
    rng = np.random.default_rng(seed)
    return mean + rng.normal(size=(count, dimensions)) @ rng.normal(size=(dimensions, dimensions))


@pytest.mark.parametrize("mean", [0.0, 300.0])
def test_fid_agrees_with_torch_fidelity(torch_fidelity, mean):
    torch, metric = torch_fidelity("metric_fid")
    sets = features(0, 200, 32, mean), features(1, 150, 32, mean)
    theirs = metric.fid_statistics_to_metric(
        *(metric.fid_features_to_statistics(torch.tensor(x)) for x in sets), verbose=False
    )["frechet_inception_distance"]
    assert fid(*sets) == pytest.approx(theirs, rel=1e-8)
    compiled = jax.jit(fid)(*map(jnp.float32, sets))
    assert compiled.dtype == jnp.float32
    assert float(compiled) == pytest.approx(theirs, rel=1e-3)


def test_fid_of_numpy_arrays_is_computed_in_float64():
    single = features(2).astype(np.float32), features(3).astype(np.float32)
    assert isinstance(fid(*single), np.float64)
    assert fid(*single) == pytest.approx(fid(*(x.astype(np.float64) for x in single)), rel=1e-12)


@settings(deadline=None, max_examples=20)
@given(seeds, st.floats(-10, 10), st.floats(0.1, 10))
def test_fid_ignores_a_shift_and_follows_a_scale(seed, shift, scale):
    real, fake = features(seed, 30), features(seed + 1, 40)
    expected = fid(real, fake)
    assert fid(scale * real + shift, scale * fake + shift) == pytest.approx(scale**2 * expected, rel=1e-7)


def test_no_more_samples_than_features_are_refused_unless_allowed():
    few, many = features(4, FEATURES), features(5, FEATURES + 1)
    for pair in ((few, many), (many, few)):
        with pytest.raises(ValueError, match=r"6 samples of 6 features.*at least 7 samples"):
            fid(*pair)
        assert np.isfinite(fid(*pair, allow_few=True))
    assert np.isfinite(fid(many, many[::-1]))
    with pytest.raises(ValueError, match="1 real samples: give at least 2"):
        fid(few[:1], many, allow_few=True)


def test_fid_of_nan_is_an_error_on_the_host_and_nan_in_a_compiled_program():
    real, fake = features(6), features(7)
    fake[3, 1] = np.nan
    with pytest.raises(ValueError, match="1 of 80 fake samples, the first is sample 3"):
        fid(real, fake)
    assert np.isnan(jax.jit(fid)(real, fake))
