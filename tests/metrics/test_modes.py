import jax
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.metrics.modes import mode_coverage

compiled = jax.jit(mode_coverage, static_argnums=1)


# Of few lengths, as each is a program of its own.
@settings(deadline=None, max_examples=20)
@given(st.one_of(st.lists(st.integers(0, 6), min_size=length, max_size=length) for length in (1, 9, 40)))
def test_it_agrees_with_the_entropy_of_scipy(labels):
    covered, divergence = compiled(np.array(labels), 7)
    counts = np.bincount(labels, minlength=7)
    assert int(covered) == len(set(labels))
    assert float(divergence) == pytest.approx(scipy.stats.entropy(counts, np.ones(7)), abs=1e-5)


def test_uniform_modes_have_divergence_zero_and_one_mode_the_logarithm():
    assert [float(x) for x in mode_coverage(np.arange(1000) % 100, 100)] == pytest.approx([100, 0], abs=1e-5)
    assert [float(x) for x in compiled(np.full(9, 3), 1000)] == pytest.approx([1, np.log(1000)])


@pytest.mark.parametrize("wrong", [-1, 4])
def test_a_label_outside_the_classes_is_an_error_and_nan_in_a_compiled_program(wrong):
    labels = np.array([0, 1, wrong, 3])
    with pytest.raises(ValueError, match=f"{wrong} at index 2 is outside the 4 classes 0 to 3"):
        mode_coverage(labels, 4)
    assert np.isnan(compiled(labels, 4)[1])


@pytest.mark.parametrize("labels", [np.zeros(3), np.zeros((3, 1), int), np.zeros(0, int)])
def test_invalid_labels_are_refused(labels):
    with pytest.raises(ValueError, match="give an integer class"):
        mode_coverage(labels, 4)
