"""Where a template is found in an image."""

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.filters.checks import checked
from jaxgen.filters.windows import means_and_variances

# A window whose standard deviation is below this part of the [0, 1] range, 1/400 of a grey level, is flat: what is left
# of it is rounding.
FLAT = 1e-5


@jax.jit
def match_template(images: Array, template: Array) -> Array:
    """Returns the normalised correlation coefficient of the template with each window of its size.

    OpenCV's matchTemplate with TM_CCOEFF_NORMED: each channel's mean is subtracted, and the channels are summed. The
    correlation is a product of Fourier transforms, its cost the same for any template. Where the window or the template
    is flat, the coefficient is undefined and given as 0 (OpenCV gives 1 for a flat template). In single precision a
    coefficient is known to about 1e-5 divided by the window's standard deviation.

    Args:
      images: float[batch, height, width, channel] in [0, 1].
      template: float[rows, columns, channel], or float[batch, rows, columns, channel], one for each image.
    Returns:
      float[batch, height − rows + 1, width − columns + 1, 1] in [−1, 1], at each window's upper left corner.
    Raises:
      ValueError: if the template is larger than the images, or has other channels or another batch.
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
        raise ValueError(f"a template of {template.shape[-1]} channels for {wanted}: give as many")
    shape, (rows, columns) = images.shape[1:3], template.shape[-3:-1]
    if rows > shape[0] or columns > shape[1]:
        raise ValueError(f"a template of {rows}×{columns} pixels for {wanted}: it must fit inside")
    template = template - template.mean((-3, -2), keepdims=True)
    # Without the images' mean there is less to round in the transforms; the template's sum is 0, so it does not count.
    images = images - images.mean((1, 2), keepdims=True)
    # Only windows inside the image are kept, and none of them meets what a circular correlation carries around.
    product = jnp.fft.rfft2(images, axes=(1, 2)) * jnp.conj(jnp.fft.rfft2(template, shape, axes=(-3, -2)))
    products = jnp.fft.irfft2(product.sum(-1), shape, axes=(1, 2))[:, : shape[0] - rows + 1, : shape[1] - columns + 1]
    count = rows * columns
    variance = means_and_variances(images, rows, columns)[1].sum(-1)
    template_variance = (template**2).mean((-3, -2)).sum(-1).reshape(-1, 1, 1)
    flat = jnp.minimum(variance, template_variance) < FLAT**2
    scale = jnp.sqrt(jnp.where(flat, 1, variance)) * jnp.sqrt(jnp.where(flat, 1, template_variance))
    return jnp.where(flat, 0, jnp.clip(products / (count * scale), -1, 1))[..., None]
