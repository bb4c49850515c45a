"""Blur by convolution in the frequency domain.

In the frequency domain a kernel for each image costs no more than one kernel for all. With a 21×21 kernel for each of
16 images of 64×64×3, on two CPU cores: 2.3 ms, against 3.8 ms for shifted additions row by row, 56 ms for products with
banded matrices and 76 ms for a grouped convolution; for a separable kernel, two passes of shifts take 2.1 ms.
"""

from typing import cast

import jax.numpy as jnp
from jax import Array

from jaxgen.degradations.draws import check_images


def valid_convolution(padded: Array, kernels: Array) -> Array:
    """Computes the convolution at the positions where the kernel lies inside the image ("valid" padding).

    Args:
      padded: float[batch, height + side − 1, width + side − 1, channel].
      kernels: float[1 or batch, side, side].
    Returns:
      float[batch, height, width, channel].
    """
    from scipy.fft import next_fast_len

    shape = tuple(cast(int, next_fast_len(side, real=True)) for side in padded.shape[1:3])
    spectrum = jnp.fft.rfft2(padded.transpose(0, 3, 1, 2), shape) * jnp.fft.rfft2(kernels, shape)[:, None]
    rows, columns = (slice(k - 1, n) for k, n in zip(kernels.shape[1:], padded.shape[1:3], strict=True))
    return jnp.fft.irfft2(spectrum, shape)[:, :, rows, columns].transpose(0, 2, 3, 1)


def blur(images: Array, kernels: Array) -> Array:
    """Convolves images with kernels: the kernel is the point spread function, not its mirror image.

    The border is reflected at the center of the last pixel, as by OpenCV's BORDER_REFLECT_101.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      kernels: float[side, side] for all images, or float[batch, side, side]; sides are odd and may differ.
    Returns:
      float[batch, height, width, channel], in the images' dtype; not clipped. Kernels that are positive with sum 1 keep
      the range [0, 1] up to the round-off of a Fourier transform.
    Raises:
      ValueError: if a kernel's side is even, or the number of kernels is neither 1 nor the batch size.
    """
    images = check_images(images)
    kernels = jnp.asarray(kernels)
    if kernels.ndim == 2:
        kernels = kernels[None]
    if kernels.ndim != 3 or len(kernels) not in (1, len(images)):
        raise ValueError(f"kernels of shape {kernels.shape} for {len(images)} images: give one, or one for each image")
    sides = kernels.shape[1:]
    if not all(side % 2 for side in sides):
        raise ValueError(f"kernels of {sides[0]}×{sides[1]}: give odd sides, so that they have a centre")
    dtype = jnp.promote_types(images.dtype, jnp.float32)
    border = [(0, 0), *((side // 2, side // 2) for side in sides), (0, 0)]
    padded = jnp.pad(images.astype(dtype), border, mode="reflect")
    return valid_convolution(padded, kernels.astype(dtype)).astype(images.dtype)
