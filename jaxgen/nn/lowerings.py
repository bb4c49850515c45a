"""How each of the three convolutions is computed: by XLA's own operations, or on a CPU by matrix products.

A GPU or TPU always gets the plain `lax.conv_general_dilated`, and so do a dtype of less than 32 bits, which XLA then
accumulates in float32, and, where the choice depends on the size, images of a size that is not known yet. On a CPU
three lowerings replace it where they were measured to be faster, on an AMD EPYC with jax 0.12: times below are ms
on one core, XLA's own first. There XLA's fast convolution runs at 100 GFLOP/s a core and leaves little to gain.
Measured, and as fast or slower: patches (for images and for wide layers), folding stride 2 into channels, one
convolution for each phase of a transposed one, Winograd's for stride 2, and the kernel's gradient as matrix products,
one for each tap or one of patches.

Arguments are those of `convolution`, which has checked them.
"""

from functools import partial
from itertools import product

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

Padding = tuple[tuple[int, int], ...]
"""((top, bottom), (left, right)), pixels of zeros around an image."""
Size = tuple[int, ...]
"""(height, width) in pixels."""

# Written so that XLA:CPU finds its fast convolution inside the body of a loop as well, where nothing is canonicalised.
DIMENSIONS = ("NHWC", "HWIO", "NHWC")

# Transposed convolutions are faster as a matrix product for at most this many channels of the result (images) ...
MAX_IMAGE_CHANNELS = 4
# ... or at least this many channels of the operand (the deepest layers).
MIN_DEEP_CHANNELS = 256
# Winograd's convolution is slower for fewer channels, or fewer 2×2 tiles of the output: transforms dominate.
MIN_WINOGRAD_CHANNELS = 32
MIN_WINOGRAD_TILES = 1024
# The kernel's gradient is faster mirrored from this ratio of input channels to output channels on.
MIN_MIRRORED_RATIO = 4
# Largest intermediate array of a lowering, in elements (64 MiB of float32). Larger ones leave the cache, and Winograd's
# convolution took 1.1 to 2.2 times as long as XLA's.
MAX_ELEMENTS = 1 << 24


def output_size(size: Size, kernel: Size, stride: int, padding: Padding) -> Size:
    """Returns the (height, width) that a convolution makes of an image of `size`.

    Args:
      size: (height, width) of the image.
      kernel: (height, width) of the kernel.
      stride: pixels between two outputs.
      padding: pixels of zeros around the image.
    Raises:
      ValueError: if the kernel is larger than the padded image.
    """
    free = [length + low + high - side for length, side, (low, high) in zip(size, kernel, padding, strict=True)]
    # One by one: symbolic sizes cannot be compared with each other.
    if any(length < 0 for length in free):
        raise ValueError(
            f"a {kernel[0]}x{kernel[1]} kernel does not fit an image of {size[0]}x{size[1]}, padded {padding}"
        )
    return free[0] // stride + 1, free[1] // stride + 1


