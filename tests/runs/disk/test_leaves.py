import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.runs.disk import leaves


def test_layout_needs_no_arrays(toy):
    state = toy.init()
    assert leaves.layout(state) == leaves.layout(jax.eval_shape(toy.init))
    assert leaves.layout(state)["params/model/dense/bias"] == {"dtype": "bfloat16", "shape": [1, 3]}
    assert leaves.layout(state)["key"] == {"dtype": "key<fry>", "shape": []}


def test_first_difference_names_the_leaf():
    one, other = leaves.layout({"a": np.zeros(2), "b": np.zeros((2, 3))}), leaves.layout({"a": np.zeros(2)})
    assert leaves.first_difference(one, one) is None
    assert leaves.first_difference(one, other) == leaves.first_difference(other, one) == "b"
    assert leaves.first_difference(one, leaves.layout({"a": np.zeros(3), "b": np.zeros((2, 3))})) == "a"
    assert (leaves.describe(one["b"]), leaves.describe(None)) == ("float64[2, 3]", "absent")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_first_non_finite_finds_the_leaf(value, dtype):
    good = {"a": jnp.arange(3), "b": {"c": jnp.ones((2, 2), dtype)}, "key": jax.random.key(0)}
    assert leaves.first_non_finite(good) is None
    assert leaves.first_non_finite(good | {"b": {"c": good["b"]["c"].at[1, 0].set(value)}}) == "b/c"


@pytest.mark.parametrize("kind", ["threefry2x32", "rbg"])
def test_keys_become_numbers_and_keys_again(kind, assert_same_bits):
    state = {"key": jax.random.split(jax.random.key(3, impl=kind), 2), "x": jnp.arange(3)}
    for template in (state, jax.eval_shape(lambda: state)):
        assert_same_bits(leaves.from_arrays(leaves.to_arrays(state), template), state)
        placed = leaves.array_shapes(template)
        assert jax.tree.map(jnp.shape, leaves.to_arrays(state)) == jax.tree.map(lambda x: x.shape, placed)
        assert {x.sharding.device_set.pop() for x in jax.tree.leaves(placed)} == {jax.devices()[0]}
