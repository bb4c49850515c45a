"""The receptive field of a network, measured on the network itself."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

MIN_ROWS = 16
"""Rows of the first images that are tried, in units of the network's stride."""
GROWTH = 4
MAX_ROWS = 1024
"""Rows of the last images that are tried; a receptive field larger than them counts as unbounded."""


def receptive_field_radius(module: nn.Module, channels: int) -> int | None:
    """Returns the largest distance at which a pixel of the input changes one of the output, along rows or columns.

    One row (or column) of an image is made NaN, which passes through every sum, product and maximum: the outputs that
    are NaN are those that depend on it, whatever the weights. Every position of that row within the network's stride is
    tried, in images that need no padding.

    Args:
      module: a network (inputs, train) with `size_multiple`, the pixels to a multiple of which it pads, and perhaps
        `dtype` and `param_dtype`; its output may be larger by an integer factor.
      channels: of the inputs, conditioning included.
    Returns:
      Pixels of the input; None where it is every pixel of an image of 1024 rows, as after an average over the image.
    """
    # In bfloat16 all convolutions are the plain ones: a fast algorithm may spread NaN over a tile.
    changes: dict[str, Any] = {name: jnp.bfloat16 for name in ("dtype", "param_dtype") if hasattr(module, name)}
    module = module.clone(**changes) if changes else module
    vertical = radius_along(module, channels, 1)
    horizontal = None if vertical is None else radius_along(module, channels, 2)
    return None if vertical is None or horizontal is None else max(vertical, horizontal)


def cpu_device() -> Any:
    """Returns the CPU, whose convolutions do not spread NaN; None where JAX has no CPU backend."""
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        return None


def radius_along(module: Any, channels: int, axis: int) -> int | None:
    """Returns the radius along the height (axis 1) or the width (axis 2)."""
    stride = module.size_multiple
    image = jax.ShapeDtypeStruct((1, stride, stride, channels), jnp.bfloat16)
    shapes = jax.eval_shape(lambda image: module.init(jax.random.key(0), image, False), image)
    with jax.default_device(cpu_device()):
        # Of a module without the field `dtype`, the parameters' type decides.
        variables = jax.tree.map(lambda leaf: np.ones(leaf.shape, bfloat16_of(leaf.dtype)), shapes)
        length = MIN_ROWS * stride
        while length <= max(MAX_ROWS, MIN_ROWS * stride):
            changed = changed_rows(module, variables, channels, axis, length)
            if not changed[:, [0, -1]].any():
                middle = length // 2 + np.arange(stride)
                first, last = changed.argmax(1), length - 1 - changed[:, ::-1].argmax(1)
                return int(np.maximum(middle - first, last - middle).max())
            length *= GROWTH
    return None


def bfloat16_of(dtype: Any) -> Any:
    """Returns bfloat16 for a floating-point type, and another type as it is."""
    return jnp.bfloat16 if jnp.issubdtype(dtype, jnp.floating) else dtype


def changed_rows(module: Any, variables: Any, channels: int, axis: int, length: int) -> np.ndarray:
    """Returns which rows of the output depend on each of the rows in the middle, bool[stride, length].

    Of a larger output, the rows that lie in one of the input's count as that one.
    """
    stride = module.size_multiple
    poisoned = np.where(np.arange(length) == length // 2 + np.arange(stride)[:, None], np.nan, 1)
    shape = [stride, stride, stride, channels]
    shape[axis] = length
    across = 3 - axis
    images = np.broadcast_to(np.expand_dims(poisoned, (across, 3)), shape).astype(jnp.bfloat16)
    outputs = jax.jit(lambda variables, images: module.apply(variables, images, False))(variables, images)
    is_nan = np.isnan(np.asarray(outputs)).any((across, 3))
    return np.asarray(is_nan.reshape(stride, length, -1).any(2))
