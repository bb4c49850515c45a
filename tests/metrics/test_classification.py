import jax
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.metrics import classification

CLASSES = 5
THEIRS = {
    "precision": sklearn.metrics.precision_score,
    "recall": sklearn.metrics.recall_score,
    "f1": sklearn.metrics.f1_score,
}
pair = st.tuples(*[st.integers(0, CLASSES - 1)] * 2)
# Of few lengths, as each is a program of its own.
pairs = st.one_of(st.lists(pair, min_size=length, max_size=length) for length in (1, 7, 60))
NAMES = ("accuracy", "precision", "recall", "f1", "confusion_matrix")
COMPILED = {name: jax.jit(getattr(classification, name), static_argnums=2) for name in NAMES}


@settings(deadline=None, max_examples=25)
@given(pairs)
def test_it_agrees_with_scikit_learn(pairs_drawn):
    predictions, labels = np.array(pairs_drawn).T
    assert float(COMPILED["accuracy"](predictions, labels, CLASSES)) == pytest.approx(
        sklearn.metrics.accuracy_score(labels, predictions)
    )
    matrix = COMPILED["confusion_matrix"](predictions, labels, CLASSES)
    np.testing.assert_array_equal(matrix, sklearn.metrics.confusion_matrix(labels, predictions, labels=range(CLASSES)))
    for name, theirs in THEIRS.items():
        expected = theirs(labels, predictions, labels=range(CLASSES), average=None, zero_division=0)
        values = COMPILED[name](predictions, labels, CLASSES)
        np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_zero_over_zero_is_zero():
    predictions, labels = np.array([0, 0]), np.array([0, 1])
    np.testing.assert_allclose(COMPILED["precision"](predictions, labels, 3), [0.5, 0, 0])
    np.testing.assert_allclose(COMPILED["recall"](predictions, labels, 3), [1, 0, 0])
    np.testing.assert_allclose(COMPILED["f1"](predictions, labels, 3), [2 / 3, 0, 0])


@pytest.mark.parametrize("name", NAMES)
def test_classification_metrics_compile_and_refuse_invalid_classes(name):
    metric = getattr(classification, name)
    predictions, labels = np.array([0, 1, 2, 2]), np.array([0, 2, 2, 1])
    compiled = COMPILED[name](predictions, labels, 3)
    np.testing.assert_array_equal(compiled, metric(predictions, labels, 3))
    with pytest.raises(ValueError, match="predictions: 2 at index 2 is outside the 2 classes"):
        metric(predictions, labels, 2)
    with pytest.raises(ValueError, match="labels: -1 at index 3 is outside the 3 classes"):
        metric(predictions, np.array([0, 2, 2, -1]), 3)
    with pytest.raises(ValueError, match=r"\(4,\) predictions for \(4, 1\) labels"):
        metric(predictions, labels[:, None], 3)
    with pytest.raises(ValueError, match="give an integer class"):
        metric(predictions / 2, labels, 3)


def test_a_compiled_count_ignores_invalid_classes():
    predictions, labels = np.array([0, -1, 1, 9]), np.array([0, 1, -2, 1])
    matrix = COMPILED["confusion_matrix"](predictions, labels, 2)
    np.testing.assert_array_equal(matrix, [[1, 0], [0, 0]])


def test_accuracy_without_a_number_of_classes_accepts_any_class():
    assert float(classification.accuracy(np.array([3, 9]), np.array([3, 8]))) == 0.5
