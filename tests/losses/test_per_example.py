import jax
import numpy as np
import pytest

from jaxgen.losses import adversarial, classification, per_example, reconstruction, variational

X = np.linspace(0.1, 0.9, 24, dtype=np.float32).reshape(2, 3, 4, 1)
PAIRED = {
    "minimax": adversarial.minimax.discriminator,
    "relativistic": adversarial.relativistic.generator,
    "mse": reconstruction.mse,
    "l1": reconstruction.l1,
    "charbonnier": reconstruction.charbonnier,
    "kl_standard_normal": variational.kl_standard_normal,
    "bernoulli_nll": variational.bernoulli_nll,
    "gaussian_nll": lambda mean, images: variational.gaussian_nll(mean, images, 0.5),
    "binary_cross_entropy": classification.binary_cross_entropy,
}
paired = pytest.mark.parametrize("loss", PAIRED.values(), ids=PAIRED)


def test_sums_and_means_over_everything_but_the_batch(computed):
    both = lambda x: (per_example.total(x), per_example.mean(x))
    total, mean = computed(both, X)
    np.testing.assert_allclose(total, X.reshape(2, -1).sum(1), rtol=1e-6)
    np.testing.assert_allclose(mean, X.reshape(2, -1).mean(1), rtol=1e-6)
    vector = np.arange(3, dtype=np.float32)
    for result in computed(both, vector):
        np.testing.assert_array_equal(result, vector)


@paired
def test_inputs_that_would_broadcast_are_refused(loss):
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(2, 1\) differ: give arrays of one shape"):
        loss(np.zeros((2, 3), np.float32), np.zeros((2, 1), np.float32))


@paired
@pytest.mark.parametrize(("given", "kept"), [("bfloat16", "float32"), ("float32", "float32"), ("float64", "float64")])
def test_precision_is_that_of_the_inputs_and_at_least_single(loss, given, kept):
    with jax.enable_x64(True):
        x = jax.ShapeDtypeStruct((2,), given)
        assert jax.eval_shape(loss, x, x).dtype == kept


def test_bytes_do_not_wrap_around():
    assert reconstruction.mse(np.zeros((1, 2, 2, 1), np.uint8), np.full((1, 2, 2, 1), 255, np.uint8))[0] == 255**2
