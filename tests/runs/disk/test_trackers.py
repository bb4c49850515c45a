import struct
import subprocess
import sys
import types

import pytest

from jaxgen.errors import UsageError
from jaxgen.runs.disk.run_folder import RunFolder

CONFIG = {"config": {"steps": 10}}


def events(folder):
    """The events that a reader of TensorBoard files finds, in order."""
    from tensorboardX.proto.event_pb2 import Event

    result = []
    for path in sorted((folder / "tensorboard").glob("events.out.tfevents*")):
        data, place = path.read_bytes(), 0
        while place < len(data):
            (size,) = struct.unpack_from("<Q", data, place)
            result.append(Event.FromString(data[place + 12 : place + 12 + size]))
            place += size + 16
    return result


def test_tensorboard_gets_scalars_at_once_and_a_mark_where_a_run_is_resumed(tmp_path):
    with RunFolder.open(tmp_path, CONFIG) as folder:
        folder.truncate(0)
        folder.log(5, {"model/loss": 0.5, "model/norm": 2.0})
        folder.log(10, {"model/loss": float("nan")})
        scalars = [(e.step, v.tag, v.simple_value) for e in events(tmp_path) for v in e.summary.value]
        assert scalars[:2] == [(5, "model/loss", 0.5), (5, "model/norm", 2.0)]
        assert scalars[2][:2] == (10, "model/loss")
        folder.truncate(5)
        folder.log(10, {"model/loss": 0.25})
    marks = [e.step for e in events(tmp_path) if e.session_log.status == e.session_log.START]
    assert marks == [1, 6]


def test_tensorboard_reads_what_is_written(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with RunFolder.open(tmp_path, CONFIG) as folder:
        for step in (5, 10, 15):
            folder.log(step, {"model/loss": step})
        folder.truncate(5)
        folder.log(10, {"model/loss": 11})
    reader = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    reader.Reload()
    assert [(e.step, e.value) for e in reader.Scalars("model/loss")] == [(5, 5), (10, 11)]


def test_torch_is_not_loaded_for_an_event_file_and_can_be_later(tmp_path):
    pytest.importorskip("torch")
    code = """if True:
        import pathlib, sys
        from jaxgen.runs.disk.trackers import TensorBoard

        TensorBoard(pathlib.Path(sys.argv[1]) / "tensorboard").close()
        assert "torch" not in sys.modules
        import torch

        TensorBoard(pathlib.Path(sys.argv[1]) / "another").close()
        assert sys.modules["torch"] is torch
    """
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True)


def test_without_tensorboardx_training_goes_on_with_a_warning(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    monkeypatch.setitem(sys.modules, "tensorboardX.event_file_writer", None)
    messages = []
    with RunFolder.open(tmp_path, CONFIG, say=messages.append) as folder:
        folder.log(5, {"model/loss": 0.5})
        assert len(folder.history()) == 1
    assert messages == ["tensorboardX is not installed: metrics go to metrics.jsonl alone"]


class FakeRun:
    def __init__(self, **options):
        self.options, self.logged, self.finished = options, [], False

    def log(self, metrics, step):
        self.logged.append((step, metrics))

    def finish(self):
        self.finished = True


def test_wandb_is_one_run_for_one_folder(tmp_path, monkeypatch):
    runs = []
    init = lambda **options: runs.append(FakeRun(**options)) or runs[-1]
    fake = types.SimpleNamespace(init=init, __spec__=object())
    monkeypatch.setitem(sys.modules, "wandb", fake)
    for step in (5, 10):
        with RunFolder.open(tmp_path / "mine", CONFIG, tensorboard=False, wandb=True) as folder:
            folder.log(step, {"model/loss": 0.5})
    first, second = runs
    assert first.options["id"] == second.options["id"] and second.options["resume"] == "allow"
    assert first.options["name"] == "mine" and first.options["config"] == CONFIG
    assert second.logged == [(10, {"model/loss": 0.5})] and second.finished


def test_wandb_asked_for_and_missing_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UsageError, match=r"pip install 'jaxgen\[wandb\]'"):
        RunFolder.open(tmp_path, CONFIG, wandb=True)
    with RunFolder.open(tmp_path, CONFIG):
        pass
