import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.runs.disk import records
from jaxgen.runs.disk.checkpoints import Checkpoints
from jaxgen.runs.disk.digests import digest
from jaxgen.training.stopping import NonFiniteError

# Of the tasks that Orbax drops when it fails one may tell of itself at any time later.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CONFIG = {"experiment": {"name": "toy"}, "config": {"rate": 0.1}}


@pytest.fixture(scope="module")
def states(toy):
    """States after 0, 1, … 5 steps; the kernel is large enough for a file of its own."""
    advance, states = toy.make_advance(), [toy.init(3000)]
    for step in range(5):
        states.append(advance(jax.tree.map(jnp.copy, states[-1]), step)[0])
    return states


@pytest.fixture(scope="module")
def saved(states, tmp_path_factory):
    """A folder with checkpoints 1, 2 and 3."""
    folder = tmp_path_factory.mktemp("saved") / "checkpoints"
    with Checkpoints(folder, keep=3) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(step, states[step], {"model/loss": step / 10}, CONFIG)
    return folder


@pytest.fixture
def copied(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "checkpoints")
    return tmp_path / "checkpoints"


@pytest.fixture
def messages():
    return []


def test_a_state_comes_back_bit_by_bit(saved, states, assert_same_bits):
    checkpoints = Checkpoints(saved)
    restored = checkpoints.restore(jax.eval_shape(lambda: states[0]))
    assert_same_bits(restored.state, states[3])
    assert (restored.step, restored.metrics, restored.config, restored.damaged) == (3, {"model/loss": 0.3}, CONFIG, [])
    assert restored.digest == digest(states[3]) == digest(restored.state)
    assert_same_bits(checkpoints.restore(states[0], 2).state, states[2])
    assert checkpoints.steps() == [1, 2, 3]


@pytest.mark.parametrize("kind", ["threefry2x32", "rbg"])
def test_typed_keys_of_a_population_come_back(toy, tmp_path, kind, assert_same_bits):
    state = toy.init().replace(key=jax.random.split(jax.random.key(7, impl=kind), 3))
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state, {}, {})
        checkpoints.wait()
        assert_same_bits(checkpoints.restore(jax.eval_shape(lambda: state)).state, state)


def test_the_state_may_be_donated_at_once(toy, tmp_path, assert_same_bits):
    advance, state = toy.make_advance(), toy.init(200_000)
    with Checkpoints(tmp_path, keep=10) as checkpoints:
        expected_states = {}
        for step in range(1, 5):
            state, _ = advance(state, step)
            expected_states[step] = jax.tree.map(jnp.copy, state)
            checkpoints.save(step, state, {}, {})
        checkpoints.wait()
        for step, expected in expected_states.items():
            assert_same_bits(checkpoints.restore(expected, step).state, expected)


def test_a_state_goes_where_the_template_lies(saved, states, assert_same_bits, tmp_path):
    mesh = jax.make_mesh((4,), ("batch",))
    everywhere = jax.device_put(states[0], jax.NamedSharding(mesh, jax.P()))
    spread = jax.NamedSharding(mesh, jax.P("batch"))
    kernel = lambda state: state.params["model"]["dense"]["kernel"]
    apart = jax.tree.map(
        lambda x: jax.device_put(x, spread if x.shape == (3000,) else everywhere.step.sharding), states[0]
    )
    for template in (everywhere, apart):
        restored = Checkpoints(saved).restore(template).state
        assert kernel(restored).sharding == kernel(template).sharding
        assert_same_bits(restored, states[3])
    with Checkpoints(tmp_path / "apart") as checkpoints:
        checkpoints.save(3, restored, {}, {})
        checkpoints.wait()
        back = checkpoints.restore(states[0])
    assert_same_bits(back.state, states[3])
    assert back.state.step.devices() == {jax.devices()[0]}


def test_the_newest_and_the_best_stay(states, toy, tmp_path):
    distances = {1: 0.5, 2: 0.1, 3: 0.3, 4: float("nan"), 5: None}
    for step, distance in distances.items():
        # A new process every time: what is best must be known from the disk.
        with Checkpoints(tmp_path, keep=1, selection=toy.SELECTION) as checkpoints:
            metrics = {} if distance is None else {"evaluation/distance": distance}
            checkpoints.save(step, states[step], {"model/loss": -step} | metrics, CONFIG)
        assert checkpoints.steps() == sorted({step, min(step, 2)})
    reader = Checkpoints(tmp_path)
    assert reader.restore(states[0], "best").step == reader.record("best")["step"] == 2
    assert reader.restore(states[0]).step == reader.record()["step"] == 5
    assert reader.record()["parameters"] == {"model": 3003}


