import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.objectives.modules import in_parts

NUMBERS = jnp.arange(20.0).reshape(10, 2)


@pytest.mark.parametrize("size", [1, 3, 5, 10, 11])
def test_in_parts_there_is_what_the_whole_gives(size):
    keys, sizes = jax.vmap(jax.random.key)(jnp.arange(10)), set()

    def function(part):
        keys, numbers = part
        sizes.add(len(numbers))
        return {"drawn": jax.vmap(jax.random.normal)(keys) + numbers.sum(1), "numbers": 2 * numbers}

    found, expected = in_parts(function, (keys, NUMBERS), size), function((keys, NUMBERS))
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    assert sizes == {min(size, 10), 10}
