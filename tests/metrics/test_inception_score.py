import jax
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.metrics.inception_score import inception_score

compiled = jax.jit(inception_score, static_argnums=1)


def logits(seed, count, classes):
    return np.random.default_rng(seed).normal(0, 3, (count, classes))


@pytest.mark.parametrize(("count", "splits"), [(100, 10), (103, 10), (7, 1)])
def test_it_agrees_with_torch_fidelity(torch_fidelity, count, splits):
    torch, metric = torch_fidelity("metric_isc")
    rows = logits(count, count, 12)
    theirs = metric.isc_features_to_metric(torch.tensor(rows), splits=splits, shuffle=False)
    mean, deviation = compiled(scipy.special.softmax(rows, axis=1).astype(np.float32), splits)
    assert float(mean) == pytest.approx(theirs["inception_score_mean"], rel=1e-3)
    assert float(deviation) == pytest.approx(theirs["inception_score_std"], rel=1e-3, abs=1e-6)


def test_confident_uniform_predictions_score_the_number_of_classes():
    sure = np.eye(6, dtype=np.float32)[np.arange(60) % 6]
    mean, deviation = compiled(sure)
    assert float(mean) == pytest.approx(6, rel=1e-5)
    assert float(deviation) == pytest.approx(0, abs=1e-5)


def test_a_single_class_scores_one():
    alike = np.tile(np.float32([0, 1, 0, 0]), (20, 1))
    assert [float(x) for x in inception_score(alike)] == pytest.approx([1, 0])


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_the_inception_score_is_between_one_and_the_number_of_classes(seed):
    rows = np.random.default_rng(seed).dirichlet([0.3] * 5, 20)
    mean, _ = inception_score(rows, splits=2)
    assert 1 - 1e-5 <= float(mean) <= 5 + 1e-5


@pytest.mark.parametrize(
    ("rows", "splits", "message"),
    [
        (np.ones(4), 1, "give .images, classes."),
        (np.full((4, 2), 0.5), 5, "5 splits of 4 images"),
        (np.full((4, 2), 0.5), 0, "0 splits of 4 images"),
        (np.array([[0.5, 0.5], [3.0, -2.0]]), 1, "row 1 is the first of 1 that are not probabilities"),
        (np.array([[0.5, 0.5], [3.0, 2.0]]), 1, "give the softmax of the logits"),
        (np.array([[0.5, np.nan], [0.5, 0.5]]), 1, "row 0"),
    ],
)
def test_invalid_probabilities_are_refused(rows, splits, message):
    with pytest.raises(ValueError, match=message):
        inception_score(rows, splits)


def test_nan_stays_nan_in_a_compiled_inception_score():
    rows = np.full((4, 2), 0.5, np.float32)
    rows[1, 0] = np.nan
    mean, _ = compiled(rows, 2)
    assert np.isnan(mean)
