"""Inpainting of narrow damage by a diffusion filter, refined pixel by pixel by a dense network of patches.

A scratch, or the shadow of a tear, is translucent: y = (1 − α)x + αs. To invert that, x = y + α(y − s) / (1 − α), takes
a factor that changes from pixel to pixel, and full resolution, which `Inpainter`, with some six features for each
pixel, did not learn. This network has hundreds of features for each damaged pixel and none for the others: damaged
pixels are few, and a training step uses a sample of them.

Reference: `filters.inpaint_relaxed` (the filter); Burger, Schuler, Harmeling 2012 (dense networks of patches).
"""

import math
from collections.abc import Callable
from functools import partial
from typing import cast

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax
from jax.nn.initializers import he_normal, zeros

from jaxgen.filters import dilate, inpaint_relaxed
from jaxgen.nn.layers import Dense, at_least_float32
from jaxgen.nn.network import Network

EDGE = 1
"""Pixels around the mask that are restored too: damage has a faint edge."""
GROUP = 4096
"""Pixels that are restored at once in inference; it bounds the memory and never changes the result."""

PixelNetwork = Callable[[Array], Array]
"""Pixel indices int[n] -> float32[n, k]; see `network_at`."""


class PatchMLP(Network):
    """A dense network from patches to features of their central pixels; its output is initially zero.

    Attributes:
      width: units of each hidden layer.
      depth: number of hidden layers.
      features: units of the output.
    """

    width: int
    depth: int
    features: int

    @nn.compact
    def __call__(self, patches: Array) -> Array:
        """Returns float[n, features] of float[n, side, side, channel]."""
        x = patches.reshape(len(patches), -1)
        for number in range(self.depth):
            dense = Dense(self.width, kernel_init=he_normal(), name=f"dense_{number}", **self.dtypes)
            x = jax.nn.relu(dense(x))
        tail = Dense(self.features, kernel_init=zeros, name="tail", **self.dtypes)
        return at_least_float32(tail(x))


class PatchInpainter(Network):
    """Inpaints masked pixels of images of any height and width; other pixels do not change.

    Attributes:
      radius: of the patches; their side is 2 · radius + 1 pixels.
      width: units of each hidden layer.
      depth: number of hidden layers.
      samples: masked pixels of each image that a training step restores; the others keep the filter's values.
      channels: of the image, the first ones of the input; the mask follows.
      levels: of the filter's image pyramid.
    """

    radius: int = 5
    width: int = 256
    depth: int = 3
    samples: int = 2048
    channels: int = 3
    levels: int = 5

    size_multiple = property(lambda self: 2**self.levels)

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns restored images.

        Args:
          inputs: float32[batch, height, width, channels + 1]: damaged images in [0, 1], then the mask, 1 where damaged.
          train: whether `samples` masked pixels of each image are restored, instead of all.
        Returns:
          float32[batch, height, width, channels].
        """
        inputs = at_least_float32(inputs)
        damaged, mask = inputs[..., : self.channels], inputs[..., self.channels :]
        filled = inpaint_relaxed(damaged, mask, self.levels)
        margin, none = (self.radius, self.radius), (0, 0)
        maps = jnp.pad(jnp.concatenate([damaged - filled, filled, mask], -1), (none, margin, margin, none))
        mlp = PatchMLP(self.width, self.depth, self.channels + 1, **self.dtypes, parent=None)
        patch = jnp.zeros((1, 2 * self.radius + 1, 2 * self.radius + 1, maps.shape[-1]), maps.dtype)
        # Files of weights have the network's parameters under this name.
        weights = self.param("look", lambda key: mlp.init(key, patch)["params"])
        apply = cast(Callable[[Array], Array], partial(mlp.apply, {"params": weights}))
        network = partial(network_at, apply, maps, self.radius)
        hidden = dilate(mask, EDGE) > 0
        features = at_samples(network, hidden, self.samples) if train else at_all(network, hidden)
        # The last feature is the weight of what is visible through the damage; initially 0.
        return filled + features[..., :-1] + features[..., -1:] * (damaged - filled)


def network_at(mlp: Callable[[Array], Array], maps: Array, radius: int, pixels: Array) -> Array:
    """Returns the output of a network of patches at some pixels, float32[n, k].

    Args:
      mlp: float[n, side, side, channel] -> float32[n, k].
      maps: float[batch, height + 2 · radius, width + 2 · radius, channel], padded around each image.
      radius: of the patches.
      pixels: int[n], indices into the flattened batch, height and width.
    """
    height, width, channels = maps.shape[1] - 2 * radius, maps.shape[2] - 2 * radius, maps.shape[3]
    image, pixel = jnp.divmod(pixels, height * width)
    corners = jnp.stack([image, pixel // width, pixel % width], -1)
    side = 2 * radius + 1
    return mlp(jax.vmap(lambda corner: lax.dynamic_slice(maps, (*corner, 0), (1, side, side, channels))[0])(corners))


def at_samples(network: PixelNetwork, hidden: Array, samples: int) -> Array:
    """Returns the output of a network at hidden pixels of each image, evenly spaced in raster order, and 0 elsewhere.

    Args:
      network: pixel indices int[n] -> float32[n, k].
      hidden: bool[batch, height, width, 1].
      samples: number of pixels of each image; all hidden ones where there are fewer.
    Returns:
      float32[batch, height, width, k].
    """
    batch, height, width, _ = hidden.shape
    flat = hidden.reshape(batch, -1)
    count, rank = flat.sum(1, keepdims=True), jnp.arange(samples)
    # ⌊rank · count / samples⌋ without an overflow.
    spaced = rank * (count // samples) + rank * (count % samples) // samples
    order = jnp.argsort(~flat, axis=1, stable=True)
    chosen = jnp.take_along_axis(order, jnp.where(count > samples, spaced, rank), 1, mode="clip")
    pixels = jnp.where(rank < count, chosen + height * width * jnp.arange(batch)[:, None], flat.size).ravel()
    return scatter(network(pixels), pixels, hidden.shape)


def at_all(network: PixelNetwork, hidden: Array) -> Array:
    """Returns the output of a network at all hidden pixels, and 0 elsewhere; see `at_samples`."""
    size = math.prod(hidden.shape)
    groups = -(-size // GROUP)
    count = hidden.sum()
    # Beyond the number of hidden pixels the index is out of range, and the value is dropped.
    pixels = jnp.where(jnp.arange(size) < count, jnp.argsort(~hidden.ravel(), stable=True), size)
    pixels = jnp.pad(pixels, (0, groups * GROUP - size), constant_values=size)
    features = jax.eval_shape(network, jnp.arange(GROUP)).shape[-1]

    def add_group(number: Array, values: Array) -> Array:
        compute = lambda: network(lax.dynamic_slice(pixels, (number * GROUP,), (GROUP,)))
        skip = lambda: jnp.zeros((GROUP, features), values.dtype)
        return lax.dynamic_update_slice(values, lax.cond(number * GROUP < count, compute, skip), (number * GROUP, 0))

    values = lax.fori_loop(0, groups, add_group, jnp.zeros((groups * GROUP, features), jnp.float32))
    return scatter(values, pixels, hidden.shape)


def scatter(values: Array, pixels: Array, shape: tuple[int, ...]) -> Array:
    """Returns float32[batch, height, width, k] with values[n, k] at pixels[n]; indices out of range are dropped."""
    size, features = math.prod(shape), values.shape[-1]
    return jnp.zeros((size, features), values.dtype).at[pixels].set(values, mode="drop").reshape(*shape[:-1], features)
