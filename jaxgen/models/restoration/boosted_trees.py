"""Boosted decision trees, which classify measurements: of a detected region, or of a whole photograph.

Reference: Friedman 2001, algorithm 5 (trees by gradient boosting).
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgen.nn.network import Network


class BoostedTrees(Network):
    """Estimates the logit of a probability from measurements, by boosted trees.

    In every node of a tree a region goes left where one of its features is at most a threshold, else right; a leaf
    leads to itself. The logit is the sum of the values of the leaves that it reaches.

    Attributes:
      trees: number of trees.
      nodes: of each tree, the first of which is the root.
      depth: steps from the root to the farthest leaf.
    """

    trees: int = 1
    nodes: int = 1
    depth: int = 0

    @nn.compact
    def __call__(self, features: Array, train: bool) -> Array:
        """Returns logits.

        Args:
          features: float[n, k], a row of measurements for each example, in their own units.
          train: no effect: training and inference are the same.
        Returns:
          float[n].
        """
        shape = (self.trees, self.nodes)
        zeros = nn.initializers.zeros
        feature, left, right = (self.param(name, zeros, shape, jnp.int32) for name in ("feature", "left", "right"))
        threshold, value = (self.param(name, zeros, shape, self.param_dtype) for name in ("threshold", "value"))
        bias = self.param("bias", zeros, (1,), self.param_dtype)
        rows = jnp.arange(len(features))

        def leaf_values(feature: Array, threshold: Array, left: Array, right: Array, value: Array) -> Array:
            node = jnp.zeros(len(features), jnp.int32)
            for _ in range(self.depth):
                goes_left = jnp.asarray(features)[rows, feature[node]] <= threshold[node]
                node = jnp.where(goes_left, left[node], right[node])
            return value[node]

        trees = (jnp.asarray(array) for array in (feature, threshold, left, right, value))
        return bias + jax.vmap(leaf_values)(*trees).sum(0)
