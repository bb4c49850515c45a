import jax
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from jaxgen.training.execute import shard
from jaxgen.training.randomness import Stream, example_keys, step_key, stream

ROOT = jax.random.key(3)


def data(keys):
    return np.asarray(jax.random.key_data(keys))


@pytest.mark.parametrize("microbatches", [1, 2])
def test_an_example_has_the_same_key_on_any_number_of_devices(microbatches):
    alone = data(example_keys(ROOT, 16, None, microbatches))
    mesh = Mesh(np.array(jax.devices()[:4]), ("batch",))
    spread = jax.shard_map(
        lambda: jax.random.key_data(example_keys(ROOT, 4, "batch", microbatches)),
        mesh=mesh,
        in_specs=(),
        out_specs=PartitionSpec("batch"),
        check_vma=False,
    )
    laid_out = shard(alone, microbatches, 4)
    np.testing.assert_array_equal(np.asarray(jax.jit(spread)()).reshape(laid_out.shape), laid_out)


def test_microbatches_do_not_change_the_order_on_one_device():
    np.testing.assert_array_equal(data(example_keys(ROOT, 12)), data(example_keys(ROOT, 12, None, 3)))


def test_streams_indices_and_steps_never_share_a_key():
    keys = [stream(step_key(ROOT, step), name, index) for step in range(3) for name in Stream for index in range(6)]
    assert len({tuple(data(key)) for key in keys}) == len(keys)


def test_the_values_of_streams_are_frozen():
    assert [(name.name, int(name)) for name in Stream] == [
        ("LATENT", 0),
        ("INTERPOLATION", 1),
        ("POSTERIOR", 2),
        ("DEGRADATION", 3),
        ("DROPOUT", 4),
        ("EVALUATION", 5),
        ("SAMPLES", 6),
        ("AUGMENT_REAL", 7),
        ("AUGMENT_FAKE", 8),
        ("SUBSAMPLE", 9),
        ("BINARISATION", 10),
    ]
