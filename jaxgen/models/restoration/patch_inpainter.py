"""Narrow damage mended pixel by pixel: a rough filling, and what a network of each hidden pixel's surroundings adds.

A scratch, or the shadow of a tear, lets the picture shine through: y = (1 − α)x + αs. Undoing that, x = y + α(y − s) /
(1 − α), takes a factor that changes from pixel to pixel and every pixel's own value, which `Mender`, of six numbers for
each pixel, did not learn. Here there are hundreds for each, of hidden pixels alone: they are few, and a training step
sees as many of them as it has room for.

Reference: `filters.inpaint_relaxed` (the filling); Burger, Schuler, Harmeling 2012 (dense networks of patches).
"""

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax
from jax.nn.initializers import he_normal, zeros
from jax.typing import DTypeLike

from jaxgen.filters import dilate, inpaint_relaxed
from jaxgen.nn.layers import Dense, at_least_float32

EDGE = 1
"""Pixels around a hidden place that are mended with it: what hides it ends in a faint edge."""
GROUP = 4096
"""Pixels that are computed together where a picture is restored; it sets the memory, never the result."""

Tell = Callable[[Array], Array]


class Look(nn.Module):
    """What patches tell of the pixels in their middle.

    Attributes:
      width: numbers of each layer.
      depth: layers before the last one.
      features: numbers that are told.
      dtype: of the computation; None promotes.
      param_dtype: of the parameters.
    """

    width: int
    depth: int
    features: int
    dtype: DTypeLike | None
    param_dtype: DTypeLike

    @nn.compact
    def __call__(self, patches: Array) -> Array:
        """Returns float[n, features] of float[n, side, side, channel]; all zero in the beginning."""
        fields = {"dtype": self.dtype, "param_dtype": self.param_dtype}
        x = patches.reshape(len(patches), -1)
        for number in range(self.depth):
            x = jax.nn.relu(Dense(self.width, kernel_init=he_normal(), name=f"dense_{number}", **fields)(x))
        return at_least_float32(Dense(self.features, kernel_init=zeros, name="tail", **fields)(x))


class PatchMender(nn.Module):
    """Images without what hides them, of any height and width; away from hidden places they are as they were.

    Attributes:
      radius: pixels on each side of the one that is mended that are looked at.
      width: numbers of each layer.
      depth: layers before the last one.
      samples: hidden pixels of each image that a training step mends; the others are left roughly filled.
      channels: of the image, the first ones of the input; the mask follows.
      levels: coarser images of the rough filling.
      dtype: of the network's computation; None promotes.
      param_dtype: of its parameters.
    """

    radius: int = 5
    width: int = 256
    depth: int = 3
    samples: int = 2048
    channels: int = 3
    levels: int = 5
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @property
    def multiple(self) -> int:
        """The network is the same at places that are so many pixels apart."""
        return 2**self.levels

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns restored images.

        Args:
          inputs: float32[batch, height, width, channels + 1]: damaged images in [0, 1], then 1 where they are hidden.
          train: whether `samples` hidden pixels of each image are mended, and not all.
        Returns:
          float32[batch, height, width, channels].
        """
        inputs = at_least_float32(inputs)
        damaged, mask = inputs[..., : self.channels], inputs[..., self.channels :]
        filled = inpaint_relaxed(damaged, mask, self.levels)
        margin, edges = (self.radius, self.radius), (0, 0)
        seen = jnp.pad(jnp.concatenate([damaged - filled, filled, mask], -1), (edges, margin, margin, edges))
        look = Look(self.width, self.depth, self.channels + 1, self.dtype, self.param_dtype, parent=None)
        patch = jnp.zeros((1, 2 * self.radius + 1, 2 * self.radius + 1, seen.shape[-1]), seen.dtype)
        weights = self.param("look", lambda key: look.init(key, patch)["params"])
        tell = partial(told, lambda patches: look.apply({"params": weights}, patches), seen, self.radius)
        hidden = dilate(mask, EDGE) > 0
        added = of_some(tell, hidden, self.samples) if train else of_all(tell, hidden)
        # What the last number is large for shines through; it starts at 0, and only the filling counts.
        return filled + added[..., :-1] + added[..., -1:] * (damaged - filled)


def told(look: Tell, seen: Array, radius: int, places: Array) -> Array:
    """Returns what a network of patches tells of some pixels, float32[n, k].

    Args:
      look: float[n, side, side, channel] -> float32[n, k].
      seen: float[batch, height + 2 · radius, width + 2 · radius, channel], with a margin around each image.
      radius: of the patches.
      places: int[n], the pixels, counted line by line through all images.
    """
    height, width, channels = seen.shape[1] - 2 * radius, seen.shape[2] - 2 * radius, seen.shape[3]
    image, place = jnp.divmod(places, height * width)
    corners = jnp.stack([image, place // width, place % width], -1)
    side = 2 * radius + 1
    return look(jax.vmap(lambda at: lax.dynamic_slice(seen, (*at, 0), (1, side, side, channels))[0])(corners))


def of_some(tell: Tell, hidden: Array, samples: int) -> Array:
    """Returns what is told of hidden pixels of each image, evenly spread over them, and 0 elsewhere.

    Args:
      tell: places int[n] -> float32[n, k]; see `told`.
      hidden: bool[batch, height, width, 1].
      samples: how many pixels of each image; all hidden ones where there are fewer.
    Returns:
      float32[batch, height, width, k].
    """
    batch, height, width, _ = hidden.shape
    flat = hidden.reshape(batch, -1)
    count, rank = flat.sum(1, keepdims=True), jnp.arange(samples)
    # ⌊rank · count / samples⌋ in numbers that do not overflow.
    spread = rank * (count // samples) + rank * (count % samples) // samples
    order = jnp.argsort(~flat, axis=1, stable=True)
    chosen = jnp.take_along_axis(order, jnp.where(count > samples, spread, rank), 1, mode="clip")
    places = jnp.where(rank < count, chosen + height * width * jnp.arange(batch)[:, None], flat.size).ravel()
    return put(tell(places), places, hidden.shape)


def of_all(tell: Tell, hidden: Array) -> Array:
    """Returns what is told of all hidden pixels, and 0 elsewhere; see `of_some`."""
    size = math.prod(hidden.shape)
    groups = -(-size // GROUP)
    count = hidden.sum()
    # In no place, once there are no hidden ones left.
    places = jnp.where(jnp.arange(size) < count, jnp.argsort(~hidden.ravel(), stable=True), size)
    places = jnp.pad(places, (0, groups * GROUP - size), constant_values=size)
    first = jnp.arange(GROUP)
    features = jax.eval_shape(tell, first).shape[-1]

    def add(number: Array, made: Array) -> Array:
        group = lambda: tell(lax.dynamic_slice(places, (number * GROUP,), (GROUP,)))
        nothing = lambda: jnp.zeros((GROUP, features), made.dtype)
        return lax.dynamic_update_slice(made, lax.cond(number * GROUP < count, group, nothing), (number * GROUP, 0))

    made = lax.fori_loop(0, groups, add, jnp.zeros((groups * GROUP, features), jnp.float32))
    return put(made, places, hidden.shape)


def put(values: Array, places: Array, shape: tuple[int, ...]) -> Array:
    """Returns float32[batch, height, width, k] with values[n, k] at places[n], of which those beyond it fall away."""
    size, features = math.prod(shape), values.shape[-1]
    return jnp.zeros((size, features), values.dtype).at[places].set(values, mode="drop").reshape(*shape[:-1], features)
