"""How far a network sees: found by experiment, from the network itself."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

# Rows of the images that are tried, in units of the network's stride at first; a network that sees all of the largest
# is said to see everything.
FIRST = 16
GROWTH = 4
LARGEST = 1024


def receptive_field_radius(module: nn.Module, channels: int) -> int | None:
    """Returns from how many pixels away, up, down, left or right, a pixel of the input can change one of the output.

    One row (or column) of an image is made NaN, which passes through every sum, product and maximum: the outputs that
    are NaN are those that depend on it, whatever the weights. Every place of that row within the network's stride is
    tried, in images that need no padding.

    Args:
      module: a network (inputs, train) with `dtype` and `size_multiple`, the pixels to a multiple of which it pads; its
        output may be larger by a whole factor.
      channels: of the inputs, guides included.
    Returns:
      Pixels of the input; None where it is every pixel of an image of 1024 rows, as after an average over the image.
    """
    # In bfloat16 all convolutions are the plain ones: a fast algorithm may spread NaN over a whole tile.
    module = module.clone(dtype=jnp.bfloat16, param_dtype=jnp.bfloat16)
    down = distance_along(module, channels, 1)
    across = None if down is None else distance_along(module, channels, 2)
    return None if across is None else max(down, across)


def on_host() -> jax.Device | None:
    """Returns the CPU, on which a convolution is no transform that spreads NaN; None where JAX was not given it."""
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        return None


def distance_along(module: nn.Module, channels: int, axis: int) -> int | None:
    """Returns the reach along the height (axis 1) or the width (axis 2)."""
    stride = module.size_multiple
    image = jax.ShapeDtypeStruct((1, stride, stride, channels), jnp.bfloat16)
    shapes = jax.eval_shape(lambda image: module.init(jax.random.key(0), image, False), image)
    with jax.default_device(on_host()):
        variables = jax.tree.map(lambda leaf: jnp.ones(leaf.shape, leaf.dtype), shapes)
        length = FIRST * stride
        while length <= max(LARGEST, FIRST * stride):
            changed = changes(module, variables, channels, axis, length)
            if not changed[:, [0, -1]].any():
                middle = length // 2 + jnp.arange(stride)
                first, last = changed.argmax(1), length - 1 - changed[:, ::-1].argmax(1)
                return int(jnp.maximum(middle - first, last - middle).max())
            length *= GROWTH
    return None


def changes(module: nn.Module, variables, channels: int, axis: int, length: int) -> Array:
    """Returns which rows of the output depend on each of the rows in the middle, bool[stride, length].

    Of a larger output, the rows that lie in one of the input's count as that one.
    """
    stride = module.size_multiple
    poisoned = jnp.where(jnp.arange(length) == length // 2 + jnp.arange(stride)[:, None], jnp.nan, 1)
    shape = [stride, stride, stride, channels]
    shape[axis] = length
    across = 3 - axis
    images = jnp.broadcast_to(jnp.expand_dims(poisoned, (across, 3)), shape).astype(jnp.bfloat16)
    outputs = jax.jit(lambda variables, images: module.apply(variables, images, False))(variables, images)
    found = jnp.isnan(outputs).any((across, 3))
    return found.reshape(stride, length, -1).any(2)
