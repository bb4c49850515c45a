"""Convolution and its two adjoints: three bilinear functions, each one's derivatives are the other two.

Traced for a CPU, every derivative of every order is one of these three, each of which has its own fast lowering. The
derivative that JAX takes of `lax.conv_general_dilated` is right as well, but the second-order terms of a strided
convolution, and the kernel's gradient of a transposed one, are dilated convolutions that XLA's CPU backend runs 10 to
15 times slower. Traced for another platform (`jaxgen.platforms`), the three are plain `lax.conv_general_dilated` with
JAX's own derivatives.

Throughout, `stride` is an int, `padding` is ((top, bottom), (left, right)) in pixels, images are [batch, height, width,
channel] and kernels [height, width, input channel, output channel]. Both operands have the same dtype, and so has the
result; bfloat16 is accumulated in float32.

Traced for a CPU, the three refuse forward mode (`jax.jvp`, `jax.jacfwd`, `jax.hessian`), which `jax.custom_vjp` does
not have: take reverse mode twice, as in `jax.grad` of `jax.grad`.
"""

from functools import partial

import jax
from jax import Array

from jaxgen.nn import lowerings
from jaxgen.nn.lowerings import Padding, Size, output_size
from jaxgen.platforms import may_run_on_cpu


def require_channels(channels: int, needed: int, operand: str) -> None:
    """Raises where an operand has not the channels that the kernel has."""
    if channels != needed:
        raise ValueError(f"{operand} has {channels} channels and the kernel takes {needed}: give them the same number")


def require_size(gradient: Size, size: Size, kernel: Size, stride: int, padding: Padding) -> None:
    """Raises where a gradient of size `gradient` cannot come from a convolution of an image of `size`."""
    needed = output_size(size, kernel, stride, padding)
    if tuple(gradient) != needed:
        raise ValueError(
            f"a convolution of stride {stride} and padding {padding} makes {needed[0]}x{needed[1]} of an image of "
            f"{size[0]}x{size[1]} by a {kernel[0]}x{kernel[1]} kernel, and the gradient has {gradient[0]}x{gradient[1]}"
        )


def conv(x: Array, w: Array, stride: int, padding: Padding) -> Array:
    """Returns the convolution x * w (no kernel is flipped, as everywhere in deep learning).

    Args:
      x: float[n, h, w, i], the images.
      w: float[kh, kw, i, o], the kernel.
      stride: pixels between two outputs.
      padding: ((top, bottom), (left, right)), pixels of zeros.
    Returns:
      float[n, h', w', o], with h' = (h + top + bottom - kh) // stride + 1.
    Raises:
      ValueError: if the channels differ, or the kernel is larger than the padded image.
    """
    require_channels(x.shape[3], w.shape[2], "the image")
    output_size(x.shape[1:3], w.shape[:2], stride, padding)
    function = closed_conv if may_run_on_cpu() else lowerings.direct_forward
    return function(x, w, stride, padding)


def conv_input_gradient(g: Array, w: Array, stride: int, padding: Padding, size: Size) -> Array:
    """Returns the gradient of ⟨conv(x, w), g⟩ with respect to x: the transposed convolution.

    Args:
      g: float[n, h', w', o], of the shape that `conv` returns.
      w: float[kh, kw, i, o], the kernel of `conv`.
      stride: of `conv`.
      padding: of `conv`.
      size: (h, w) of the images that `conv` takes; it is not determined by the rest where the stride is above one.
    Returns:
      float[n, h, w, i].
    Raises:
      ValueError: if the channels differ, or `conv` does not make g's size of `size`.
    """
    require_channels(g.shape[3], w.shape[3], "the gradient")
    require_size(g.shape[1:3], size, w.shape[:2], stride, padding)
    function = closed_input_gradient if may_run_on_cpu() else lowerings.direct_input_gradient
    return function(g, w, stride, padding, size)


def conv_kernel_gradient(x: Array, g: Array, stride: int, padding: Padding, kernel: Size) -> Array:
    """Returns the gradient of ⟨conv(x, w), g⟩ with respect to w.

    Args:
      x: float[n, h, w, i], the images.
      g: float[n, h', w', o], of the shape that `conv` returns.
      stride: of `conv`.
      padding: of `conv`.
      kernel: (kh, kw) of the kernel.
    Returns:
      float[kh, kw, i, o], summed over the batch.
    Raises:
      ValueError: if `conv` does not make g's size and batch of x's.
    """
    if x.shape[0] != g.shape[0]:
        raise ValueError(f"{x.shape[0]} images and {g.shape[0]} gradients: give one gradient for each image")
    require_size(g.shape[1:3], x.shape[1:3], kernel, stride, padding)
    function = closed_kernel_gradient if may_run_on_cpu() else lowerings.direct_kernel_gradient
    return function(x, g, stride, padding, kernel)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def closed_conv(x: Array, w: Array, stride: int, padding: Padding) -> Array:
    """Returns `conv`, whose derivatives are the other two closed functions."""
    return lowerings.forward(x, w, stride, padding)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def closed_input_gradient(g: Array, w: Array, stride: int, padding: Padding, size: Size) -> Array:
    """Returns `conv_input_gradient`, whose derivatives are the other two closed functions."""
    return lowerings.input_gradient(g, w, stride, padding, size)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def closed_kernel_gradient(x: Array, g: Array, stride: int, padding: Padding, kernel: Size) -> Array:
    """Returns `conv_kernel_gradient`, whose derivatives are the other two closed functions."""
    return lowerings.kernel_gradient(x, g, stride, padding, kernel)


def conv_backward(stride, padding, saved, t):
    """Returns the gradients with respect to image and kernel."""
    x, w = saved
    return (
        closed_input_gradient(t, w, stride, padding, x.shape[1:3]),
        closed_kernel_gradient(x, t, stride, padding, w.shape[:2]),
    )


def input_gradient_backward(stride, padding, size, saved, t):
    """Returns the gradients with respect to the output's gradient and the kernel."""
    g, w = saved
    return closed_conv(t, w, stride, padding), closed_kernel_gradient(t, g, stride, padding, w.shape[:2])


def kernel_gradient_backward(stride, padding, kernel, saved, t):
    """Returns the gradients with respect to the image and the output's gradient."""
    x, g = saved
    return closed_input_gradient(g, t, stride, padding, x.shape[1:3]), closed_conv(x, t, stride, padding)


def save_operands(function):
    """Returns the forward pass of a bilinear function: its result, and its operands for the derivatives."""
    return lambda a, b, *static: (function(a, b, *static), (a, b))


closed_conv.defvjp(save_operands(closed_conv), conv_backward)
closed_input_gradient.defvjp(save_operands(closed_input_gradient), input_gradient_backward)
closed_kernel_gradient.defvjp(save_operands(closed_kernel_gradient), kernel_gradient_backward)
