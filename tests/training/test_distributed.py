"""Two real processes of two simulated devices each, on loopback: what they reach, read and write, and how they end."""

import dataclasses
import json
import re
import signal
import socket
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxgen import data
from jaxgen.config.base import check
from jaxgen.data import order
from jaxgen.errors import UsageError
from jaxgen.io import images
from jaxgen.runs.disk.checkpoints import Checkpoints
from jaxgen.runs.disk.leaves import to_arrays
from jaxgen.runs.scripts import load_script
from jaxgen.runs.train import train
from jaxgen.training import distributed, execute

SCRIPT = Path(__file__).parents[1] / "toy_experiment.py"
PICTURES, BATCH = 40, 8
FOR_EVER, EVERY = 1_000_000, 20


@pytest.fixture(scope="module")
def toy():
    return load_script(str(SCRIPT))


@pytest.fixture(scope="module")
def streamed(toy, tmp_path_factory):
    """A data set that is read while training: images in a folder, which may use no memory."""
    path = tmp_path_factory.mktemp("pictures")
    pixels = np.random.default_rng(0).uniform(0, 1, (PICTURES, 8, 8, 1))
    for number, picture in enumerate(pixels):
        images.write(path / f"{number:03d}.png", picture)
    return dataclasses.replace(toy.Config().data, name="folder", dir=str(path), memory=0)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    """One of the processes, and what it says."""

    def __init__(self, start, run, number, port, words, reads):
        place = f"--coordinator-address 127.0.0.1:{port} --num-processes 2 --process-id {number}"
        options = f"--run {run} --devices 4 --distributed {place}"
        self.reads = Path(f"{run}-reads-{number}")
        environment = {"JAX_ENABLE_X64": "1", "TOY_READS": str(self.reads) if reads else ""}
        self.popen = start(environment, SCRIPT, *options.split(), *words)

    def finish(self):
        """Returns the exit status and the lines on standard error."""
        _, complaints = self.popen.communicate(timeout=120)
        return self.popen.returncode, complaints.splitlines()


@pytest.fixture
def start(start_python, user_environment):
    """Starts a program with some variables in its environment."""
    return lambda variables, *words: start_python(*words, env=user_environment | variables)


@pytest.fixture
def start_two(start):
    """Starts two processes on a run folder."""
    started = []

    def start_both(run, *words, reads=False):
        port = free_port()
        more = ["--heartbeat-timeout", "5", "--connect-timeout", "60", *words]
        two = [Process(start, run, number, port, more, reads) for number in range(2)]
        started.extend(two)
        return two

    yield start_both
    for process in started:
        process.popen.kill()


def wait_for_checkpoint(run, after, process):
    checkpoints = Checkpoints(run / "checkpoints")
    while max(checkpoints.steps(), default=0) <= after:
        assert process.popen.poll() is None, process.finish()
        time.sleep(0.02)


def train_alone(toy, run, steps, **fields):
    """Trains in this process, in float64, and returns the last state."""
    config = toy.Config(batch_size=BATCH, steps=steps, run=str(run), evaluate_every=0, **fields)
    with jax.enable_x64(True):
        return train(config, toy.build, say=lambda line: None)


def assert_same_state(result, expected, tolerance=1e-9):
    for a, b in zip(jax.tree.leaves(to_arrays(result)), jax.tree.leaves(to_arrays(expected)), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def restore(run, like):
    with jax.enable_x64(True):
        return Checkpoints(run / "checkpoints").restore(like)


def test_two_processes_end_where_one_does_and_each_reads_its_part(toy, streamed, start_two, tmp_path):
    run, steps = tmp_path / "two", 12
    intervals = ["--checkpoint-every", "5", "--log-every", "4", "--evaluate-every", "6", "--sample-every", "6"]
    words = f"--data.name folder --data.dir {streamed.dir} --data.memory 0 --batch-size {BATCH} --steps {steps}".split()
    two = start_two(run, *words, *intervals, reads=True)
    assert [process.finish() for process in two] == [(0, []), (0, [])]

    alone = train_alone(toy, tmp_path / "alone", steps, data=streamed)
    restored = restore(run, alone)
    assert (restored.step, restored.damaged) == (steps, [])
    assert_same_state(restored.state, alone)

    history = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in history] == [4, 6, 8, 12, 12]
    assert restored.metrics["evaluation/error"] == history[-1]["evaluation/error"]
    assert sorted(path.name for path in (run / "samples").iterdir()) == ["decoded-00000006.png", "decoded-00000012.png"]
    assert json.loads((run / "config.json").read_text())["config"]["process_id"] == 0

    count = len(data.load(streamed))
    positions = execute.shard(np.arange(BATCH), 1, 4).reshape(2, -1)
    for process, mine, others in zip(two, positions, positions[::-1], strict=True):
        read = [tuple(map(int, line.split())) for line in process.reads.read_text().splitlines()]
        batches = order.window(0, 0, steps, BATCH, count)
        assert {tuple(batch[mine]) for batch in batches} <= set(read)
        assert not {tuple(batch[others]) for batch in batches} & set(read)


