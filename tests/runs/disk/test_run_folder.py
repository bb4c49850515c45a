import json
import os
import subprocess
import sys

import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.io import images
from jaxgen.runs.disk.config_file import FORMAT
from jaxgen.runs.disk.run_folder import RunFolder

CONFIG = {
    "format": FORMAT,
    "experiment": {"name": "toy", "sha256": "aa"},
    "image_shape": [8, 8, 1],
    "data_order": 2,
    "config": {"steps": 10, "seed": 1, "hyper": {"penalty_weight": 10.0}, "sizes": [3, 4]},
}


def changed(part, **fields):
    return CONFIG | {part: CONFIG[part] | fields}


@pytest.fixture
def messages():
    return []


@pytest.fixture
def opened(tmp_path, messages):
    with RunFolder.open(tmp_path / "run", CONFIG, tensorboard=False, say=messages.append) as folder:
        yield folder


def open_again(folder, config, messages, **options):
    return RunFolder.open(folder.path, config, tensorboard=False, say=messages.append, **options)


def test_the_configuration_is_kept_as_plain_json(opened):
    assert json.loads((opened.path / "config.json").read_text()) == CONFIG == RunFolder(opened.path).config()


def test_the_same_configuration_opens_again_whatever_its_sequences(opened, messages):
    opened.close()
    with open_again(opened, changed("config", sizes=(3, 4)), messages):
        assert messages == []


def test_a_run_that_never_saved_may_be_corrected(opened, messages):
    opened.close()
    other = changed("config", seed=2)
    with open_again(opened, other, messages):
        assert RunFolder(opened.path).config() == other


def test_a_difference_names_the_field_and_both_values(opened, messages):
    opened.close()
    (opened.path / "checkpoints" / "20").mkdir(parents=True)
    other = changed("config", hyper={"penalty_weight": 5.0}, seed=2)
    with pytest.raises(UsageError) as error:
        open_again(opened, other, messages)
    assert "seed is 1 there and 2 here" in str(error.value)
    assert "hyper.penalty_weight is 10.0 there and 5.0 here" in str(error.value)
    assert RunFolder(opened.path).config() == CONFIG
    with pytest.raises(UsageError, match=r"image_shape is \[8, 8, 1\] there and \[16, 16, 1\] here"):
        open_again(opened, CONFIG | {"image_shape": [16, 16, 1]}, messages)
    with pytest.raises(UsageError, match=r"new is '\(absent\)' there and 1 here"):
        open_again(opened, changed("config", new=1), messages)
    with pytest.raises(UsageError, match="holds a run of toy and not of other"):
        open_again(opened, changed("experiment", name="other") | {"config": other["config"]}, messages)
    with open_again(opened, CONFIG, messages):
        pass


def test_what_may_change_is_updated(opened, messages):
    opened.close()
    (opened.path / "checkpoints" / "20").mkdir(parents=True)
    more = changed("config", steps=20, hyper={"penalty_weight": 5.0})
    with open_again(opened, more, messages, changeable={"steps", "hyper.penalty_weight"}):
        assert RunFolder(opened.path).config() == more
    assert messages == []


def test_a_script_may_change_with_a_warning(opened, messages):
    opened.close()
    (opened.path / "checkpoints" / "20").mkdir(parents=True)
    with open_again(opened, CONFIG, messages, script=b"one"):
        assert messages == []
    assert (opened.path / "experiment.py").read_bytes() == b"one"
    edited = changed("experiment", sha256="bb")
    with open_again(opened, edited, messages, script=b"other"):
        assert len(messages) == 1 and "script has changed" in messages[0]
    assert RunFolder(opened.path).config() == edited
    assert (opened.path / "experiment.py").read_bytes() == b"other"


def test_another_version_may_go_on_and_is_recorded(opened, messages):
    opened.close()
    (opened.path / "checkpoints" / "20").mkdir(parents=True)
    newer = CONFIG | {"jaxgen": "9.9", "jax": "9.9"}
    with open_again(opened, newer, messages):
        assert messages == []
    assert RunFolder(opened.path).config() == newer


