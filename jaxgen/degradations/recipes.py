"""The degradations of published blind super-resolution, by composition.

A factor drawn at random changes an image's size: under jit the images lie on canvases of fixed shape, so that factors
are continuous and each image has its own, as in the papers' programs.
"""

import math

import jax.numpy as jnp
from jax import Array

from jaxgen.degradations import canvas as canvases
from jaxgen.degradations.blurring import blur
from jaxgen.degradations.canvas import Canvas
from jaxgen.degradations.composition import apply_if, select, shuffled
from jaxgen.degradations.compression import jpeg
from jaxgen.degradations.kernels import gaussian_kernel, plateau_kernel, sinc_kernel, windowed
from jaxgen.degradations.noise import poisson_noise
from jaxgen.degradations.parameters import choice, floating, normal, streams, uniform, wide

INTERPOLATIONS = (1 / 3, 1 / 3, 1 / 3)
GAUSSIAN = canvases.METHODS.index("gaussian")
# Of both papers.
QUALITIES = (30.0, 95.0)
LEAST_SIDE = 7


def divided(images: Array, scale: int) -> tuple[int, int]:
    """Returns the height and width of the degraded images.

    Raises:
      ValueError: if the scale does not divide the images' sides.
    """
    height, width = images.shape[1:3]
    if scale < 1 or height % scale or width % scale:
        raise ValueError(f"images of {height}×{width} for a scale of {scale}: crop their sides to multiples of it")
    return height // scale, width // scale


