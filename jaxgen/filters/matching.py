"""Template matching."""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.filters.checks import checked
from jaxgen.filters.windows import means_and_variances

MIN_DEVIATION = 1e-5
"""Standard deviation, in units of the [0, 1] range, below which a window is constant up to round-off."""


@jax.jit
def match_template(images: Array, template: Array) -> Array:
    """Computes the normalized correlation coefficient of the template with each window.

    Equals OpenCV's matchTemplate with TM_CCOEFF_NORMED: each channel's mean is subtracted, and the channels are summed.
    The correlation is computed by Fourier transforms, at the same cost for any template. For a constant window or
    template the coefficient is undefined, and 0 is returned (OpenCV returns 1 for a constant template). In float32 the
    error is about 1e-5 divided by the window's standard deviation.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      template: float[rows, columns, channel], or float[batch, rows, columns, channel], one for each image.
    Returns:
      float[batch, height − rows + 1, width − columns + 1, 1] in [−1, 1], by the window's upper left corner.
    Raises:
      ValueError: if the template is larger than the images, or its channels or batch differ.
    Reference: Lewis 1995.
    """
    images = checked(images)
    template = jnp.asarray(template, images.dtype)
    wanted = f"images of shape {images.shape}"
    if template.ndim not in (3, 4) or 0 in template.shape or template.shape[:-3] not in ((), (len(images),)):
        raise ValueError(
            f"a template of shape {template.shape} for {wanted}: give [rows, columns, channel], or one for each image"
        )
    if template.shape[-1] != images.shape[-1]:
        raise ValueError(f"a template of {template.shape[-1]} channels for {wanted}: give the same number")
    shape, (rows, columns) = images.shape[1:3], template.shape[-3:-1]
    if rows > shape[0] or columns > shape[1]:
        raise ValueError(f"a template of {rows}×{columns} pixels for {wanted}: it must fit inside")
    template = template - template.mean((-3, -2), keepdims=True)
    # Centered images reduce the round-off of the transforms; the result is the same, as the template's sum is 0.
    images = images - images.mean((1, 2), keepdims=True)
    # Windows inside the image are not affected by the wrap-around of the circular correlation.
    product = jnp.fft.rfft2(images, axes=(1, 2)) * jnp.conj(jnp.fft.rfft2(template, shape, axes=(-3, -2)))
    products = jnp.fft.irfft2(product.sum(-1), shape, axes=(1, 2))[:, : shape[0] - rows + 1, : shape[1] - columns + 1]
    count = rows * columns
    variance = means_and_variances(images, rows, columns)[1].sum(-1)
    template_variance = (template**2).mean((-3, -2)).sum(-1).reshape(-1, 1, 1)
    flat = jnp.minimum(variance, template_variance) < MIN_DEVIATION**2
    scale = jnp.sqrt(jnp.where(flat, 1, variance)) * jnp.sqrt(jnp.where(flat, 1, template_variance))
    return jnp.where(flat, 0, jnp.clip(products / (count * scale), -1, 1))[..., None]
