from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax import lax

from jaxgen.nn.layers import (
    Conv,
    ConvMeanPool,
    ConvTranspose,
    Dense,
    Dropout,
    GroupedConv,
    UpsampleConv,
    logit,
    transposed_convolutions,
)


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(3, 1, "SAME"), (4, 2, "SAME"), (3, 2, "SAME"), (3, 2, "VALID"), (3, 2, ((1, 1), (0, 2)))],
)
def test_conv_agrees_with_lax(draw, computed, kernel, stride, padding):
    x, module = random(2, 9, 7, 3), Conv(4, kernel, stride, padding)
    variables = draw(module, x.shape)
    w, bias = variables["params"]["kernel"], variables["params"]["bias"]
    plain = partial(lax.conv_general_dilated, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    expected = computed(lambda x, w: plain(x, w, (stride, stride), padding), x, w)
    np.testing.assert_allclose(jax.jit(module.apply)(variables, x), expected + bias, atol=1e-5)


@pytest.mark.parametrize(("kernel", "stride", "border"), [(4, 2, 1), (4, 1, 0), (3, 1, 1), (7, 1, 3), (3, 2, 1)])
def test_conv_transpose_agrees_with_torch(draw, kernel, stride, border):
    torch = pytest.importorskip("torch")
    x, module = random(2, 5, 4, 3), ConvTranspose(6, kernel, stride, ((border, border), (border, border)))
    variables = draw(module, x.shape)
    weight, bias = (torch.tensor(variables["params"][name]) for name in ("kernel", "bias"))
    there = torch.nn.functional.conv_transpose2d(
        torch.tensor(x).permute(0, 3, 1, 2), weight.permute(3, 2, 0, 1), bias, stride=stride, padding=border
    )
    np.testing.assert_allclose(jax.jit(module.apply)(variables, x), there.permute(0, 2, 3, 1), atol=1e-5)


@pytest.mark.parametrize(("kernel", "stride"), [(4, 2), (3, 2), (3, 1), (7, 1), (2, 2)])
def test_same_conv_transpose_multiplies_the_size_by_the_stride(describe, kernel, stride):
    module = lambda features: ConvTranspose(features, kernel, stride)
    x = jax.ShapeDtypeStruct((2, 5, 4, 3), "float32")
    variables = jax.eval_shape(module(6).init, jax.random.key(0), x)
    assert jax.eval_shape(module(6).apply, variables, x).shape == (2, 5 * stride, 4 * stride, 6)
    projected = jax.eval_shape(lambda x: ConvTranspose(6, 4, 1, "VALID").init_with_output(jax.random.key(0), x)[0], x)
    assert projected.shape == (2, 8, 7, 6)


def test_the_paths_of_transposed_convolutions_are_reported():
    class Inner(nn.Module):
        @nn.compact
        def __call__(self, x):
            return ConvTranspose(2, name="up")(Conv(3, name="same")(x))

    class Outer(nn.Module):
        @nn.compact
        def __call__(self, x):
            return UpsampleConv(2, name="wide")(Inner(name="inner")(ConvTranspose(4, name="first")(x)))

    x = jax.ShapeDtypeStruct((1, 4, 4, 1), "float32")
    with transposed_convolutions() as result:
        jax.eval_shape(Outer().init, jax.random.key(0), x)
    assert result == {("first",), ("inner", "up")}


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("fused", [UpsampleConv, ConvMeanPool])
def test_resampling_convolutions_are_both_steps_in_one(draw, fused, kernel_size):
    x, module, plain = random(2, 6, 4, 3), fused(5, kernel_size), Conv(5, kernel_size)
    variables, apply = draw(module, x.shape), jax.jit(plain.apply)
    if fused is UpsampleConv:
        expected = apply(variables, x.repeat(2, 1).repeat(2, 2))
    else:
        expected = np.array(apply(variables, x)).reshape(2, 3, 2, 2, 2, 5).mean((2, 4))
    np.testing.assert_allclose(jax.jit(module.apply)(variables, x), expected, atol=1e-5)


def test_dense_is_a_matrix_product(computed):
    x, params = random(4, 3), {"kernel": random(3, 5, seed=1), "bias": random(5, seed=2)}
    product = computed(Dense(5).apply, {"params": params}, x)
    np.testing.assert_allclose(product, x @ params["kernel"] + params["bias"], atol=1e-6)


@pytest.mark.parametrize("module", [Conv(8), ConvTranspose(8, 3, 1)])
def test_initial_kernels_keep_the_variance(module):
    x = random(4, 8, 8, 32)
    y = jax.jit(lambda x: module.init_with_output(jax.random.key(1), x)[0])(x)
    assert 0.7 < np.asarray(y)[:, 1:-1, 1:-1].var() < 1.4


@pytest.mark.parametrize("module", [Dense(4, spectral=True), Conv(4, spectral=True)])
def test_spectral_layers_use_the_normalised_kernel(draw, module):
    x = random(2, 6, 6, 3)
    variables, apply = draw(module, x.shape), jax.jit(module.apply, static_argnums=2)
    params = variables["params"]
    double = variables | {"params": params | {"kernel": 2 * params["kernel"]}}
    np.testing.assert_allclose(apply(double, x, False), apply(variables, x, False), rtol=1e-5)
    with pytest.raises(ValueError, match="called without train"):
        module.apply(variables, x)


def test_a_logit_is_float32_of_float32_products(computed):
    class Judge(nn.Module):
        @nn.compact
        def __call__(self, x):
            return logit(x)

    # In bfloat16 the sum of 1 and 2⁻¹⁰ is 1.
    x = np.array([[[1], [2**-10]]], jnp.bfloat16)
    params = {"logit": {"kernel": np.ones((2, 1), np.float32), "bias": np.zeros(1, np.float32)}}
    assert computed(Judge().apply, {"params": params}, x).tolist() == [1 + 2**-10]


@pytest.fixture(scope="module")
def keys():
    return jax.random.split(jax.random.key(0), 8)


@partial(jax.jit, static_argnames=("rate",))
def drop(x, keys, rate=0.5):
    return Dropout(rate).apply({}, x, keys, True)


def test_dropout_keeps_the_mean_and_drops_the_rate(keys):
    dropped = np.array(drop(np.ones((8, 5000)), keys, rate=0.25))
    assert set(np.unique(dropped).round(5)) == {0, np.float32(4 / 3).round(5)}
    spread = (0.25 / 0.75 / dropped.size) ** 0.5
    assert abs(dropped.mean() - 1) < 5 * spread


def test_a_mask_depends_on_its_examples_key_only(keys):
    x = np.ones((8, 6, 5))
    whole = np.array(drop(x, keys))
    np.testing.assert_array_equal(np.concatenate([drop(x[:4], keys[:4]), drop(x[4:], keys[4:])]), whole)
    np.testing.assert_array_equal(drop(x, keys[::-1]), whole[::-1])
    assert len(np.unique(whole.reshape(8, -1), axis=0)) == 8


def test_layers_given_the_same_keys_draw_different_masks(keys):
    class Two(nn.Module):
        @nn.compact
        def __call__(self, x, keys):
            return Dropout(0.5, name="first")(x, keys, True), Dropout(0.5, name="second")(x, keys, True)

    first, second = jax.jit(Two().apply)({}, np.ones((8, 100)), keys)
    assert 0.4 < (np.asarray(first) == np.asarray(second)).mean() < 0.6


def test_dropout_is_the_identity_without_training_or_rate(keys):
    x = random(8, 3)
    assert Dropout(0.5).apply({}, x, None, False) is x
    assert Dropout(0.0).apply({}, x, keys, True) is x


def test_dropout_keeps_the_dtype(keys):
    assert drop(np.ones((8, 3), jnp.bfloat16), keys).dtype == jnp.bfloat16


def test_dropout_asks_for_one_key_per_example(keys):
    with pytest.raises(ValueError, match="one key for each of the 8 examples, and was given none"):
        drop(np.ones((8, 3), np.float32), None)
    with pytest.raises(ValueError, match=r"and was given keys of shape \(4,\)"):
        drop(np.ones((8, 3), np.float32), keys[:4])


@pytest.fixture(scope="module")
def grouped(draw):
    """A grouped convolution and XLA's own of the same kernel, both as functions of (kernel, x)."""
    module = GroupedConv(8, 3, groups=2, use_bias=False)
    kernel = draw(module, (2, 5, 4, 6))["params"]["kernel"]
    reference = lambda w, x: lax.conv_general_dilated(
        x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=2
    )
    return lambda w, x: module.apply({"params": {"kernel": w}}, x), reference, kernel, random(2, 5, 4, 6)


def test_grouped_conv_agrees_with_lax(grouped, computed):
    ours, reference, kernel, x = grouped
    assert kernel.shape == (3, 3, 3, 8)
    np.testing.assert_allclose(computed(ours, kernel, x), computed(reference, kernel, x), atol=1e-5)


def test_its_derivatives_agree_with_lax(grouped):
    *both, kernel, x = grouped
    pull = random(2, 5, 4, 8, seed=3)

    def derivatives(f):
        loss = lambda w, x: (f(w, x) ** 2 * pull).sum()
        slope = lambda w: (jax.grad(loss, 1)(w, x) ** 2).sum()
        return jax.jit(lambda w: (jax.grad(loss, (0, 1))(w, x), jax.grad(slope)(w)))(kernel)

    result, expected = (jax.tree.leaves(derivatives(f)) for f in both)
    for a, b in zip(result, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * np.abs(b).max())
