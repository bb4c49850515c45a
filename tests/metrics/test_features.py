import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.metrics.features import nan_unless_finite, require_features, require_finite


@pytest.mark.parametrize("library", [np, jnp])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_batch_with_features_that_are_not_finite_is_named(library, value):
    features = np.zeros((10, 3), np.float32)
    require_finite(library.asarray(features), 4)
    features[5, 2] = features[6, 0] = features[9, 1] = value
    with pytest.raises(ValueError, match=r"batch 1 \(samples 4 to 7\): 2 of 4 there, 3 of 10 in total"):
        require_finite(library.asarray(features), 4)


def test_the_last_batch_may_be_smaller():
    features = np.zeros((10, 3))
    features[9] = np.nan
    with pytest.raises(ValueError, match=r"batch 2 \(samples 8 to 9\): 1 of 2 there"):
        require_finite(features, 4)


def test_features_may_have_any_shape():
    features = np.zeros((3, 2, 2, 4))
    features[1, 0, 1, 2] = np.nan
    with pytest.raises(ValueError, match="batch 1 "):
        require_finite(features, 1)


@pytest.mark.parametrize(("real", "fake"), [((4, 3), (4, 2)), ((4,), (4,)), ((4, 3, 1), (4, 3, 1)), ((4, 3), (4,))])
def test_sets_of_other_shapes_are_refused(real, fake):
    with pytest.raises(ValueError, match="the same number of features"):
        require_features(np.zeros(real), np.zeros(fake), 1)


def test_too_few_samples_are_counted():
    with pytest.raises(ValueError, match="2 fake samples: give at least 3"):
        require_features(np.zeros((3, 1)), np.zeros((2, 1)), 3)


def test_a_compiled_program_gives_nan_for_features_that_are_not_finite():
    value = jax.jit(lambda *features: nan_unless_finite(jnp.float32(1), *features))
    zeros = jnp.zeros((2, 2))
    assert value(zeros, zeros) == 1
    assert np.isnan(value(zeros, zeros.at[0, 1].set(jnp.inf)))