def test_retention_within_one_process(states, toy, tmp_path):
    with Checkpoints(tmp_path, keep=2, selection=toy.SELECTION) as checkpoints:
        for step in range(1, 6):
            checkpoints.save(step, states[step], {"evaluation/distance": abs(step - 2)}, CONFIG)
        checkpoints.wait()
        assert checkpoints.steps() == [2, 4, 5]


def test_there_may_be_no_best_and_nothing_at_all(saved, states, tmp_path):
    assert Checkpoints(saved).record("best") is None
    assert Checkpoints(saved).restore(states[0], "best") is None
    nowhere = Checkpoints(tmp_path / "nowhere")
    assert (nowhere.restore(states[0]), nowhere.record(), nowhere.steps(), nowhere.last_good()) == (
        None,
        None,
        [],
        None,
    )
    assert not nowhere.folder.exists()


def test_a_step_that_does_not_exist(saved, states):
    with pytest.raises(UsageError, match=r"no checkpoint 7 in .*: 1, 2, 3$"):
        Checkpoints(saved).restore(states[0], 7)


def test_a_step_is_saved_once(copied, states):
    with Checkpoints(copied) as checkpoints, pytest.raises(UsageError, match="3 already exists"):
        checkpoints.save(3, states[3], {}, CONFIG)


@pytest.mark.parametrize("keep", [0, -1])
def test_at_least_one_stays(tmp_path, keep):
    with pytest.raises(UsageError, match=f"keep is {keep}"):
        Checkpoints(tmp_path, keep=keep)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("part", ["params", "opt_state", "ema", "hyper"])
def test_what_is_not_finite_is_never_published(copied, states, part, value, assert_same_bits):
    leaves, structure = jax.tree.flatten(getattr(states[4], part))
    leaves[-1] = leaves[-1].at[...].set(value)
    bad = states[4].replace(**{part: jax.tree.unflatten(structure, leaves)})
    with Checkpoints(copied) as checkpoints:
        with pytest.raises(NonFiniteError, match=rf"^{part}/.* at step 4, .* last good checkpoint is step 3") as error:
            checkpoints.save(4, bad, {"model/loss": 0.0}, CONFIG)
        assert (error.value.step, error.value.last_good) == (4, 3)
        assert sorted(path.name for path in copied.iterdir()) == ["1", "2", "3"]
        assert_same_bits(checkpoints.restore(states[0]).state, states[3])


def test_another_configuration_is_no_damage(saved, toy, states, messages):
    checkpoints = Checkpoints(saved, say=messages.append)
    with pytest.raises(
        UsageError, match=r"ema/model/params/dense/kernel is float32\[3000\] there and float32\[7\] here"
    ):
        checkpoints.restore(toy.init(7))
    with pytest.raises(UsageError, match="hyper/decay is absent there"):
        checkpoints.restore(states[0].replace(hyper=states[0].hyper | {"decay": jnp.float32(1)}))
    with pytest.raises(UsageError, match=r"key is key<fry>\[\] there and key<rbg>\[\] here"):
        checkpoints.restore(states[0].replace(key=jax.random.key(0, impl="rbg")))
    assert messages == []