def test_a_field_that_is_new_since_has_its_default(opened, messages):
    opened.close()
    (opened.path / "checkpoints" / "20").mkdir(parents=True)
    with open_again(opened, changed("config", new=1), messages, defaults={"new": 1}):
        pass
    with pytest.raises(UsageError, match="newer is 1 there and 2 here"):
        open_again(opened, changed("config", new=1, newer=2), messages, defaults={"newer": 1})


def test_data_in_another_order_are_refused_with_the_reason(opened, messages):
    opened.close()
    (opened.path / "checkpoints" / "20").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"another order \(version 2 of the order, and this jaxgen has version 3\)"):
        open_again(opened, CONFIG | {"data_order": 3}, messages)


@pytest.mark.parametrize("text", ["", "{", '{"config":', "[]", '{"experiment": {}}', '{"config": 3}', "\xff\xfe"])
def test_a_corrupt_configuration_is_named(opened, messages, text):
    opened.close()
    (opened.path / "config.json").write_bytes(text.encode("latin1"))
    with pytest.raises(UsageError, match=r"config\.json is damaged"):
        open_again(opened, CONFIG, messages)
    assert (opened.path / "config.json").read_bytes() == text.encode("latin1")


@pytest.mark.parametrize("kind", ["loop", "pipe", "folder", "endless"])
def test_a_configuration_that_cannot_be_read_is_not_called_damaged(opened, messages, kind):
    opened.close()
    path = opened.path / "config.json"
    path.unlink()
    if kind == "loop":
        path.symlink_to(path)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(UsageError, match=r"cannot read .*config\.json .*make it a readable file"):
        open_again(opened, CONFIG, messages)


