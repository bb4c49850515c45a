from types import SimpleNamespace

import jax
import numpy as np
import optax
import pytest

from jaxgen.losses import reconstruction
from jaxgen.metrics import image as metrics

A = np.float32([[0.0, 0.5], [1.0, 0.25]]).reshape(1, 2, 2, 1)
B = np.float32([[0.0, 0.0], [0.5, 0.5]]).reshape(1, 2, 2, 1)
PAIR = np.random.default_rng(0).uniform(size=(2, 2, 16, 13, 3)).astype(np.float32)


compiled = SimpleNamespace(
    **{
        name: jax.jit(getattr(reconstruction, name))
        for name in ("mse", "l1", "charbonnier", "huber", "ssim", "total_variation")
    }
)


def test_values_by_hand():
    np.testing.assert_allclose(compiled.mse(A, B), [(0.25 + 0.25 + 0.0625) / 4])
    np.testing.assert_allclose(compiled.l1(A, B), [1.25 / 4])
    np.testing.assert_allclose(compiled.charbonnier(A, B, 1.0), [(1 + 2 * 1.25**0.5 + 1.0625**0.5) / 4])
    np.testing.assert_allclose(compiled.total_variation(A), [0.5 + 0.75 + 1.0 + 0.25])


def test_charbonnier_nears_l1_and_is_smooth_at_0():
    assert np.all(np.abs(np.subtract(compiled.charbonnier(*PAIR, 1e-6), compiled.l1(*PAIR))) < 1e-5)
    gradient = jax.jit(jax.grad(lambda x: reconstruction.charbonnier(A, x).sum()))(A)
    np.testing.assert_array_equal(gradient, 0)


@pytest.mark.parametrize("delta", [0.05, 0.3, 10.0])
def test_huber_is_that_of_optax_with_bounded_slope(delta):
    expected = jax.jit(lambda x, y: optax.losses.huber_loss(y, x, delta=delta).mean((1, 2, 3)))(*PAIR)
    np.testing.assert_allclose(compiled.huber(*PAIR, delta), expected, rtol=1e-5)
    slope = np.asarray(jax.jit(jax.grad(lambda x: reconstruction.huber(PAIR[0], x, delta).sum()))(PAIR[1]))
    assert abs(slope).max() * PAIR[0][0].size <= delta * (1 + 1e-5)
    # Of any difference it is half the mean squared error where all are below delta.
    if delta == 10:
        np.testing.assert_allclose(compiled.huber(*PAIR, delta), np.asarray(compiled.mse(*PAIR)) / 2, rtol=1e-5)


def test_huber_is_a_loss_of_the_registry_with_a_delta_in_hyper():
    loss = reconstruction.LOSSES["huber"]
    found = loss.value(*PAIR, {"huber_delta": 0.2})
    np.testing.assert_allclose(found, compiled.huber(*PAIR, 0.2))
    assert loss.hyper().huber_delta == 0.1


@pytest.mark.parametrize("name", ["mse", "l1", "charbonnier", "huber", "ssim", "total_variation"])
def test_each_example_is_measured_alone(name):
    loss = getattr(compiled, name)
    pair = PAIR[:1] if name == "total_variation" else PAIR
    others = pair.copy()
    others[-1, 1] = 0.5
    before, after = np.asarray(loss(*pair)), np.asarray(loss(*others))
    assert before.shape == (2,) and before[0] == after[0] and before[1] != after[1]


def test_ssim_loss_is_what_the_metric_lacks_of_1():
    loss, metric = compiled.ssim, jax.jit(metrics.ssim)
    np.testing.assert_allclose(loss(*PAIR), 1 - metric(*PAIR), rtol=1e-6)
    np.testing.assert_allclose(loss(PAIR[0], PAIR[0]), 0, atol=1e-5)


def test_the_gradient_of_ssim_is_that_of_finite_differences():
    reference, image = PAIR
    loss = jax.jit(jax.value_and_grad(lambda x: reconstruction.ssim(reference, x).sum()))
    gradient = np.asarray(loss(image)[1])
    size = np.linalg.norm(gradient)
    step = 0.01 * gradient / size
    assert float(loss(image + step)[0] - loss(image - step)[0]) / 0.02 == pytest.approx(size, rel=0.02)


def test_total_variation_of_a_flat_image_is_0_and_of_an_edge_its_length():
    edge = np.zeros((1, 6, 8, 2), np.float32)
    np.testing.assert_array_equal(compiled.total_variation(edge + 0.5), 0)
    edge[:, :, 4:] = 1
    np.testing.assert_array_equal(compiled.total_variation(edge), 6 * 2)


def test_feature_loss_sums_the_mean_squared_differences_of_layers():
    x, y = PAIR
    np.testing.assert_allclose(reconstruction.feature(lambda i: i, x, y), compiled.mse(x, y), rtol=1e-6)
    layers = lambda i: [i, {"gray": i.mean(-1), "sum": i.sum((1, 2, 3))}]
    expected = compiled.mse(x, y) + compiled.mse(x.mean(-1), y.mean(-1)) + (x.sum((1, 2, 3)) - y.sum((1, 2, 3))) ** 2
    np.testing.assert_allclose(reconstruction.feature(layers, x, y), expected, rtol=1e-4)
