import jax
import numpy as np
import pytest
import scipy.special

from jaxgen.losses import classification

LOGITS = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32) * 3
LABELS = np.int32([0, 2, 1, 1])


cross_entropy, binary_cross_entropy = map(jax.jit, (classification.cross_entropy, classification.binary_cross_entropy))


def test_cross_entropy_is_the_negative_log_softmax_of_the_label():
    expected = -scipy.special.log_softmax(LOGITS, axis=1)[np.arange(4), LABELS]
    np.testing.assert_allclose(cross_entropy(LOGITS, LABELS), expected, rtol=1e-5)


def test_cross_entropy_far_out():
    logits = np.float32([[1e4, -1e4], [1e4, -1e4]])
    np.testing.assert_array_equal(cross_entropy(logits, np.int32([0, 1])), [0, 2e4])


def test_binary_cross_entropy_is_cross_entropy_between_0_and_the_logit():
    logits, labels = LOGITS[:, 0], np.int32([0, 1, 1, 0])
    two = np.stack([np.zeros_like(logits), logits], axis=1)
    expected = cross_entropy(two, labels)
    np.testing.assert_allclose(binary_cross_entropy(logits, labels), expected, rtol=1e-5, atol=1e-6)


def test_the_gradient_of_binary_cross_entropy_is_probability_minus_label(computed):
    logits, labels = LOGITS[:, 0], np.float32([0, 1, 0.3, 0.9])
    gradient = computed(jax.grad(lambda x: classification.binary_cross_entropy(x, labels).sum()), logits)
    np.testing.assert_allclose(gradient, scipy.special.expit(logits) - labels, rtol=1e-5, atol=1e-6)


def test_a_label_that_is_no_class_shows():
    assert np.isnan(cross_entropy(LOGITS[:1], np.int32([3]))).all()


@pytest.mark.parametrize("labels", [np.zeros((4, 3), np.float32), np.zeros(4, np.float32), np.zeros(3, np.int32)])
def test_anything_but_one_integer_a_row_is_refused(labels):
    with pytest.raises(ValueError, match="give one integer class for each row"):
        classification.cross_entropy(LOGITS, labels)
