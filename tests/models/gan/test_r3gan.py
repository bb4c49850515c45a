import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.models.gan import r3gan


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (32, 3), (64, 3)])
def test_shapes(describe, size, channels):
    made = describe(r3gan.Generator(size=size, channels=channels, width=16, blocks=1), (2, 10))
    assert made.output == (2, size, size, channels)
    judged = describe(r3gan.Discriminator(width=16, blocks=1), (2, size, size, channels))
    assert judged.output == (2,)
    # Neither has a statistic: nothing is normalised.
    assert set(made.variables) == set(judged.variables) == {"params"}


def test_other_sizes_are_refused(describe):
    with pytest.raises(UsageError, match="30x30: r3gan takes square images"):
        describe(r3gan.Discriminator(), (1, 30, 30, 1))


def test_parameters_are_those_of_the_paper(describe):
    params = describe(r3gan.Discriminator(width=16, blocks=2), (2, 32, 32, 3)).variables["params"]
    blocks = {f"block_{i}_{j}" for i in range(4) for j in range(2)}
    assert set(params) == {"image", "resize_1", "resize_2", "resize_3", "basis", "logit"} | blocks
    assert params["basis"].shape == (4, 4, 128)
    shapes = jax.tree.map(lambda x: x.shape, params["block_1_0"])
    assert shapes == {
        "conv_0": {"kernel": (1, 1, 32, 64), "bias": (64,)},
        "conv_1": {"kernel": (3, 3, 16, 64), "bias": (64,)},
        "conv_2": {"kernel": (1, 1, 64, 32)},
    }
    made = describe(r3gan.Generator(width=16, blocks=2), (2, 10)).variables["params"]
    assert set(made) == {"image", "resize_1", "resize_2", "resize_3", "basis", "project"} | blocks
    assert made["project"]["kernel"].shape == (10, 128)


def test_widths_double_up_to_eightfold():
    assert r3gan.widths(8, 4) == [8, 16, 32, 64, 64]


def test_a_block_starts_as_the_identity_and_learns_from_the_first_step():
    x, block = random(2, 4, 4, 8), r3gan.Block(4)
    params = jax.jit(block.init)(jax.random.key(0), x)["params"]
    np.testing.assert_array_equal(jax.jit(block.apply)({"params": params}, x), x)
    slope = jax.jit(jax.grad(lambda params: (block.apply({"params": params}, x) ** 3).sum()))(params)
    assert abs(np.asarray(slope["conv_2"]["kernel"])).max() > 0


def test_initial_weights_shrink_with_the_depth(computed):
    x = random(2, 4, 4, 128)
    params = (computed(r3gan.Block(depth).init, jax.random.key(0), x)["params"] for depth in (1, 16))
    spread = [drawn["conv_0"]["kernel"].std() for drawn in params]
    assert spread[0] == pytest.approx((2 / 1.04 / 128) ** 0.5, rel=0.05)
    assert spread[0] / spread[1] == pytest.approx(16**0.25, rel=1e-4)


def spread_out(x, axis):
    """Zeros after each pixel."""
    return np.stack([x, np.zeros_like(x)], axis + 1).reshape(*x.shape[:axis], -1, *x.shape[axis + 1 :])


def filtered(x, axis, gain):
    """[1, 2, 1] · gain, by numpy, zeros beyond the edges."""
    return np.apply_along_axis(lambda line: np.convolve(line, np.array([1, 2, 1]) * gain, "same"), axis, x)


def test_upsampling_filters_pixels_spread_out_by_1_2_1(computed):
    x = random(2, 4, 6, 3)
    expected = x
    for axis in (1, 2):
        expected = filtered(spread_out(expected, axis), axis, 1 / 2)
    found = computed(r3gan.upsample, x)
    assert found.shape == (2, 8, 12, 3)
    np.testing.assert_allclose(found[:, :-1, :-1], expected[:, :-1, :-1], atol=1e-6)
    np.testing.assert_allclose(found[:, -1, ::2], x[:, -1], atol=1e-6)


def test_downsampling_filters_by_1_2_1_and_keeps_every_second_pixel(computed):
    x = random(2, 8, 6, 3)
    expected = x
    for axis in (1, 2):
        expected = filtered(expected, axis, 1 / 4)
    found = computed(r3gan.downsample, x)
    assert found.shape == (2, 4, 3, 3)
    np.testing.assert_allclose(found[:, 1:, 1:], expected[:, ::2, ::2][:, 1:, 1:], atol=1e-6)


@pytest.mark.parametrize("resample", [r3gan.upsample, r3gan.downsample])
def test_resampling_keeps_a_constant_up_to_the_edges(resample, computed):
    np.testing.assert_allclose(computed(resample, np.full((1, 4, 4, 2), 3.0, np.float32)), 3.0, rtol=1e-6)


def test_players_end_in_float32_of_bfloat16_blocks():
    key, half = jax.random.key(0), {"width": 4, "blocks": 1, "dtype": jnp.bfloat16}
    images = jax.eval_shape(
        lambda x: r3gan.Generator(size=28, **half).init_with_output(key, x, True)[0], jnp.ones((2, 3))
    )
    logits = jax.eval_shape(lambda x: r3gan.Discriminator(**half).init_with_output(key, x, True)[0], images)
    assert images.dtype == logits.dtype == np.float32
