"""Which pixels, and which places, a network's answer hangs on.

Both are of any function of images in which Flax modules are applied; a network marks its maps by `layers.Maps`.
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
    """Returns how much each pixel would change an image's score: the largest |∂ score / ∂ value| of its channels.

    Args:
      score: images -> float[batch], each image on its own.
      images: float[batch, height, width, channel].
    Returns:
      float[batch, height, width], at least 0, in units of the score for each unit of intensity.
    Reference: Simonyan, Vedaldi, Zisserman 2014, section 3.1.
    """
    return abs(jax.grad(lambda images: score(images).sum())(images)).max(-1)


def last_maps(score: Score, images: Array) -> Path:
    """Returns the path of the mark on the last maps that are more than one pixel, without computing anything.

    Args:
      score: images -> float[batch], in which modules are applied.
      images: float[batch, height, width, channel].
    Raises:
      ValueError: if there is none.
    """
    found: list[Path] = []

    def note(call: Callable, arguments: tuple, named: dict, context: nn.module.InterceptorContext) -> Any:
        result = call(*arguments, **named)
        if is_mark(context) and min(result.shape[1:3]) > 1:
            found.append(context.module.path)
        return result

    with nn.intercept_methods(note):
        # A function of its own: one that was traced before is not called again.
        jax.eval_shape(lambda images: score(images), images)  # noqa: PLW0108
    if not found:
        raise ValueError("no maps in this network: it has no places to look at")
    return found[-1]


def grad_cam(score: Score, images: Array, path: Path) -> Array:
    """Returns where the features lie that raise an image's score: ReLU(Σₖ αₖ Aₖ), αₖ the mean of ∂ score / ∂ Aₖ.

    Args:
      score: images -> float[batch], each image on its own, in which the mark is passed once.
      images: float[batch, height, width, channel].
      path: of the mark that A passes, after norm and activation: what a norm takes away again is no feature.
    Returns:
      float[batch, height, width] in [0, 1]: each image's map, brought to its size, over its largest value.
    Raises:
      ValueError: if there is no mark at that path.
    Reference: Selvaraju et al. 2017, equations 1 and 2.
    """
    maps = jax.eval_shape(lambda images: through(score, images, path)[1], images)
    change = jnp.zeros(maps.shape, maps.dtype)
    gradient, maps = jax.grad(lambda change: through(score, images, path, change), has_aux=True)(change)
    weights = gradient.mean((1, 2), keepdims=True)
    found = jax.nn.relu((weights * maps).sum(-1))
    found = jax.image.resize(found, images.shape[:3], "linear")
    return found / jnp.maximum(found.max((1, 2), keepdims=True), jnp.finfo(found.dtype).tiny)


def through(score: Score, images: Array, path: Path, change: Array | None = None) -> tuple[Array, Array]:
    """Returns the sum of scores, and the maps at a mark, to which a change is added where one is given."""
    seen: list[Array] = []

    def watch(call: Callable, arguments: tuple, named: dict, context: nn.module.InterceptorContext) -> Any:
        result = call(*arguments, **named)
        if not is_mark(context) or context.module.path != path:
            return result
        seen.append(result)
        return result if change is None else result + change

    with nn.intercept_methods(watch):
        total = score(images).sum()
    if not seen:
        raise ValueError(f"no maps are marked at {'/'.join(path)}")
    return total, seen[-1]


def is_mark(context: nn.module.InterceptorContext) -> bool:
    """Returns whether a call is of a mark."""
    return isinstance(context.module, Maps) and context.method_name == "__call__"
