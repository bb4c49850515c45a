import jax
import jax.numpy as jnp
import pytest

from jaxgen.errors import UsageError
from jaxgen.training import memory

VECTOR = jax.ShapeDtypeStruct((100,), "float32")


def test_the_largest_array_is_found_within_loops_and_calls():
    loop = lambda x: jax.lax.scan(lambda sum_, i: (sum_ + (jnp.outer(x, x) * i).sum(), None), 0.0, jnp.arange(3.0))[0]
    assert memory.largest_array(jax.jit(loop), VECTOR) == 100 * 100 * 4
    assert memory.largest_array(lambda x: x.astype(jnp.bfloat16), VECTOR) == 100 * 2


def test_keys_are_arrays_too():
    split = lambda key: jax.random.split(key, 50)
    assert memory.largest_array(split, jax.eval_shape(jax.random.key, 0)) >= 50 * 8


def test_what_computes_nothing_needs_nothing():
    assert memory.largest_array(lambda x: x, VECTOR) == 0


def test_there_is_memory():
    assert memory.device_bytes() > 2**28


def test_devices_of_a_cpu_share_its_memory_and_accelerators_have_their_own(monkeypatch):
    assert memory.count_memories(8, "cpu") == 1
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    assert memory.count_memories(8, "cpu") == 2
    assert [memory.count_memories(devices, "gpu") for devices in (0, 1, 8)] == [1, 1, 8]


def test_what_does_not_fit_is_reported_with_a_remedy(monkeypatch):
    monkeypatch.setattr(memory, "device_bytes", lambda: 2**30)
    memory.require(2**30, "a step", "take fewer")
    with pytest.raises(UsageError, match=r"a step needs at least 1\.5 GiB, and there are 1\.0: take fewer"):
        memory.require(3 * 2**29, "a step", "take fewer")
