import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.metrics import neighbours
from jaxgen.metrics.neighbours import density_coverage, precision_recall, smallest


def features(seed, n=60, m=45, dimensions=5, mean=0.0):
    rng = np.random.default_rng(seed)
    real, fake = rng.normal(size=(n, dimensions)), rng.normal(0.4, 0.7, size=(m, dimensions))
    return (mean + real).astype(np.float32), (mean + fake).astype(np.float32)


def distances(x, y):
    return np.sqrt(((x[:, None].astype(np.float64) - y[None]) ** 2).sum(-1))


def radii(x, k):
    return np.sort(distances(x, x), axis=1)[:, k]


def density_coverage_by_definition(real, fake, k):
    inside = distances(fake, real) < radii(real, k)
    return inside.sum() / k / len(fake), inside.any(0).mean()


@pytest.fixture(scope="module", autouse=True)
def small_chunks():
    """Splits the samples of these tests into several chunks."""
    programs = neighbours.compute_precision_recall, neighbours.compute_density_coverage
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "CHUNK", 16)
        for program in programs:
            program.clear_cache()
        yield
    for program in programs:
        program.clear_cache()


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("mean", [0.0, 1000.0])
def test_precision_and_recall_agree_with_torch_fidelity(torch_fidelity, k, mean):
    torch, metric = torch_fidelity("metric_prc")
    real, fake = features(k, mean=mean)
    theirs = metric.prc_features_to_metric(
        *(torch.tensor(x, dtype=torch.float64) for x in (fake, real)), prc_neighborhood=k, verbose=False
    )
    assert 0 < theirs["recall"] < 1
    expected = pytest.approx([theirs["precision"], theirs["recall"]], abs=1e-6)
    assert [float(x) for x in precision_recall(real, fake, k)] == expected
    compiled = jax.jit(precision_recall, static_argnames="neighbours")(real, fake, k)
    assert [float(x) for x in compiled] == expected


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize(("n", "m"), [(60, 45), (32, 48)])
def test_density_and_coverage_agree_with_their_definition(k, n, m):
    real, fake = features(10 + k, n, m)
    expected = pytest.approx(density_coverage_by_definition(real, fake, k), abs=1e-6)
    assert [float(x) for x in density_coverage(real, fake, k)] == expected
    compiled = jax.jit(density_coverage, static_argnames="neighbours")(real, fake, k)
    assert [float(x) for x in compiled] == expected


def test_a_large_mean_costs_no_precision():
    real, fake = (x.astype(np.float64) for x in features(20))
    for metrics in (precision_recall, density_coverage):
        values = [float(x) for x in metrics(real, fake)]
        assert [float(x) for x in metrics(real + 1e6, fake + 1e6)] == values


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 4]))
def test_precision_of_one_side_is_recall_of_the_other(seed, k):
    real, fake = features(seed, 20, 20)
    assert precision_recall(real, fake, k) == precision_recall(fake, real, k)[::-1]


def test_a_set_against_itself_has_the_best_values():
    real, _ = features(30)
    assert [float(x) for x in precision_recall(real, real)] == [1, 1]
    assert [float(x) for x in density_coverage(real, real)] == pytest.approx([1, 1])


def test_a_collapsed_generator_is_precise_and_covers_little():
    real, fake = features(31)
    fake = real[:1] + np.float32(1e-3) * np.random.default_rng(0).normal(size=fake.shape).astype(np.float32)
    precision, recall = precision_recall(real, fake)
    _, coverage = density_coverage(real, fake)
    assert precision == 1 and recall <= 1 / len(real) and coverage < 0.2


def test_distant_sets_have_the_worst_values():
    real, fake = features(32)
    assert [float(x) for x in precision_recall(real, fake + 100)] == [0, 0]
    assert [float(x) for x in density_coverage(real, fake + 100)] == [0, 0]


@pytest.mark.parametrize("metrics", [precision_recall, density_coverage])
def test_too_few_samples_and_no_neighbour_are_refused(metrics):
    real, fake = features(33)
    with pytest.raises(ValueError, match="4 fake samples: give at least 5"):
        metrics(real, fake[:4], 4)
    with pytest.raises(ValueError, match="the 0-th neighbour"):
        metrics(real, fake, 0)


@pytest.mark.parametrize("metrics", [precision_recall, density_coverage])
def test_nan_is_an_error_on_the_host_and_nan_in_a_compiled_program(metrics):
    real, fake = features(34)
    fake[7, 0] = np.nan
    with pytest.raises(ValueError, match="1 of 45 fake samples, the first is sample 7"):
        metrics(real, fake)
    assert np.isnan(jax.jit(metrics)(real, fake)).all()


compiled_smallest = jax.jit(smallest, static_argnums=1)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.sampled_from([1, 2, 6]), st.integers(2, 9))
def test_the_smallest_of_a_row_counts_ties(seed, rank, values):
    distances = np.random.default_rng(seed).integers(0, values, size=(5, 8)).astype(np.float32)
    distances[:, 0] = np.inf
    np.testing.assert_array_equal(compiled_smallest(distances, rank), np.sort(distances, 1)[:, rank - 1])
