import jax.numpy as jnp
import numpy as np

from jaxgen.step.averages import average, decay


def test_the_average_of_a_constant_is_that_constant():
    value = {"w": jnp.array([2.0])}
    for step in range(5):
        value = average(value, {"w": jnp.array([2.0])}, decay(jnp.float32(0.999), step))
    np.testing.assert_allclose(value["w"], [2.0], rtol=1e-6)


def test_decay_grows_to_its_limit():
    found = [float(decay(jnp.float32(0.9), step)) for step in (0, 8, 80, 8000)]
    np.testing.assert_allclose(found, [0.1, 0.5, 0.9, 0.9], rtol=1e-6)


def test_zero_decay_follows_the_newest_value():
    new = average({"w": jnp.zeros(2)}, {"w": jnp.ones(2)}, decay(jnp.float32(0.0), 100))
    np.testing.assert_array_equal(new["w"], np.ones(2))