def forward(x: Array, w: Array, stride: int, padding: Padding) -> Array:
    """Returns the convolution of images float[n, h, w, i] and kernel float[kh, kw, i, o]."""
    direct = partial(direct_forward, stride=stride, padding=padding)
    (kh, kw, inputs, outputs), (height, width) = w.shape, output_size(x.shape[1:3], w.shape[:2], stride, padding)
    tiles = x.shape[0] * -(-height // 2) * -(-width // 2)
    wide = is_known(tiles) and min(inputs, outputs) >= MIN_WINOGRAD_CHANNELS and tiles >= MIN_WINOGRAD_TILES
    if (kh, kw, stride) == (3, 3, 1) and wide and 16 * tiles * (inputs + outputs) < MAX_ELEMENTS:
        return on_cpu(partial(winograd, padding=padding), direct, x, w)
    return direct(x, w)


def input_gradient(g: Array, w: Array, stride: int, padding: Padding, size: Size) -> Array:
    """Returns the transposed convolution of g float[n, h', w', o], of `size`."""
    kh, kw, inputs, outputs = w.shape
    if stride == 1:
        return forward(g, flip(w), 1, gradient_padding(g, w, 1, padding, size))
    direct = partial(direct_input_gradient, stride=stride, padding=padding, size=size)
    few_or_many = inputs <= MAX_IMAGE_CHANNELS or outputs >= MIN_DEEP_CHANNELS
    if few_or_many and is_known(g.size) and g.size // outputs * kh * kw * inputs < MAX_ELEMENTS:
        return on_cpu(partial(sum_of_shifted_products, stride=stride, padding=padding, size=size), direct, g, w)
    return direct(g, w)


def kernel_gradient(x: Array, g: Array, stride: int, padding: Padding, kernel: Size) -> Array:
    """Returns the gradient with respect to the kernel, float[*kernel, i, o]."""
    direct = partial(direct_kernel_gradient, stride=stride, padding=padding, kernel=kernel)
    if stride == 1 and MIN_MIRRORED_RATIO * g.shape[3] <= x.shape[3]:
        return on_cpu(partial(mirrored_kernel_gradient, padding=padding, kernel=kernel), direct, x, g)
    return direct(x, g)


def direct_kernel_gradient(x: Array, g: Array, stride: int, padding: Padding, kernel: Size) -> Array:
    """Returns the kernel's gradient by XLA's convolution.

    It is a convolution by the dilated g that has the channels for its batch and the batch for its channels.
    """
    pads = [
        (low, k_len + (g_len - 1) * stride - x_len - low)
        for x_len, g_len, k_len, (low, _) in zip(x.shape[1:3], g.shape[1:3], kernel, padding, strict=True)
    ]
    summed = lax.conv_general_dilated(
        x.transpose(3, 1, 2, 0),
        g.transpose(1, 2, 0, 3),
        (1, 1),
        pads,
        rhs_dilation=(stride, stride),
        dimension_numbers=DIMENSIONS,
    )
    return summed.transpose(1, 2, 0, 3)


def mirrored_kernel_gradient(x: Array, g: Array, padding: Padding, kernel: Size) -> Array:
    """Returns the kernel's gradient at stride 1 with image and gradient exchanged, which mirrors the taps.

    Few outputs are the columns of a narrow matrix product; this way round they are its rows. Last layers of 16 images
    of 32×32 took 2.2 -> 0.7 (24 to 4 channels) and 6.3 -> 2.7 (64 to 12), 32 images of 40×40 from 64 channels to one
    5.9 -> 1.7.
    """
    ahead = tuple((side - 1 - low, side - 1 - high) for side, (low, high) in zip(kernel, padding, strict=True))
    mirrored = direct_kernel_gradient(g, x, 1, ahead, kernel)
    return mirrored[::-1, ::-1].swapaxes(2, 3)


def is_known(size) -> bool:
    """Returns whether a size is an integer, and not a symbolic size of an exported program."""
    return isinstance(size, int)


def on_cpu(lowering, otherwise, *operands: Array) -> Array:
    """Computes by `lowering` on a CPU, and by `otherwise` on any other platform.

    The choice is made when the program is lowered, for the platform that it is lowered for.
    """
    if any(operand.dtype not in (jnp.float32, jnp.float64) for operand in operands):
        return otherwise(*operands)
    return lax.platform_dependent(*operands, cpu=lowering, default=otherwise)


def direct_forward(x: Array, w: Array, stride: int, padding: Padding) -> Array:
    """Returns XLA's convolution."""
    return lax.conv_general_dilated(x, w, (stride, stride), padding, dimension_numbers=DIMENSIONS)


def direct_input_gradient(g: Array, w: Array, stride: int, padding: Padding, size: Size) -> Array:
    """Returns the transposed convolution by XLA's convolution of a dilated image."""
    pads = gradient_padding(g, w, stride, padding, size)
    return lax.conv_general_dilated(
        g, flip(w), (1, 1), pads, lhs_dilation=(stride, stride), dimension_numbers=DIMENSIONS
    )


def flip(w: Array) -> Array:
    """Returns the kernel of the transposed convolution."""
    return w[::-1, ::-1].swapaxes(2, 3)


def gradient_padding(g: Array, w: Array, stride: int, padding: Padding, size: Size) -> Padding:
    """Returns the padding with which the flipped kernel makes an image of `size` of the dilated g.

    It is negative where pixels are cut off.
    """
    pads = []
    for g_len, k_len, x_len, (low, _) in zip(g.shape[1:3], w.shape[:2], size, padding, strict=True):
        before = k_len - 1 - low
        pads.append((before, x_len + k_len - 1 - before - ((g_len - 1) * stride + 1)))
    return tuple(pads)


def pad_to(x: Array, size: Size, padding: Padding) -> Array:
    """Returns images with zeros at top and left as in `padding`, and zeros or cuts elsewhere to make them of `size`."""
    edges = [(low, target - low - side, 0) for side, target, (low, _) in zip(x.shape[1:3], size, padding, strict=True)]
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *edges, (0, 0, 0)])


