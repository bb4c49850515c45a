import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.nn.convolution import conv, conv_input_gradient
from jaxgen.nn.depthwise import depthwise_conv
from jaxgen.platforms import ANY, may_run_on_cpu, target_platform, trace_for

PADDING = ((1, 1), (1, 1))
rng = np.random.default_rng(0)
IMAGES, KERNEL, CHANNEL_KERNELS = (rng.normal(size=shape) for shape in ((2, 8, 8, 4), (4, 4, 4, 6), (3, 3, 4)))


def loss(kernel, channel_kernels):
    """A gradient penalty through a strided, a transposed and a depthwise convolution."""

    def network(images):
        maps = jnp.tanh(conv(depthwise_conv(images, channel_kernels), kernel, 2, PADDING))
        return jnp.tanh(conv_input_gradient(maps, kernel, 2, PADDING, (8, 8)))

    slope = jax.grad(lambda images: (network(images) ** 2).sum())(jnp.asarray(IMAGES))
    return (slope**2).mean()


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_a_program_for_an_accelerator_has_plain_convolutions_also_where_it_is_lowered_on_a_cpu(platform, operations):
    gradient = jax.jit(trace_for([platform], jax.grad(loss, (0, 1))))
    traced = gradient.trace(KERNEL, CHANNEL_KERNELS)
    names = operations(traced.jaxpr)
    assert "conv_general_dilated" in names
    assert not {name for name in names if "custom" in name or name in ("cond", "platform_index", "dot_general")}
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    assert "stablehlo.convolution" in text
    assert "stablehlo.case" not in text and "optimization_barrier" not in text and "custom_call" not in text


def test_a_program_for_a_cpu_has_derivatives_of_its_own(operations):
    names = operations(jax.jit(trace_for(["cpu"], loss)).trace(KERNEL, CHANNEL_KERNELS).jaxpr)
    assert {"cond", "dot_general"} <= names


def test_every_platform_computes_the_same():
    with jax.enable_x64(True):
        expected = jax.jit(jax.grad(loss, (0, 1)))(KERNEL, CHANNEL_KERNELS)
        for platform in ("cpu", "cuda"):
            found = jax.jit(trace_for([platform], jax.grad(loss, (0, 1))))(KERNEL, CHANNEL_KERNELS)
            for a, b in zip(expected, found, strict=True):
                np.testing.assert_allclose(a, b, atol=1e-12)


def test_forward_mode_works_where_the_target_is_no_cpu():
    with jax.enable_x64(True), target_platform("cuda"):
        _, slope = jax.jvp(lambda kernel: loss(kernel, CHANNEL_KERNELS), (KERNEL,), (np.ones_like(KERNEL),))
        gradient = jax.grad(loss)(jnp.asarray(KERNEL), CHANNEL_KERNELS)
        np.testing.assert_allclose(slope, gradient.sum(), rtol=1e-9)


def test_what_was_traced_for_one_platform_is_traced_again_for_another():
    seen = []
    function = jax.jit(lambda x: seen.append(may_run_on_cpu()) or x)
    for platform in ("cpu", "tpu", "cpu", ANY):
        with target_platform(platform):
            function(1.0)
    assert seen == [True, False, True]
    assert may_run_on_cpu()


@pytest.mark.parametrize(
    ("platforms", "cpu"), [(["cpu"], True), (["cuda"], False), (["cuda", "tpu"], False), (["tpu", "cpu"], True)]
)
def test_of_several_platforms_a_cpu_decides(platforms, cpu):
    assert trace_for(platforms, may_run_on_cpu)() == cpu