def damages(path):
    """Yields every way in which a file is harmed here."""
    whole = path.read_bytes()
    for number, place in enumerate((0, len(whole) // 3, len(whole) // 2, 2 * len(whole) // 3, len(whole) - 1)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << number
        yield bytes(flipped)
    yield from (b"", whole[: len(whole) // 2], whole[:-1], None)


def test_damage_to_any_file_is_named_or_harmless(copied, states, messages, assert_same_bits):
    files = [path for path in sorted((copied / "3").rglob("*")) if path.is_file()]
    noticed = set()
    for path in files:
        whole = path.read_bytes()
        for damage in damages(path):
            path.unlink() if damage is None else path.write_bytes(damage)
            restored = Checkpoints(copied, say=messages.append).restore(states[0])
            assert_same_bits(restored.state, states[restored.step])
            assert restored.step == (2 if restored.damaged else 3)
            if restored.damaged:
                assert restored.damaged == [3]
                assert messages[-1].startswith(f"checkpoint 3 in {copied} is damaged")
                assert "\n" not in messages[-1]
                noticed.add(path.relative_to(copied / "3").parts[:2])
            path.write_bytes(whole)
    assert {("record", "metadata"), ("state", "_METADATA"), ("state", "manifest.ocdbt"), ("state", "d")} <= noticed
    assert Checkpoints(copied, say=messages.append).restore(states[0]).damaged == []


def with_keys(metadata, key):
    """Returns Orbax' metadata in which every array has the same name."""
    renamed = {"key_metadata": [{"key": key, "key_type": 2}]}
    return {name: value | renamed for name, value in metadata["tree_metadata"].items()}


def with_values(metadata, **fields):
    """Returns Orbax' metadata in which every array has other fields."""
    tree = metadata["tree_metadata"].items()
    return {name: value | {"value_metadata": value["value_metadata"] | fields} for name, value in tree}


@pytest.mark.parametrize(
    "change",
    [
        lambda metadata: [],
        lambda metadata: {},
        lambda metadata: metadata | {"tree_metadata": 3},
        lambda metadata: metadata | {"tree_metadata": {}},
        lambda metadata: metadata | {"tree_metadata": with_keys(metadata, "../../elsewhere")},
        lambda metadata: metadata | {"tree_metadata": with_values(metadata, value_type="os.system")},
        lambda metadata: metadata | {"tree_metadata": with_values(metadata, value_type=["jax.Array"])},
        lambda metadata: metadata | {"tree_metadata": with_values(metadata, skip_deserialize=True)},
        lambda metadata: metadata | {"use_ocdbt": False},
        lambda metadata: metadata | {"use_zarr3": True},
        lambda metadata: "[" * 100_000,
        lambda metadata: json.dumps(metadata).replace("false", "NaN"),
    ],
)
def test_odd_metadata_of_orbax_are_damage_or_harmless(copied, states, messages, assert_same_bits, change):
    path = copied / "3" / "state" / "_METADATA"
    changed = change(json.loads(path.read_text()))
    path.write_text(changed if isinstance(changed, str) else json.dumps(changed))
    for restore in (Checkpoints.restore, Checkpoints.restore_networks):
        restored = restore(Checkpoints(copied, say=messages.append), states[0])
        assert restored.damaged == ([] if restored.step == 3 else [3])
        assert_same_bits(restored.state.params, states[restored.step].params)
    assert all("\n" not in line for line in messages)


def test_training_goes_on_past_any_damage(saved, states, tmp_path, messages, assert_same_bits):
    files = [path.relative_to(saved) for path in sorted((saved / "3").rglob("*")) if path.is_file()]
    for number, file in enumerate(files):
        folder = tmp_path / str(number) / "checkpoints"
        shutil.copytree(saved, folder)
        (folder / file).write_bytes(b"\xff" + (folder / file).read_bytes()[: -len("end")])
        with Checkpoints(folder, say=messages.append) as checkpoints:
            restored = checkpoints.restore(states[0])
            for step in restored.damaged:
                checkpoints.discard(step)
                assert (folder.parent / "damaged" / str(step)).is_dir()
            for step in range(restored.step + 1, 5):
                checkpoints.save(step, states[step], {}, CONFIG)
            checkpoints.wait()
            assert checkpoints.steps() == [3, 4]
            assert_same_bits(checkpoints.restore(states[0], 3).state, states[3])
            assert_same_bits(checkpoints.restore(states[0]).state, states[4])


def test_a_second_discard_of_a_step_takes_the_place_of_the_first(copied):
    checkpoints = Checkpoints(copied)
    checkpoints.discard(3)
    shutil.copytree(copied / "2", copied / "3")
    checkpoints.discard(3)
    assert checkpoints.steps() == [1, 2]


def test_when_all_are_damaged_nothing_starts_from_scratch(copied, states, messages):
    for step in (1, 2, 3):
        (copied / str(step) / "record" / "metadata").unlink()
    checkpoints = Checkpoints(copied, say=messages.append)
    with pytest.raises(UsageError, match=r"no undamaged checkpoint .*damaged: 1, 2, 3"):
        checkpoints.restore(states[0])
    with pytest.raises(UsageError, match="damaged: 2"):
        checkpoints.restore(states[0], 2)
    assert len(messages) == 3


def test_the_next_best_stands_in_for_a_damaged_best(states, toy, tmp_path, messages):
    with Checkpoints(tmp_path, keep=3, selection=toy.SELECTION) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(step, states[step], {"evaluation/distance": step}, CONFIG)
    (tmp_path / "1" / "state" / "manifest.ocdbt").write_bytes(b"")
    restored = Checkpoints(tmp_path, say=messages.append).restore(states[0], "best")
    assert (restored.step, restored.damaged) == (2, [1])


def test_what_a_killed_save_left_behind_does_not_count_and_is_removed(copied, states):
    leftover = copied / "4.orbax-checkpoint-tmp"
    shutil.copytree(copied / "3", leftover)
    with Checkpoints(copied) as checkpoints:
        assert checkpoints.restore(states[0]).step == 3
        assert leftover.exists(), "a reader must not touch what may be another process's save"
        checkpoints.save(4, states[4], {}, CONFIG)
        checkpoints.wait()
        assert checkpoints.restore(states[0]).step == 4
    assert not leftover.exists()


def test_a_folder_that_cannot_be_made_is_reported_in_a_line(states, tmp_path):
    (tmp_path / "file").write_text("")
    with (
        Checkpoints(tmp_path / "file" / "checkpoints") as checkpoints,
        pytest.raises(UsageError, match="cannot save") as error,
    ):
        checkpoints.save(1, states[1], {}, CONFIG)
    assert "\n" not in str(error.value)


def test_a_full_disk_is_reported_before_anything_is_written(copied, states, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 90, 10))
    with Checkpoints(copied) as checkpoints, pytest.raises(UsageError, match=r"takes 0.0 MB and 0.0 MB are free"):
        checkpoints.save(4, states[4], {}, CONFIG)
    assert checkpoints.steps() == [1, 2, 3]


@pytest.mark.parametrize("finish", ["save", "wait", "close", "context"])
def test_a_failure_in_the_background_is_not_lost(copied, states, monkeypatch, finish, assert_same_bits):
    from orbax.checkpoint import JsonCheckpointHandler

    async def fail(*_, **__):
        raise OSError(28, "No space left on device")

    checkpoints = Checkpoints(copied)
    monkeypatch.setattr(JsonCheckpointHandler, "async_save", fail)
    with pytest.raises(UsageError, match="No space left"), checkpoints:
        checkpoints.save(4, states[4], {}, CONFIG)
        if finish == "save":
            checkpoints.save(5, states[5], {}, CONFIG)
        elif finish != "context":
            getattr(checkpoints, finish)()
    assert_same_bits(Checkpoints(copied).restore(states[0]).state, states[3])


def test_what_the_system_cannot_read_is_not_taken_for_damaged(copied, states, messages, assert_same_bits):
    """A link to itself: an error of the system for whoever runs the tests, as one of the disk would be."""
    unreadable = set()
    # Python takes such a link for a file that is not there, and Orbax asks it about this one.
    files = [path for path in sorted((copied / "3").rglob("*")) if path.is_file() and path.name != "_METADATA"]
    for path in files:
        whole = path.read_bytes()
        path.unlink()
        path.symlink_to(path)
        try:
            restored = Checkpoints(copied, say=messages.append).restore(states[0])
            assert (restored.step, restored.damaged) == (3, [])
            assert_same_bits(restored.state, states[3])
        except UsageError as error:
            assert "cannot read" in str(error) and "symbolic links" in str(error) and "\n" not in str(error)
            unreadable.add(path.relative_to(copied / "3").parts[:2])
        path.unlink()
        path.write_bytes(whole)
    assert messages == []
    assert {("record", "metadata"), ("state", "manifest.ocdbt"), ("state", "d")} <= unreadable


def test_what_may_not_be_read_now_is_not_taken_for_damaged(copied, states, messages, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(records, "read_limited", refuse)
    with pytest.raises(UsageError, match=r"cannot read .*Permission denied.*run again"):
        Checkpoints(copied, say=messages.append).restore(states[0])
    assert messages == []
