"""Classifiers of small images: a few convolutions, one dense layer, and the logits.

The last hidden layer is a feature vector for distances between sets of images unlike ImageNet's.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.nn.layers import Conv, Dense, Maps, at_least_float32, logit
from jaxgen.nn.network import Network

POOLED = 2
"""Number of convolutions that are followed by max pooling."""


def max_pool(x: Array) -> Array:
    """Applies 2×2 max pooling, float[b, h, w, c] -> float[b, ⌊h/2⌋, ⌊w/2⌋, c].

    By rows, then columns: forward and backward together take 3 ms, and 89 ms with `lax.reduce_window`.
    """
    batch, height, width, channels = x.shape
    height, width = height // 2, width // 2
    x = x[:, : 2 * height, : 2 * width].reshape(batch, height, 2, width, 2, channels)
    rows = jnp.maximum(x[:, :, 0], x[:, :, 1])
    return jnp.maximum(rows[:, :, :, 0], rows[:, :, :, 1])


def min_side(convolutions: int) -> int:
    """Returns the side in pixels of the smallest image with an output after that many convolutions."""
    side = 1
    for i in reversed(range(convolutions)):
        side = (2 * side if i < POOLED else side) + 2
    return side


class Trunk(Network):
    """Images to features: 3×3 convolutions with ReLU, the first two with 2×2 max pooling, and a dense layer.

    The convolutions are not padded: an image of 28 pixels becomes maps of 13, 5 and 3.

    Attributes:
      widths: channels of the convolutions.
      hidden: number of features.
    """

    widths: tuple[int, ...]
    hidden: int

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Returns float[batch, hidden], nonnegative."""
        if min(images.shape[1:3]) < (smallest := min_side(len(self.widths))):
            height, width = images.shape[1:3]
            raise UsageError(
                f"image size {height}x{width}: this classifier takes sides of at least {smallest} pixels; "
                f"set data.size to {smallest} or more"
            )
        x = images
        for i, width in enumerate(self.widths):
            x = Conv(width, padding="VALID", name=f"conv_{i}", **self.dtypes)(x)
            x = Maps(name=f"maps_{i}")(jax.nn.relu(max_pool(x) if i < POOLED else x))
        # The shape and not len(x), which a batch of any size has not in an exported program.
        flat = x.reshape(x.shape[0], -1)
        return at_least_float32(jax.nn.relu(Dense(self.hidden, name="dense", **self.dtypes)(flat)))


class Classifier(Network):
    """A classifier with one logit per class, at least float32, from 64 features.

    Attributes:
      classes: number of classes.
    """

    classes: int = 10

    def setup(self) -> None:
        """Creates the trunk and the last layer."""
        self.trunk = Trunk((32, 64, 64), 64, **self.dtypes)
        self.logits = Dense(self.classes, param_dtype=self.param_dtype)

    def features_and_logits(self, images: Array, train: bool) -> tuple[Array, Array]:
        """Returns features and logits.

        Args:
          images: float[batch, height, width, channel] in [0, 1], of at least 18 pixels a side.
          train: has no effect.
        Returns:
          (float[batch, 64], float[batch, classes]).
        Raises:
          UsageError: if the images are too small.
        """
        del train
        features = self.trunk(images)
        return features, self.logits(features)

    def __call__(self, images: Array, train: bool) -> Array:
        """Returns float[batch, classes], log probabilities up to a constant; see `features_and_logits`."""
        return self.features_and_logits(images, train)[1]


class BinaryClassifier(Network):
    """A binary classifier with one logit, at least float32, from 128 features."""

    @nn.compact
    def features_and_logits(self, images: Array, train: bool) -> tuple[Array, Array]:
        """Returns features float[batch, 128] and logit float[batch] of images of at least 10 pixels a side."""
        del train
        features = Trunk((32, 64), 128, **self.dtypes, name="trunk")(images)
        return features, logit(features, param_dtype=self.param_dtype)

    def __call__(self, images: Array, train: bool) -> Array:
        """Returns float[batch], log p/(1 − p); see `features_and_logits`."""
        return self.features_and_logits(images, train)[1]
