import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.runs.disk import digests


def test_same_bits_have_the_same_digest_wherever_they_lie(toy):
    state = toy.init()
    elsewhere = jax.device_put(state, jax.devices()[1])
    mesh = jax.make_mesh((4,), ("batch",))
    everywhere = jax.device_put(state, jax.NamedSharding(mesh, jax.P()))
    assert digests.digest(state) == digests.digest(elsewhere) == digests.digest(everywhere)


@given(bit=st.integers(0, 8 * 12 - 1))
@settings(max_examples=20, deadline=None)
def test_every_bit_counts(bit):
    values = np.arange(3, dtype=np.float32)
    flipped = values.copy()
    flipped.view(np.uint8)[bit // 8] ^= 1 << bit % 8
    assert digests.digest({"x": values}) != digests.digest({"x": flipped})


def test_name_shape_dtype_and_key_count():
    values = np.zeros(4, np.float32)
    others = [
        {"y": values},
        {"x": values.reshape(2, 2)},
        {"x": values.view(np.int32)},
        {"x": values, "y": np.zeros(0, np.float32)},
    ]
    keys = [{"x": jax.random.key(seed, impl=kind)} for seed in (0, 1) for kind in ("threefry2x32", "rbg")]
    result = [digests.digest(state) for state in [{"x": values}, *others, *keys]]
    assert len(set(result)) == len(result)


def test_the_sign_of_zero_and_the_bits_of_bfloat16_count():
    assert digests.digest({"x": jnp.float32(0.0)}) != digests.digest({"x": jnp.float32(-0.0)})
    assert digests.digest({"x": jnp.bfloat16(1)}) != digests.digest({"x": jnp.bfloat16(1.01)})
