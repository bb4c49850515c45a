"""The degradation models of published blind super-resolution: BSRGAN and Real-ESRGAN.

Random scale factors change the size of an image: under jit the images lie on canvases of static shape, so that the
factors are continuous and factor_key for each image, as in the authors' programs.
"""

import math

import jax.numpy as jnp
from jax import Array

from jaxgen.degradations import canvas as canvases
from jaxgen.degradations.blurring import blur
from jaxgen.degradations.canvas import Canvas
from jaxgen.degradations.composition import apply_if, select, shuffled
from jaxgen.degradations.compression import jpeg
from jaxgen.degradations.draws import at_least_float32, check_images, choice, image_size, split_keys, uniform
from jaxgen.degradations.kernels import crop_kernel, gaussian_kernel, plateau_kernel, sinc_kernel
from jaxgen.degradations.noise import poisson_noise, shared_noise
from jaxgen.degradations.registry import register

INTERPOLATIONS = (1 / 3, 1 / 3, 1 / 3)
GAUSSIAN = canvases.METHODS.index("gaussian")
QUALITIES = (30.0, 95.0)
"""Range of the JPEG quality in both papers."""
MIN_KERNEL_SIDE = 7


def downsampled_size(images: Array, scale: int) -> tuple[int, int]:
    """Returns the height and the width of the degraded images.

    Raises:
      ValueError: if the scale does not divide the images' sides.
    """
    height, width = image_size(images)
    if scale < 1 or height % scale or width % scale:
        raise ValueError(f"images of {height}×{width} for a scale of {scale}: crop their sides to multiples of it")
    return height // scale, width // scale


