"""Depthwise convolution: each channel by a kernel of its own, and its derivatives.

Traced for a CPU, it is one of two bilinear functions closed under differentiation, as in `convolution`: every
derivative of every order is one of the two again. Each is a sum over the kernel's taps of shifted, weighted images,
where XLA's own grouped convolution takes several times as long. Forward mode is refused, as there. Traced for another
platform, it is XLA's grouped convolution with JAX's own derivatives.
"""

from functools import partial
from math import gcd
from typing import cast

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.nn.lowerings import DIMENSIONS, Size, on_cpu
from jaxgen.platforms import may_run_on_cpu


def padded(x: Array, kernel: Size) -> Array:
    """Returns images with the zeros around them that let a kernel keep their size."""
    down, across = kernel[0] // 2, kernel[1] // 2
    return jnp.pad(x, ((0, 0), (down, down), (across, across), (0, 0)))


def depthwise_conv(x: Array, w: Array) -> Array:
    """Returns each channel of images convolved with its own kernel, zeros around them, the size kept.

    Args:
      x: float[n, h, w, c], the images.
      w: float[kh, kw, c], the kernels; kh and kw are odd.
    Returns:
      float[n, h, w, c].
    Raises:
      ValueError: if a side of the kernel is even, or the channels differ.
    """
    if w.shape[0] % 2 == 0 or w.shape[1] % 2 == 0:
        raise ValueError(f"a depthwise kernel of {w.shape[0]}x{w.shape[1]}: both sides must be odd")
    if x.shape[-1] != w.shape[-1]:
        raise ValueError(f"images of {x.shape[-1]} channels and {w.shape[-1]} depthwise kernels: give one for each")
    return closed_depthwise_conv(x, w) if may_run_on_cpu() else grouped(x, w)


@jax.custom_vjp
def closed_depthwise_conv(x: Array, w: Array) -> Array:
    """Returns `depthwise_conv`, whose derivatives are the two closed functions."""
    return on_cpu(sum_of_shifts, grouped, x, w)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def closed_depthwise_kernel_gradient(x: Array, g: Array, kernel: Size) -> Array:
    """Returns the gradient of ⟨depthwise_conv(x, w), g⟩ with respect to w.

    Args:
      x: float[n, h, w, c], the images.
      g: float[n, h, w, c].
      kernel: (kh, kw) of the kernels.
    Returns:
      float[kh, kw, c], summed over the batch.
    """
    return sums_of_products(x, g, kernel).astype(x.dtype)


def sum_of_shifts(x: Array, w: Array) -> Array:
    """Returns the convolution as a sum of shifted images, weighted by channel."""
    height, width = x.shape[1:3]
    x = padded(x, w.shape[:2])
    taps = [(i, j) for i in range(w.shape[0]) for j in range(w.shape[1])]
    return cast(Array, sum(x[:, i : i + height, j : j + width] * w[i, j] for i, j in taps))


def grouped(x: Array, w: Array) -> Array:
    """Returns XLA's grouped convolution."""
    kernel = w[:, :, None, :]
    return lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=DIMENSIONS, feature_group_count=x.shape[-1]
    )


def folded(x: Array, axis: int) -> Array:
    """Returns an array whose parts along an axis are summed: up to 8, as many as divide it."""
    return cast(Array, sum(jnp.split(x, gcd(x.shape[axis], 8), axis)))


def sums_of_products(x: Array, g: Array, kernel: Size) -> Array:
    """Returns the kernels' gradient: for each tap, shifted images times g, summed over batch and pixels.

    Rows and then images are first summed in eighths, which XLA:CPU does as fast as it reads; its sum over all pixels,
    one channel at a time, took 6 times as long.
    """
    height, width = g.shape[1:3]
    dtype = jnp.promote_types(x.dtype, jnp.float32)
    x, g = padded(x, kernel).astype(dtype), g.astype(dtype)
    taps = [(i, j) for i in range(kernel[0]) for j in range(kernel[1])]
    products = jnp.stack([folded(x[:, i : i + height, j : j + width] * g, 1) for i, j in taps])
    products = folded(lax.optimization_barrier(products), 1)
    return products.sum((1, 2, 3)).reshape(*kernel, -1)


def conv_backward(saved, t):
    """Returns the gradients with respect to images and kernels."""
    x, w = saved
    return closed_depthwise_conv(t, w[::-1, ::-1]), closed_depthwise_kernel_gradient(x, t, w.shape[:2])


def kernel_gradient_backward(kernel, saved, t):
    """Returns the gradients with respect to the images and to g."""
    x, g = saved
    return closed_depthwise_conv(g, t[::-1, ::-1]), closed_depthwise_conv(x, t)


closed_depthwise_conv.defvjp(lambda x, w: (closed_depthwise_conv(x, w), (x, w)), conv_backward)
closed_depthwise_kernel_gradient.defvjp(
    lambda x, g, kernel: (closed_depthwise_kernel_gradient(x, g, kernel), (x, g)), kernel_gradient_backward
)