def test_stopped_and_lost_processes_end_all_and_any_number_goes_on(toy, start_two, tmp_path):
    """One process begins, two go on until a signal, a kill and a kill of the first one, and one process ends it."""
    run, step = tmp_path / "run", 4
    train_alone(toy, run, step)
    intervals = f"--steps {FOR_EVER} --checkpoint-every {EVERY} --sample-every 0 --evaluate-every 0".split()

    def until(victim, signum):
        two = start_two(run, "--batch-size", BATCH, *intervals)
        wait_for_checkpoint(run, step, two[1 - victim])
        two[victim].popen.send_signal(signum)
        ended = [process.finish() for process in two]
        assert victim == 0 or f"{run}: going on from step {step}" in ended[0][1]
        return max(Checkpoints(run / "checkpoints").steps()), ended[victim], ended[1 - victim]

    step, mine, other = until(1, signal.SIGTERM)
    line = f"jaxgen: SIGTERM: step {step} is saved; the same command goes on from there"
    assert mine == (128 + signal.SIGTERM, [line])
    assert (other[0], other[1][-1]) == (128 + signal.SIGTERM, line)

    for victim in (1, 0):
        step, mine, other = until(victim, signal.SIGKILL)
        assert mine[0] == -signal.SIGKILL
        assert other[0] == 1
        assert re.fullmatch(
            r"jaxgen: another process was lost after step \d+, or ended for a reason that it prints; "
            f"the same command goes on from step {step}",
            other[1][-1],
        )
        assert not [line for line in other[1] if line.startswith(("F1", "E1", "***", "    @"))]

    result = train_alone(toy, run, step + 4)
    assert_same_state(result, train_alone(toy, tmp_path / "alone", step + 4))


def test_a_coordinator_that_cannot_be_reached_is_reported_in_one_line(start, tmp_path):
    lonely = Process(start, tmp_path / "run", 1, free_port(), ["--connect-timeout", "1"], reads=False)
    status, messages = lonely.finish()
    assert status == 2
    assert len(messages) == 1
    assert re.match(
        r"jaxgen: not all processes came together at 127\.0\.0\.1:\d+ within 1 s: start every one", messages[0]
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("address", ["here", "here:", "here:http", "here:0", "here:65536"])
def test_an_address_without_a_port_is_refused(address):
    with pytest.raises(UsageError, match="give the first process's HOST:PORT"):
        distributed.initialize(address, 2, 0, connect_timeout=1, heartbeat_timeout=10)


def test_a_cluster_that_cannot_be_asked_is_reported(monkeypatch):
    class ConfigException(Exception):
        """As Kubernetes' client has it, which is no RuntimeError."""

    def fail(**arguments):
        raise ConfigException("Service host/port is not set.")

    monkeypatch.setattr(jax.distributed, "initialize", fail)
    with pytest.raises(
        UsageError, match=r"\(Service host/port is not set\.\): .* with jax\[k8s\] installed and a service"
    ):
        distributed.initialize("", 0, -1, connect_timeout=1, heartbeat_timeout=10)


def test_a_device_that_was_used_before_is_reported():
    jax.devices()
    with pytest.raises(UsageError, match=r"cannot join the other processes \(.*before any JAX calls"):
        distributed.initialize("", 0, -1, connect_timeout=1, heartbeat_timeout=10)


@pytest.mark.parametrize(
    ("fields", "messages"),
    [
        ({"coordinator_address": "a:1"}, "coordinator_address is a:1 and has no effect: set distributed"),
        ({"heartbeat_timeout": 5}, "heartbeat_timeout is 5 and has no effect: set distributed"),
        (
            {"distributed": True, "coordinator_address": "a:1"},
            "num_processes and process_id not given: give all of coordinator_address",
        ),
        (
            {"distributed": True, "coordinator_address": "a:1", "num_processes": 2, "process_id": 2},
            "process_id is 2 of 2 processes",
        ),
        (
            {"distributed": True, "coordinator_address": "a:1", "num_processes": 2, "process_id": 0, "devices": 3},
            "3 devices do not divide over 2 processes",
        ),
        ({"distributed": True, "heartbeat_timeout": 0}, "heartbeat_timeout is 0: give at least 1"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(toy, fields, messages):
    with pytest.raises(UsageError, match=re.escape(messages)):
        check(toy.Config(**fields))


def test_processes_that_would_go_on_from_different_steps_are_refused(monkeypatch):
    distributed.require_same(3, "the checkpoint to go on from")
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    result = iter([np.array([[3], [3]]), np.array([[3], [5]])])
    monkeypatch.setattr(distributed.multihost_utils, "process_allgather", lambda value: next(result))
    distributed.require_same(3, "the checkpoint to go on from")
    messages = (
        "the checkpoint to go on from differs between processes, 3, 5: give a run folder in which all see the same"
    )
    with pytest.raises(UsageError, match=messages):
        distributed.require_same(3, "the checkpoint to go on from")
