"""Structural similarity, for the loss and for the metric."""

import jax.numpy as jnp
from jax import Array, lax

from jaxgen.losses.per_example import Images, matched_images, mean

WINDOW = 11
DEVIATION = 1.5
LUMINANCE_CONSTANT = 0.01
CONTRAST_CONSTANT = 0.03


def window_matrix(size: int, dtype: jnp.dtype) -> Array:
    """Returns float[size − 10, size]: each row is the Gaussian window around one pixel that has all its neighbours."""
    offset = jnp.arange(size) - jnp.arange(size - WINDOW + 1)[:, None] - WINDOW // 2
    weights = jnp.where(abs(offset) <= WINDOW // 2, jnp.exp(-((offset / DEVIATION) ** 2).astype(dtype) / 2), 0)
    return weights / weights.sum(1, keepdims=True)


def window_means(x: Array) -> Array:
    """Returns the Gaussian-weighted mean over each window, float[batch, h − 10, w − 10, channel].

    Two products with banded matrices: XLA:CPU differentiates eleven shifted additions 4 to 9 times more slowly on 256²
    to 32² pixels, and a convolution more slowly still. The variances are small differences of these means, so an
    accelerator's default precision, 10 bits of mantissa or fewer, would leave nothing of them.
    """
    rows, columns = (window_matrix(size, x.dtype) for size in x.shape[1:3])
    x = jnp.einsum("oh,bhwc->bowc", rows, x, precision=lax.Precision.HIGHEST)
    return jnp.einsum("ow,bhwc->bhoc", columns, x, precision=lax.Precision.HIGHEST)


def ssim(reference: Images, image: Images, max_value: float = 1.0) -> Array:
    """Returns the structural similarity, averaged over windows and channels.

    Gaussian window of 11×11 pixels with σ = 1.5, population covariance, and only windows that lie inside the image:
    scikit-image's with gaussian_weights=True, sigma=1.5 and use_sample_covariance=False, which are not its defaults.

    Args:
      reference: float[batch, height, width, channel].
      image: float[batch, height, width, channel].
      max_value: the images' range, 1 for images in [0, 1].
    Returns:
      float[batch] in [-1, 1]; 1 for equal images.
    Raises:
      ValueError: if the shapes differ, the images are smaller than the window, or whole numbers have a max_value of 1.
    Reference: Wang et al. 2004, equation 13.
    """
    x, y = matched_images(reference, image, max_value)
    luminance, structure = similarity_maps(x, y, max_value, "SSIM")
    return mean(luminance * structure)


def similarity_maps(x: Array, y: Array, max_value: float, metric: str, scales: int = 1) -> tuple[Array, Array]:
    """Returns the similarities of luminance, and of contrast and structure, of each window.

    Args:
      x: float[batch, height, width, channel].
      y: of the same shape.
      max_value: the images' range.
      metric: its name, for errors.
      scales: at which the metric compares the images, each of half the size, this one included.
    Returns:
      two arrays float[batch, height − 10, width − 10, channel].
    Raises:
      ValueError: if the images are too small for a window at the last scale.
    """
    if min(x.shape[1:3]) < (least := smallest_side(scales)):
        raise ValueError(f"images of {x.shape[1]}×{x.shape[2]} pixels: {metric} needs at least {least}×{least}")
    mean_x, mean_y, mean_squares, mean_product = map(window_means, (x, y, x * x + y * y, x * y))
    c1, c2 = (LUMINANCE_CONSTANT * max_value) ** 2, (CONTRAST_CONSTANT * max_value) ** 2
    squared_means, product = mean_x**2 + mean_y**2, mean_x * mean_y
    luminance = (2 * product + c1) / (squared_means + c1)
    structure = (2 * (mean_product - product) + c2) / (mean_squares - squared_means + c2)
    return luminance, structure


def smallest_side(scales: int = 1) -> int:
    """Returns the side in pixels of the smallest image that holds a window after scales − 1 halvings, rounded up."""
    return (WINDOW - 1) * 2 ** (scales - 1) + 1