def shifted(x: Array, i: int, j: int, step: int, size: Size) -> Array:
    """Returns `size` pixels of an image, `step` apart, from pixel (i, j)."""
    return x[:, i : i + step * (size[0] - 1) + 1 : step, j : j + step * (size[1] - 1) + 1 : step]


def sum_of_shifted_products(g: Array, w: Array, stride: int, padding: Padding, size: Size) -> Array:
    """Returns the transposed convolution as one matrix product of g and kernel, and sums of its parts.

    Each position of g makes a patch of kernel size; cut into blocks of stride × stride pixels, patches overlap by
    blocks, and are summed without a scatter. For images, 64 of 32×32×3 from 64 channels: 1.7 -> 1.2; for many
    channels, 64 of 8×8×128 from 256: 11.7 -> 10.9. Between the two XLA's own is as fast.
    """
    n, height, width, outputs = g.shape
    kh, kw, inputs, _ = w.shape
    down, across = -(-kh // stride), -(-kw // stride)
    blocks = jnp.pad(w, ((0, down * stride - kh), (0, across * stride - kw), (0, 0), (0, 0)))
    blocks = blocks.reshape(down, stride, across, stride, inputs, outputs).transpose(5, 0, 2, 1, 3, 4)
    # The barriers keep the sums, and what uses them, from being computed several times inside one another.
    patches = lax.optimization_barrier(g.reshape(-1, outputs) @ blocks.reshape(outputs, -1))
    patches = patches.reshape(n, height, width, down, across, stride, stride * inputs)
    summed = sum(
        jnp.pad(
            patches[:, :, :, i, j],
            ((0, 0), (i, down - 1 - i), (j, across - 1 - j), (0, 0), (0, 0)),
        )
        for i, j in np.ndindex(down, across)
    )
    summed = lax.optimization_barrier(summed).transpose(0, 1, 3, 2, 4)
    image = summed.reshape(n, (height + down - 1) * stride, (width + across - 1) * stride, inputs)
    (top, _), (left, _) = padding
    return lax.optimization_barrier(pad_to(image, size, ((-top, 0), (-left, 0))))


# Lavin and Gray 2016, section 4.1: two outputs of three taps by four multiplications.
TRANSFORM_IMAGE = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
TRANSFORM_KERNEL = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2
TRANSFORM_OUTPUT = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])


def combine(rows: np.ndarray, columns: np.ndarray, parts) -> Array:
    """Returns the sum of ± parts(i, j) where the signs rows[i] · columns[j] are not zero."""
    terms = [(rows[i] * columns[j], parts(i, j)) for i, j in product(np.flatnonzero(rows), np.flatnonzero(columns))]
    total: Array = terms[0][1] * terms[0][0].item()
    for sign, part in terms[1:]:
        total = total + (part if sign > 0 else -part)
    return total


def winograd(x: Array, w: Array, padding: Padding) -> Array:
    """Returns a 3×3 convolution of stride 1 by 16 instead of 36 multiplications for each 2×2 outputs.

    Each of the 16 is one matrix product over all tiles. 16 images of 40×40×64 to 64 channels took 18.5 -> 13.4, 64 of
    8×8×128 to 128 took 12.3 -> 7.8. It is no less accurate: the transforms only add and subtract, and sums are
    shorter. Against float64, XLA's own had a root mean square error of 3.8e-7 of the output's, this 2.7e-7. An
    infinite pixel, though, makes NaN of all outputs of its tile.

    Reference: Lavin and Gray 2016, F(2×2, 3×3), equation 8.
    """
    height, width = output_size(x.shape[1:3], w.shape[:2], 1, padding)
    tiles = -(-height // 2), -(-width // 2)
    x = pad_to(x, (2 * tiles[0] + 2, 2 * tiles[1] + 2), padding)
    transform = TRANSFORM_KERNEL.astype(w.dtype)
    kernels = jnp.einsum("ai,bj,ijcd->abcd", transform, transform, w)
    products = {}
    for a, b in np.ndindex(4, 4):
        tile = combine(TRANSFORM_IMAGE[a], TRANSFORM_IMAGE[b], lambda i, j: shifted(x, i, j, 2, tiles))
        products[a, b] = tile @ kernels[a, b]
    outputs = [
        [combine(rows, columns, lambda a, b: products[a, b]) for columns in TRANSFORM_OUTPUT]
        for rows in TRANSFORM_OUTPUT
    ]
    image = jnp.stack([jnp.stack(row, axis=3) for row in outputs], axis=2)
    return image.reshape(x.shape[0], 2 * tiles[0], 2 * tiles[1], -1)[:, :height, :width]
