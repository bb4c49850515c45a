"""Attribution: saliency maps and Grad-CAM.

Both work on any function of images that applies Flax modules; a network marks its feature maps by `layers.Maps`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.nn.layers import Maps

Score = Callable[[Array], Array]
Path = tuple[str, ...]


def saliency(score: Score, images: Array) -> Array:
    """Computes the saliency map: the maximum of |∂ score / ∂ value| over the channels of each pixel.

    Args:
      score: images -> float[batch], independently for each image.
      images: float[batch, height, width, channel].
    Returns:
      float[batch, height, width], at least 0, in units of the score per unit of intensity.
    Reference: Simonyan, Vedaldi, Zisserman 2014, section 3.1.
    """
    return abs(jax.grad(lambda images: score(images).sum())(images)).max(-1)


def last_feature_map(score: Score, images: Array) -> Path:
    """Finds the path of the last marked feature map larger than one pixel, by tracing alone.

    Args:
      score: images -> float[batch], which applies modules.
      images: float[batch, height, width, channel].
    Raises:
      ValueError: if there is none.
    """
    paths: list[Path] = []

    def record(call: Callable, arguments: tuple, named: dict, context: nn.module.InterceptorContext) -> Any:
        result = call(*arguments, **named)
        if is_mark(context) and min(result.shape[1:3]) > 1:
            paths.append(context.module.path)
        return result

    with nn.intercept_methods(record):
        # A new function: JAX would not trace a cached one again.
        jax.eval_shape(lambda images: score(images), images)  # noqa: PLW0108
    if not paths:
        raise ValueError("this network marks no feature maps: apply layers.Maps to one")
    return paths[-1]


def grad_cam(score: Score, images: Array, path: Path) -> Array:
    """Computes Grad-CAM: ReLU(Σₖ αₖ Aₖ), where αₖ is the mean of ∂ score / ∂ Aₖ.

    Args:
      score: images -> float[batch], independently for each image, which applies the marked layer once.
      images: float[batch, height, width, channel].
      path: of the mark on the feature map A, after norm and activation.
    Returns:
      float[batch, height, width] in [0, 1]: each map, resized to the image and divided by its maximum.
    Raises:
      ValueError: if there is no mark at that path.
    Reference: Selvaraju et al. 2017, equations 1 and 2.
    """
    shape = jax.eval_shape(lambda images: score_and_maps(score, images, path)[1], images)
    offset = jnp.zeros(shape.shape, shape.dtype)
    gradient, maps = jax.grad(lambda offset: score_and_maps(score, images, path, offset), has_aux=True)(offset)
    weights = gradient.mean((1, 2), keepdims=True)
    heat = jax.nn.relu((weights * maps).sum(-1))
    heat = jax.image.resize(heat, images.shape[:3], "linear")
    return heat / jnp.maximum(heat.max((1, 2), keepdims=True), jnp.finfo(heat.dtype).tiny)


def score_and_maps(score: Score, images: Array, path: Path, offset: Array | None = None) -> tuple[Array, Array]:
    """Returns the sum of scores, and the feature map at a mark, to which an offset is added if it is not None."""
    maps: list[Array] = []

    def intercept(call: Callable, arguments: tuple, named: dict, context: nn.module.InterceptorContext) -> Any:
        result = call(*arguments, **named)
        if not is_mark(context) or context.module.path != path:
            return result
        maps.append(result)
        return result if offset is None else result + offset

    with nn.intercept_methods(intercept):
        total = score(images).sum()
    if not maps:
        raise ValueError(f"no feature map is marked at {'/'.join(path)}")
    return total, maps[-1]


def is_mark(context: nn.module.InterceptorContext) -> bool:
    """Returns whether a call applies a mark."""
    return isinstance(context.module, Maps) and context.method_name == "__call__"
