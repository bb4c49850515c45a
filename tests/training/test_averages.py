import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.training.averages import average, decay, running_mean, squared_distance


def test_the_average_of_a_constant_is_that_constant():
    value = {"w": jnp.array([2.0])}
    for step in range(5):
        value = average(value, {"w": jnp.array([2.0])}, decay(jnp.float32(0.999), step))
    np.testing.assert_allclose(value["w"], [2.0], rtol=1e-6)


def test_decay_grows_to_its_limit():
    result = [float(decay(jnp.float32(0.9), step)) for step in (0, 8, 80, 8000)]
    np.testing.assert_allclose(result, [0.1, 0.5, 0.9, 0.9], rtol=1e-6)


def test_zero_decay_follows_the_newest_value():
    new = average({"w": jnp.zeros(2)}, {"w": jnp.ones(2)}, decay(jnp.float32(0.0), 100))
    np.testing.assert_array_equal(new["w"], np.ones(2))


def test_the_running_mean_is_the_mean_of_all_values():
    values = np.random.default_rng(0).normal(size=(6, 3))
    mean = {"w": jnp.asarray(values[0])}
    for step, value in enumerate(values[1:]):
        mean = running_mean(mean, {"w": jnp.asarray(value)}, step)
        np.testing.assert_allclose(mean["w"], values[: step + 2].mean(0), rtol=1e-5)


def test_the_squared_distance_is_of_all_leaves_and_pulls_towards_the_held():
    held = {"a": jnp.array([1.0, 2.0]), "b": {"c": jnp.array(3.0)}}
    params = {"a": jnp.array([2.0, 0.0]), "b": {"c": jnp.array(6.0)}}
    assert float(squared_distance(params, held)) == 1 + 4 + 9
    towards, none = jax.grad(squared_distance, (0, 1))(params, held)
    assert jax.tree.map(lambda x: x.tolist(), towards) == {"a": [2, -4], "b": {"c": 6}}
    assert not any(leaf.any() for leaf in jax.tree.leaves(none))