def odd_sides(key: Array, examples: int, largest: int) -> Array:
    """Draws odd numbers from MIN_KERNEL_SIDE to the largest, uniformly, int32[examples]."""
    return MIN_KERNEL_SIDE + 2 * jnp.floor(uniform(key, examples, 0, (largest - MIN_KERNEL_SIDE) // 2 + 1)).astype(
        jnp.int32
    )


def clip(canvas: Canvas) -> Canvas:
    """Clips images to [0, 1], as bicubic interpolation and sinc filters overshoot."""
    return canvas._replace(images=jnp.clip(canvas.images, 0, 1))


def random_jpeg(key: Array, canvas: Canvas) -> Canvas:
    """Compresses images by JPEG of random quality."""
    return canvases.jpeg(canvas, uniform(key, len(canvas.images), *QUALITIES))


def bsrgan(key: Array, images: Array, scale: int) -> Array:
    """Downsamples and degrades images by the model of BSRGAN: six stages in random order, then JPEG.

    Two blurs (isotropic or anisotropic Gaussians, sides 7 to 25), a downsampling by a random factor in [1, 2 · scale)
    or by a Gaussian and decimation, another to the final size, Gaussian noise (σ 2 to 25 of 255) and, with probability
    0.9, JPEG (quality 30 to 95); the order is random for each image, except that of the two downsamplings. Then JPEG.

    Differences from the paper: the seventh stage (camera sensor noise, a quarter of the images) is left out, and so is
    the initial halving in a quarter of the images at scale 4; correlated noise has one random correlation instead of a
    random covariance; the Gaussian before decimation is centered on each new pixel.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1], the channels 1 or 3.
      scale: factor of super-resolution; divides height and width.
    Returns:
      float[batch, height / scale, width / scale, channel] in [0, 1], in the images' dtype.
    Raises:
      ValueError: if the scale does not divide the sides.
    Reference: Zhang et al. 2021, "Designing a practical degradation model for deep blind image super-resolution".
    """
    dtype, images = check_images(images).dtype, at_least_float32(check_images(images))
    height, width = downsampled_size(images, scale)
    shape = image_size(images)

    def blurred(key: Array, canvas: Canvas) -> Canvas:
        n = len(canvas.images)
        decision, first, second, angle, side = split_keys(key, n, 5)
        isotropic = uniform(decision, n) < 0.5
        round_ = (2 + 0.2 * scale) * uniform(first, n)
        # The two variances, not the deviations, are uniform.
        along, across = (jnp.sqrt((4 + scale) * uniform(k, n)) for k in (first, second))
        along, across = (jnp.where(isotropic, round_, sigma) for sigma in (along, across))
        kernels = gaussian_kernel(along, across, uniform(angle, n, 0, math.pi), 25)
        return canvases.blur(canvas, crop_kernel(kernels, odd_sides(side, n, 25)))

    def downsampled(key: Array, canvas: Canvas) -> Canvas:
        n = len(canvas.images)
        decision, factor_key, method, sigma = split_keys(key, n, 4)
        decimated = uniform(decision, n) < 0.25
        factor = jnp.where(decimated, scale, uniform(factor_key, n, 1, 2 * scale))
        new_height, new_width = (
            jnp.maximum(jnp.floor(side / factor), 1).astype(int) for side in (canvas.height, canvas.width)
        )
        method = jnp.where(decimated, GAUSSIAN, choice(method, INTERPOLATIONS, n))
        sigmas = uniform(sigma, n, 0.1, 0.6 * scale)
        return clip(canvases.resize(canvas, new_height, new_width, shape, method, sigmas))

    def finished(key: Array, canvas: Canvas) -> Canvas:
        n = len(canvas.images)
        method = choice(key, INTERPOLATIONS, n)
        return clip(canvases.resize(canvas, jnp.full(n, height), jnp.full(n, width), shape, method))

    def noisy(key: Array, canvas: Canvas) -> Canvas:
        n = len(canvas.images)
        level, kind, share, noise = split_keys(key, n, 4)
        shared = jnp.stack([jnp.zeros(n), jnp.ones(n), uniform(share, n)])[
            choice(kind, (0.4, 0.4, 0.2), n), jnp.arange(n)
        ]
        return clip(canvas._replace(images=shared_noise(noise, canvas.images, uniform(level, n, 2, 25) / 255, shared)))

    stages = shuffled(blurred, blurred, downsampled, finished, noisy, apply_if(0.9, random_jpeg), in_order=(2, 3))
    order, last = split_keys(key, len(images), 2)
    small = stages(order, canvases.full_canvas(images)).images[:, :height, :width]
    return jpeg(small, uniform(last, len(images), *QUALITIES)).astype(dtype)


register(
    bsrgan,
    "the degradation model of BSRGAN",
    sample=lambda keys, images, hyper, scale: bsrgan(keys, images, scale),
    example={"scale": 2},
    grain=False,
    resizes=True,
)


def random_kernels(key: Array, examples: int, widest: float) -> Array:
    """Draws the blur kernels of Real-ESRGAN: Gaussian, generalized Gaussian, plateau or sinc, of sides 7 to 21.

    Args:
      key: one key, or key[examples].
      examples: number of kernels.
      widest: largest standard deviation in pixels; the smallest is 0.2.
    Returns:
      float32[examples, 21, 21].
    """
    kind, first, second, angle, side, half, exponent, cutoff = split_keys(key, examples, 8)
    # Isotropic and anisotropic Gaussian, generalized and plateau kernels; a tenth is sinc.
    kind = choice(kind, (0.405, 0.225, 0.108, 0.027, 0.108, 0.027, 0.1), examples)
    side, low = odd_sides(side, examples, 21), uniform(half, examples) < 0.5
    sigma_x, sigma_y = (uniform(k, examples, 0.2, widest) for k in (first, second))
    sigmas = sigma_x, jnp.where(kind % 2 == 0, sigma_x, sigma_y), uniform(angle, examples, -math.pi, math.pi)
    general = uniform(exponent, examples, jnp.where(low, 0.5, 1.0), jnp.where(low, 1.0, 4.0))
    plateau = jnp.where(low, 1.0, uniform(exponent, examples, 1.0, 2.0))
    lowest = jnp.where(side < 13, math.pi / 3, math.pi / 5)
    kernels = jnp.stack(
        [
            gaussian_kernel(*sigmas, 21, jnp.where(kind < 2, 1.0, general)),
            plateau_kernel(*sigmas, 21, plateau),
            sinc_kernel(uniform(cutoff, examples, lowest, math.pi), 21),
        ]
    )
    family = jnp.array([0, 0, 0, 0, 1, 1, 2])[kind]
    return crop_kernel(kernels[family, jnp.arange(examples)], side)


def random_resize(
    key: Array, canvas: Canvas, sides: tuple[int, int], least: float, most: float, probabilities: tuple
) -> Canvas:
    """Resizes images by random factors, on a canvas that holds the largest.

    Args:
      key: one key, or key[batch].
      canvas: of the images.
      sides: (height, width) to which the factors are relative.
      least: smallest factor.
      most: largest factor.
      probabilities: of a factor in [1, most), of one in [least, 1) and of 1.
    """
    n = len(canvas.images)
    kind, larger, smaller, method = split_keys(key, n, 4)
    factors = jnp.stack([uniform(larger, n, 1, most), uniform(smaller, n, least, 1), jnp.ones(n)])
    factor = factors[choice(kind, probabilities, n), jnp.arange(n)]
    height, width = (jnp.maximum(jnp.floor(side * factor), 1).astype(int) for side in sides)
    shape = math.ceil(sides[0] * most), math.ceil(sides[1] * most)
    return clip(canvases.resize(canvas, height, width, shape, choice(method, INTERPOLATIONS, n)))


def sensor_noise(key: Array, canvas: Canvas, sigma: float, scale: float) -> Canvas:
    """Adds Gaussian or Poisson noise, each with probability 0.5, gray with probability 0.4, and clips to [0, 1].

    Args:
      key: one key, or key[batch].
      canvas: of the images.
      sigma: largest standard deviation of Gaussian noise, in gray levels; the smallest is 1.
      scale: largest factor of the Poisson noise of 256 photons at white; the smallest is 0.05.
    """
    images, n = canvas.images, len(canvas.images)
    kind, gray, level, noise = split_keys(key, n, 4)
    gray = uniform(gray, n) < 0.4
    gaussian = shared_noise(noise, images, uniform(level, n, 1, sigma) / 255, gray.astype(images.dtype))
    gray_counts, color_counts = (poisson_noise(noise, x, 256) - x for x in (images.mean(-1, keepdims=True), images))
    counts = select(gray, jnp.broadcast_to(gray_counts, images.shape), color_counts)
    poisson = jnp.clip(images + uniform(level, n, 0.05, scale)[:, None, None, None] * counts, 0, 1)
    return canvas._replace(images=select(uniform(kind, n) < 0.5, jnp.clip(gaussian, 0, 1), poisson))


def real_esrgan(key: Array, images: Array, scale: int) -> Array:
    """Downsamples and degrades images by the model of Real-ESRGAN: two passes, then a sinc filter.

    A pass is blur, resize, noise and JPEG. The first one resizes by a factor in [0.15, 1.5), the second to [0.3, 1.2)
    of the final size; the last JPEG comes before or after the final resize and sinc filter. All settings are those of
    the published ×4 model.

    Differences from the paper: each image has its own factors, so that no pool of earlier images is needed; Poisson
    noise is always that of 256 photons at white, and gray noise that of the channels' mean. Sharpening of the clean
    images is left to the caller.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1], the channels 1 or 3.
      scale: factor of super-resolution; divides height and width.
    Returns:
      float[batch, height / scale, width / scale, channel] in [0, 1], in the images' dtype, multiples of 1 / 255.
    Raises:
      ValueError: if the scale does not divide the sides.
    Reference: Wang et al. 2021, "Real-ESRGAN: training real-world blind super-resolution with pure synthetic data".
    """
    dtype, images = check_images(images).dtype, at_least_float32(check_images(images))
    n, small = len(images), downsampled_size(images, scale)
    first, second, last = split_keys(key, n, 3)
    kernel, size, noise, quality = split_keys(first, n, 4)
    canvas = canvases.full_canvas(blur(images, random_kernels(kernel, n, 3.0)))
    canvas = random_resize(size, canvas, image_size(images), 0.15, 1.5, (0.2, 0.7, 0.1))
    canvas = random_jpeg(quality, sensor_noise(noise, canvas, 30, 3.0))

    decision, kernel, size, noise, quality = split_keys(second, n, 5)
    blurred = canvases.blur(canvas, random_kernels(kernel, n, 1.5))
    canvas = clip(select(uniform(decision, n) < 0.8, blurred, canvas))
    canvas = sensor_noise(noise, random_resize(size, canvas, small, 0.3, 1.2, (0.3, 0.4, 0.3)), 25, 2.5)

    order, method, decision, cutoff, side = split_keys(last, n, 5)
    before = uniform(order, n) < 0.5
    canvas = select(before, random_jpeg(quality, canvas), canvas)
    height, width = (jnp.full(n, side) for side in small)
    canvas = canvases.resize(canvas, height, width, small, choice(method, INTERPOLATIONS, n))
    ringing = crop_kernel(sinc_kernel(uniform(cutoff, n, math.pi / 3, math.pi), 21), odd_sides(side, n, 21))
    filtered = jnp.clip(select(uniform(decision, n) < 0.8, blur(canvas.images, ringing), canvas.images), 0, 1)
    after = jpeg(filtered, uniform(quality, n, *QUALITIES))
    return select(before, jnp.round(filtered * 255) / 255, after).astype(dtype)


register(
    real_esrgan,
    "the degradation model of Real-ESRGAN",
    sample=lambda keys, images, hyper, scale: real_esrgan(keys, images, scale),
    example={"scale": 2},
    grain=False,
    resizes=True,
)
