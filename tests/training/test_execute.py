import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen import data
from jaxgen.errors import UsageError
from jaxgen.training import execute
from jaxgen.training.state import Training

counts = st.integers(1, 4)


@given(parts=counts, devices=counts, part_size=counts)
@settings(deadline=None, max_examples=30)
def test_every_device_holds_a_block_of_every_part(parts, devices, part_size):
    whole = np.arange(parts * devices * part_size)
    spread = execute.shard(whole, parts, devices)
    assert spread.shape == (devices, parts * part_size)
    per_part = spread.reshape(devices, parts, part_size)
    for part in range(parts):
        np.testing.assert_array_equal(per_part[:, part].reshape(-1), whole.reshape(parts, -1)[part])


def test_an_inner_axis_is_laid_out_as_each_of_its_slices():
    steps = np.arange(3 * 12).reshape(3, 12)
    together = execute.shard({"image": steps}, 2, 3, axis=1)["image"]
    np.testing.assert_array_equal(together, np.stack([execute.shard(row, 2, 3) for row in steps], 1))


def counter(chunks=1, microbatches=1):
    """An objective whose state sums, and whose metrics tell, the images it was shown."""

    def build(axis_name):
        def step(state, batch):
            local = batch["image"].sum()
            seen = local if axis_name is None else jax.lax.psum(local, axis_name)
            return state.replace(step=state.step + 1, params=state.params + seen), {"seen": seen}

        return Training(init=None, step=step, player="", chunks=chunks, microbatches=microbatches)

    return build


def start():
    from jaxgen.training.state import TrainState

    return TrainState(jnp.int32(0), jnp.float32(0), {}, {}, {}, {}, jax.random.key(0))


@pytest.fixture(scope="module", params=["in memory", "streamed"])
def dataset(request, tmp_path_factory):
    config = data.Config(name="digits", size=4, memory=1.0)
    if request.param == "in memory":
        return data.load(config)
    path = tmp_path_factory.mktemp("set") / "images"
    from jaxgen.io import images

    for number, picture in enumerate(np.asarray(data.load(config).batch(0, 0, 40)["image"])):
        images.write(path / f"{number:02d}.png", picture)
    return data.load(data.Config(name="folder", dir=str(path), size=4, memory=0.0))


@pytest.mark.parametrize(
    ("devices", "execution", "steps"), [(1, "", 1), (1, "jit", 2), (4, "pmap", 2), (4, "shard_map", 2)]
)
def test_every_execution_feeds_the_batches_of_the_data_set(dataset, devices, execution, steps):
    program = execute.compile_program(
        counter(chunks=2, microbatches=2),
        dataset.feed,
        8,
        steps=steps,
        devices=devices,
        execution=execution,
    )
    state, seen = program.place(start()), []
    for first in range(0, 4, steps):
        state, metrics = program.advance(state, first)
        seen += list(metrics.fetch()["seen"])
    expected = [float(dataset.batch(0, step, 16)["image"].sum()) for step in range(4)]
    np.testing.assert_allclose(seen, expected, rtol=1e-5)
    assert program.images_per_step == 16


def feed(images):
    return data.feed_batches({"image": np.ones((4, images), np.float32)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 6, "devices": 4}, "6 images for each gradient do not divide over 4 devices"),
        ({"batch_size": 8, "devices": 64}, "64 devices were asked for and 4 are here"),
        ({"batch_size": 8, "execution": "pamp"}, "unknown execution 'pamp': did you mean pmap"),
        ({"batch_size": 8, "devices": 2, "execution": "jit"}, "jit runs on one device, not on 2"),
        ({"batch_size": 7, "build": counter(microbatches=2)}, "batch_size 7 does not divide into 2 microbatches"),
    ],
)
def test_what_cannot_run_is_reported_in_one_line(options, message):
    build = options.pop("build", counter())
    with pytest.raises(UsageError, match=message):
        execute.compile_program(build, feed, **options)


def test_unknown_population_is_reported():
    with pytest.raises(UsageError, match="unknown execution of a population 'vamp': did you mean vmap"):
        execute.population(lambda state, batch: (state, {}), 2, "vamp")


def test_the_state_is_donated():
    program = execute.compile_program(counter(), feed, 8)
    state = program.place(start())
    program.advance(state, 0)
    assert state.params.is_deleted()


@pytest.mark.parametrize("parts", [1, 3])
def test_what_a_process_reads_for_its_devices_is_what_they_have_of_a_whole_batch(parts):
    whole = np.arange(2 * 24).reshape(2, 24) * 10
    rows = [2, 3]
    positions = execute.shard(np.arange(24), parts, 4)[rows]
    read = whole[:, positions.reshape(-1)]
    result, expected = execute.shard(read, 1, len(rows), axis=1), execute.shard(whole, parts, 4, axis=1)[rows]
    np.testing.assert_array_equal(result, expected)