def odd_sides(key: Array, examples: int, largest: int) -> Array:
    """Returns odd numbers from LEAST_SIDE to the largest, each as likely, int32[examples]."""
    return LEAST_SIDE + 2 * jnp.floor(uniform(key, examples, 0, (largest - LEAST_SIDE) // 2 + 1)).astype(jnp.int32)


def coloured_noise(key: Array, images: Array, sigma: Array, shared: Array) -> Array:
    """Returns the images with Gaussian noise of which a share is the same in all channels, clipped to [0, 1].

    Args:
      key: one key, or key[batch].
      images: float[batch, height, width, channel].
      sigma: float[batch], standard deviation.
      shared: float[batch], share of the variance that the channels have in common, 1 for grey noise.
    """
    own, common = streams(key, len(images), 2)
    sigma, shared = sigma[:, None, None, None], shared[:, None, None, None]
    noise = jnp.sqrt(1 - shared) * normal(own, images) + jnp.sqrt(shared) * normal(common, images[..., :1])
    return jnp.clip(images + sigma * noise, 0, 1)


def clipped(canvas: Canvas) -> Canvas:
    """Returns the images cut to [0, 1], where bicubic interpolation and sinc filters overshoot."""
    return canvas._replace(images=jnp.clip(canvas.images, 0, 1))


def compressed(key: Array, canvas: Canvas) -> Canvas:
    """Returns the images as JPEG files of random quality."""
    return canvases.jpeg(canvas, uniform(key, len(canvas.images), *QUALITIES))


def bsrgan(key: Array, images: Array, scale: int) -> Array:
    """Returns the images smaller, and damaged as in BSRGAN: six stages in random order, then JPEG.

    Two blurs (isotropic or anisotropic Gaussians, sides 7 to 25), a downsampling by a random factor in [1, 2 · scale)
    or by a Gaussian and decimation, one to the final size, Gaussian noise (σ 2 to 25 of 255) and, nine times in ten,
    JPEG (quality 30 to 95), shuffled for each image, the two downsamplings in their order; then JPEG.

    Differs from the paper: the seventh stage, a camera's processing in a quarter of the images, is left out, and the
    halving before the others in a quarter of those with scale 4; noise correlated between the channels has one random
    correlation instead of a random covariance; the Gaussian before decimation lies at the centre of each new pixel.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1], the channels 1 or 3.
      scale: of super-resolution; it divides height and width.
    Returns:
      float[batch, height / scale, width / scale, channel] in [0, 1], in the images' dtype.
    Raises:
      ValueError: if the scale does not divide the sides.
    Reference: Zhang et al. 2021, "Designing a practical degradation model for deep blind image super-resolution".
    """
    dtype, images = floating(images).dtype, wide(floating(images))
    height, width = divided(images, scale)
    shape = images.shape[1:3]

    def blurred(key: Array, canvas: Canvas) -> Canvas:
        n = len(canvas.images)
        chance, first, second, angle, side = streams(key, n, 5)
        isotropic = uniform(chance, n) < 0.5
        round_ = (2 + 0.2 * scale) * uniform(first, n)
        # The two variances, not the deviations, are uniform.
        along, across = (jnp.sqrt((4 + scale) * uniform(k, n)) for k in (first, second))
        sigmas = (jnp.where(isotropic, round_, sigma) for sigma in (along, across))
        kernels = gaussian_kernel(*sigmas, uniform(angle, n, 0, math.pi), 25)
        return canvases.blur(canvas, windowed(kernels, odd_sides(side, n, 25)))

    def downsampled(key: Array, canvas: Canvas) -> Canvas:
        n = len(canvas.images)
        chance, drawn, method, sigma = streams(key, n, 4)
        decimated = uniform(chance, n) < 0.25
        factor = jnp.where(decimated, scale, uniform(drawn, n, 1, 2 * scale))
        sides = (jnp.maximum(jnp.floor(side / factor), 1).astype(int) for side in (canvas.height, canvas.width))
        method = jnp.where(decimated, GAUSSIAN, choice(method, INTERPOLATIONS, n))
        return clipped(canvases.resize(canvas, *sides, shape, method, uniform(sigma, n, 0.1, 0.6 * scale)))

    def finished(key: Array, canvas: Canvas) -> Canvas:
        n = len(canvas.images)
        sides = (jnp.full(n, side) for side in (height, width))
        return clipped(canvases.resize(canvas, *sides, shape, choice(key, INTERPOLATIONS, n)))

    def noisy(key: Array, canvas: Canvas) -> Canvas:
        n = len(canvas.images)
        level, kind, share, noise = streams(key, n, 4)
        shared = jnp.stack([jnp.zeros(n), jnp.ones(n), uniform(share, n)])[
            choice(kind, (0.4, 0.4, 0.2), n), jnp.arange(n)
        ]
        return canvas._replace(images=coloured_noise(noise, canvas.images, uniform(level, n, 2, 25) / 255, shared))

    stages = shuffled(blurred, blurred, downsampled, finished, noisy, apply_if(0.9, compressed), in_order=(2, 3))
    order, last = streams(key, len(images), 2)
    small = stages(order, canvases.whole(images)).images[:, :height, :width]
    return jpeg(small, uniform(last, len(images), *QUALITIES)).astype(dtype)


def random_kernels(key: Array, examples: int, widest: float) -> Array:
    """Returns the blur kernels of Real-ESRGAN: Gaussian, generalized, plateau or sinc, of sides 7 to 21.

    Args:
      key: one key, or key[examples].
      examples: number of kernels.
      widest: largest deviation in pixels; the smallest is 0.2.
    Returns:
      float32[examples, 21, 21].
    """
    kind, first, second, angle, side, half, exponent, cutoff = streams(key, examples, 8)
    # A tenth is sinc; of the others, isotropic and anisotropic Gaussian, generalized, plateau.
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
    return windowed(kernels[family, jnp.arange(examples)], side)


def resized(key: Array, canvas: Canvas, sides: tuple[int, int], least: float, most: float, chances: tuple) -> Canvas:
    """Returns the images at random factors of a size, on a canvas that holds the largest.

    Args:
      key: one key, or key[batch].
      canvas: of the images.
      sides: (height, width) that the factor multiplies.
      least: smallest factor.
      most: largest factor.
      chances: probabilities of a factor in [1, most), of one in [least, 1) and of 1.
    """
    n = len(canvas.images)
    kind, larger, smaller, method = streams(key, n, 4)
    factors = jnp.stack([uniform(larger, n, 1, most), uniform(smaller, n, least, 1), jnp.ones(n)])
    factor = factors[choice(kind, chances, n), jnp.arange(n)]
    targets = (jnp.maximum(jnp.floor(side * factor), 1).astype(int) for side in sides)
    shape = tuple(math.ceil(side * most) for side in sides)
    return clipped(canvases.resize(canvas, *targets, shape, choice(method, INTERPOLATIONS, n)))


def sensor_noise(key: Array, canvas: Canvas, sigma: float, scale: float) -> Canvas:
    """Returns the images with Gaussian or Poisson noise, each half the time, grey in two fifths, cut to [0, 1].

    Args:
      key: one key, or key[batch].
      canvas: of the images.
      sigma: largest deviation of the Gaussian, of 255; the smallest is 1.
      scale: largest factor of the Poisson noise, which is that of 256 photons at white; the smallest is 0.05.
    """
    images, n = canvas.images, len(canvas.images)
    kind, grey, level, noise = streams(key, n, 4)
    grey = uniform(grey, n) < 0.4
    gaussian = coloured_noise(noise, images, uniform(level, n, 1, sigma) / 255, grey.astype(images.dtype))
    of_grey, of_colour = (poisson_noise(noise, x, 256) - x for x in (images.mean(-1, keepdims=True), images))
    counts = select(grey, jnp.broadcast_to(of_grey, images.shape), of_colour)
    poisson = jnp.clip(images + uniform(level, n, 0.05, scale)[:, None, None, None] * counts, 0, 1)
    return canvas._replace(images=select(uniform(kind, n) < 0.5, gaussian, poisson))


def real_esrgan(key: Array, images: Array, scale: int) -> Array:
    """Returns the images smaller, and damaged as in Real-ESRGAN: twice blur, resize, noise and JPEG, and a sinc filter.

    The first pass resizes by a factor in [0.15, 1.5), the second to one in [0.3, 1.2) of the final size; the last JPEG
    comes before or after the final resize and sinc filter. All settings are those of the published ×4 model.

    Differs from the paper: a batch needs no pool of earlier images, each image having its own factors; Poisson noise is
    always of 256 photons at white, and the grey one that of the channels' mean. The sharpening of the clean images is
    no degradation and is left to the caller.

    Args:
      key: one key, or key[batch], one for each example.
      images: float[batch, height, width, channel] in [0, 1], the channels 1 or 3.
      scale: of super-resolution; it divides height and width.
    Returns:
      float[batch, height / scale, width / scale, channel] in [0, 1], in the images' dtype, multiples of 1 / 255.
    Raises:
      ValueError: if the scale does not divide the sides.
    Reference: Wang et al. 2021, "Real-ESRGAN: training real-world blind super-resolution with pure synthetic data".
    """
    dtype, images = floating(images).dtype, wide(floating(images))
    n, small = len(images), divided(images, scale)
    first, second, last = streams(key, n, 3)
    kernel, size, noise, quality = streams(first, n, 4)
    canvas = canvases.whole(blur(images, random_kernels(kernel, n, 3.0)))
    canvas = resized(size, canvas, images.shape[1:3], 0.15, 1.5, (0.2, 0.7, 0.1))
    canvas = compressed(quality, sensor_noise(noise, canvas, 30, 3.0))

    chance, kernel, size, noise, quality = streams(second, n, 5)
    twice = canvases.blur(canvas, random_kernels(kernel, n, 1.5))
    canvas = clipped(select(uniform(chance, n) < 0.8, twice, canvas))
    canvas = sensor_noise(noise, resized(size, canvas, small, 0.3, 1.2, (0.3, 0.4, 0.3)), 25, 2.5)

    order, method, chance, cutoff, side = streams(last, n, 5)
    before = uniform(order, n) < 0.5
    canvas = select(before, compressed(quality, canvas), canvas)
    canvas = canvases.resize(canvas, *(jnp.full(n, s) for s in small), small, choice(method, INTERPOLATIONS, n))
    ringing = windowed(sinc_kernel(uniform(cutoff, n, math.pi / 3, math.pi), 21), odd_sides(side, n, 21))
    filtered = jnp.clip(select(uniform(chance, n) < 0.8, blur(canvas.images, ringing), canvas.images), 0, 1)
    after = jpeg(filtered, uniform(quality, n, *QUALITIES))
    return select(before, jnp.round(filtered * 255) / 255, after).astype(dtype)
