import math
from typing import NamedTuple

import jax
import numpy as np
import pytest


class Description(NamedTuple):
    parameters: int
    output: object
    variables: dict


@pytest.fixture(scope="session")
def describe():
    """Returns a function from a network and its inputs' shapes to its parameter count and output shape."""

    def describe(network, *shapes, dtype="float32"):
        inputs = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
        variables = jax.eval_shape(lambda *x: network.init(jax.random.key(0), *x, True), *inputs)
        stats = [name for name in variables if name != "params"]
        output, _ = jax.eval_shape(lambda v, *x: network.apply(v, *x, True, mutable=stats), variables, *inputs)
        count = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables["params"]))
        return Description(count, jax.tree.map(lambda x: x.shape, output), variables)

    return describe


@pytest.fixture(scope="session")
def draw(describe):
    """Returns a function from a network and its inputs' shapes to random variables, without compiling anything."""

    def draw(network, *shapes):
        rng = np.random.default_rng(0)
        # Positive where variances and scales must be; small enough elsewhere that no tanh saturates.
        positive = lambda path: path[-1].key in ("var", "scale")
        fill = lambda path, x: rng.uniform(0.5, 1.5, x.shape) if positive(path) else rng.normal(0, 0.2, x.shape)
        variables = jax.tree_util.tree_map_with_path(fill, describe(network, *shapes).variables)
        return jax.tree.map(lambda x: x.astype("float32"), variables)

    return draw