def test_a_script_that_is_a_link_is_replaced_by_a_copy(tmp_path, messages):
    (tmp_path / "mine.py").write_bytes(b"# mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "experiment.py").symlink_to(tmp_path / "mine.py")
    with RunFolder.open(tmp_path / "run", CONFIG, script=b"# mine", tensorboard=False, say=messages.append) as folder:
        assert not (folder.path / "experiment.py").is_symlink()
        assert (folder.path / "experiment.py").read_bytes() == b"# mine"


def test_what_was_deleted_during_the_training_is_written_again_at_its_end(tmp_path, messages):
    with RunFolder.open(tmp_path, CONFIG, script=b"# mine", tensorboard=False, say=messages.append) as folder:
        before = {name: (tmp_path / name).read_bytes() for name in ("config.json", "experiment.py")}
        for name in before:
            (tmp_path / name).unlink()
        folder.log(1, {"loss": 1.0})
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert [line.rpartition(" was deleted")[0] for line in messages] == [str(tmp_path / name) for name in before]


def test_what_is_there_at_the_end_is_left_as_it_is(opened, messages):
    (opened.path / "config.json").write_text("edited meanwhile")
    opened.close()
    assert (opened.path / "config.json").read_text() == "edited meanwhile"
    assert messages == []


def test_what_killed_processes_left_unfinished_is_removed_at_the_next_start(opened, messages):
    with subprocess.Popen(["sleep", "60"]) as other:
        running = other.pid
        opened.close()
        (opened.path / "samples").mkdir()
        names = [f".grid.png.{2**22 + 1}.unfinished", f".grid.png.{os.getpid()}.unfinished"]
        stay = [f".grid.png.{running}.unfinished", ".grid.png.x.unfinished", "grid.png.5.unfinished", "grid.png"]
        for place in (opened.path, opened.path / "samples"):
            for name in (*names, *stay):
                (place / name).touch()
        with open_again(opened, CONFIG, messages):
            for place in (opened.path, opened.path / "samples"):
                left = {path.name for path in place.iterdir() if "grid" in path.name}
                assert left == {*stay}
        other.kill()


def test_a_folder_without_a_run(tmp_path):
    folder = RunFolder(tmp_path / "nowhere")
    assert (folder.config(), folder.history()) == (None, [])
    assert not folder.path.exists()


def test_one_training_at_a_time(opened, messages):
    with pytest.raises(UsageError, match="another process trains in"):
        open_again(opened, CONFIG, messages)
    opened.close()
    with open_again(opened, CONFIG, messages):
        pass


def test_metrics_come_back_and_are_json_whatever_their_values(opened):
    opened.log(5, {"loss": np.float32(0.1), "worst": float("inf"), "none": float("nan")})
    opened.log(10, {"loss": 1e-30})
    for line in (opened.path / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)
    first, second = opened.history()
    assert (first["step"], second["step"]) == (5, 10)
    assert first["loss"] == np.float32(0.1) and first["worst"] == float("inf") and np.isnan(first["none"])
    assert second["loss"] == 1e-30 and second["time"] >= first["time"] > 1.7e9


@pytest.mark.parametrize("unfinished", ["", '{"step": 20, "loss": 0.', '{"step"', '{"loss": 3}', "\0\0\0"])
def test_truncation_drops_later_steps_and_an_unfinished_line(opened, unfinished):
    for step in (5, 10, 15):
        opened.log(step, {"loss": step / 10})
    remaining = opened.history()[:2]
    with (opened.path / "metrics.jsonl").open("a") as file:
        file.write(unfinished)
    assert [line["step"] for line in opened.history()] == [5, 10, 15]
    opened.truncate(10)
    assert opened.history() == remaining
    opened.log(15, {"loss": 1.5})
    assert [line["step"] for line in opened.history()] == [5, 10, 15]
    opened.truncate(0)
    assert opened.history() == []


@pytest.mark.parametrize("line", ["{", '{"loss": 3}', "7", '{"step": "x"}', "\0"])
def test_a_corrupt_line_in_the_middle_is_named_and_nothing_is_lost(opened, line):
    path = opened.path / "metrics.jsonl"
    opened.log(5, {"loss": 1.0})
    path.write_text(path.read_text() + line + "\n")
    opened.log(10, {"loss": 1.0})
    before = path.read_bytes()
    for act in (opened.history, lambda: opened.truncate(5)):
        with pytest.raises(UsageError, match=r"line 2 of .*metrics\.jsonl"):
            act()
    assert path.read_bytes() == before


def test_images_are_numbered_grids(opened):
    opened.save_images(1000, {"samples": np.random.default_rng(0).uniform(size=(4, 8, 8, 3)).astype(np.float32)})
    result = images.read(opened.path / "samples" / "samples-00001000.png")
    assert result.ndim == 3 and result.shape[-1] == 3 and result.std() > 0.1


def test_without_pillow_images_are_left_out_with_one_warning(opened, messages, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    for step in (1, 2):
        opened.save_images(step, {"samples": np.zeros((4, 8, 8, 1), np.float32)})
    assert messages == ["Pillow is not installed: no images are written"]


def test_a_folder_that_cannot_be_written_is_reported_in_a_line(tmp_path, opened, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write in") as error:
        RunFolder.open(tmp_path / "file" / "run", CONFIG)
    assert "\n" not in str(error.value)
    (opened.path / "metrics.jsonl").mkdir()
    with pytest.raises(UsageError, match=r"cannot write in .*metrics\.jsonl"):
        opened.log(1, {"loss": 1.0})


def test_who_follows_writes_nothing(opened, messages):
    opened.log(5, {"loss": 1.0})
    before = {path: path.stat().st_mtime_ns for path in opened.path.rglob("*")}
    with RunFolder.follow(opened.path, changed("config", seed=2), changeable=("seed",)) as folder:
        folder.truncate(0)
        folder.log(10, {"loss": 2.0})
        folder.save_images(10, {"samples": np.zeros((4, 8, 8, 1), np.float32)})
        folder.say("what the first process says too")
    assert {path: path.stat().st_mtime_ns for path in opened.path.rglob("*")} == before
    assert [line["step"] for line in opened.history()] == [5]
    assert messages == []


def test_other_processes_must_have_the_same_configuration(opened, tmp_path):
    with pytest.raises(UsageError, match="steps is 10 there and 20 here"):
        RunFolder.follow(opened.path, changed("config", steps=20))
    with pytest.raises(UsageError, match="is not here: give one that every host sees"):
        RunFolder.follow(tmp_path / "another", CONFIG)
