"""Real processes, really killed."""

import os
import pty
import random
import signal
import subprocess
import time
from pathlib import Path

import jax
import pytest

from jaxgen.runs.disk.checkpoints import Checkpoints
from jaxgen.runs.disk.digests import digest
from jaxgen.runs.disk.run_folder import RunFolder
from jaxgen.training.stopping import STOPPING

SIZE = 200_000
OPTIONS = ("checkpoint_every=2", "log_every=2", "evaluate_every=4", "steps_per_dispatch=2", f"size={SIZE}")
STEPS = 40
KILLS = 3


@pytest.fixture(scope="module")
def uninterrupted(start_toy, tmp_path_factory):
    path = tmp_path_factory.mktemp("uninterrupted") / "run"
    process = start_toy(path, STEPS, *OPTIONS)
    _, complaints = process.communicate(timeout=120)
    assert process.returncode == 0, complaints
    return path


def wait_for(process, beginning):
    """Reads a process's output up to the line that begins with a text, and returns it."""
    for line in process.stdout:
        if line.startswith(beginning):
            return line
    raise AssertionError(process.stderr.read())


def history(path):
    return [{name: x for name, x in line.items() if name != "time"} for line in RunFolder(path).history()]


def test_killed_again_and_again_it_ends_with_the_same_bits(toy, start_toy, uninterrupted, tmp_path):
    """A checkpoint of some MB every other step: nearly all of the time one is being saved."""
    path, chance, newest = tmp_path / "run", random.Random(0), 0
    template = jax.eval_shape(lambda: toy.init(SIZE))
    for _ in range(KILLS):
        process = start_toy(path, STEPS, *OPTIONS, "seconds=0.02")
        start = int(wait_for(process, "from").split()[1])
        assert start >= newest
        wait_for(process, f"step {start + 2}")
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        assert process.wait(timeout=60) == -signal.SIGKILL
        if restored := Checkpoints(path / "checkpoints").restore(template):
            assert restored.damaged == []
            newest = restored.step
    process = start_toy(path, STEPS, *OPTIONS)
    _, complaints = process.communicate(timeout=120)
    assert process.returncode == 0, complaints
    expected = Checkpoints(uninterrupted / "checkpoints").restore(template)
    result = Checkpoints(path / "checkpoints").restore(template)
    assert (result.step, result.damaged) == (STEPS, [])
    assert result.digest == expected.digest == digest(result.state)
    assert history(path) == history(uninterrupted)
    assert [p.name for p in (path / "checkpoints").iterdir() if not p.name.isdigit()] == []


@pytest.mark.parametrize("signum", STOPPING)
def test_a_signal_to_a_process_saves_before_it_ends(toy, start_toy, tmp_path, signum):
    process = start_toy(tmp_path, 1000, "seconds=0.02", "log_every=1")
    wait_for(process, "step 3/")
    process.send_signal(signum)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 1 and f"Interrupted: {signum.name}: step" in complaints.splitlines()[-1]
    restored = Checkpoints(tmp_path / "checkpoints").restore(jax.eval_shape(toy.init))
    assert restored.step >= 3 and restored.damaged == []
    assert history(tmp_path)[-1]["step"] == restored.step


@pytest.mark.parametrize("hangs_up", [True, False])
def test_a_terminal_that_is_closed_costs_no_step(toy, start_python, user_environment, tmp_path, hangs_up):
    """What is written to it is an error, before the signal arrives or without one, as after `disown`."""
    ours, theirs = pty.openpty()
    options = ("1000", "seconds=0.02") if hangs_up else ("40", "seconds=0.02")
    with os.fdopen(theirs, "w") as terminal:
        process = start_python(
            Path(__file__).parents[1] / "toy.py",
            *(tmp_path, *options),
            env=user_environment,
            stdout=terminal,
            stderr=subprocess.STDOUT,
        )
    seen = b""
    while b"step 3/" not in seen:
        seen += os.read(ours, 1024)
    os.close(ours)
    if hangs_up:
        process.send_signal(signal.SIGHUP)
    process.wait(60)
    restored = Checkpoints(tmp_path / "checkpoints").restore(jax.eval_shape(toy.init))
    assert restored.step >= 3 if hangs_up else restored.step == 40
    assert restored.damaged == []


def test_a_disk_that_fills_up_ends_the_run_and_costs_no_checkpoint(toy, start_toy, tmp_path):
    process = start_toy(tmp_path, 40, "checkpoint_every=10", f"size={SIZE}", "no_space_at=20")
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 1
    assert any(
        line.startswith("jaxgen.errors.UsageError: cannot save a checkpoint in") for line in complaints.splitlines()
    )
    restored = Checkpoints(tmp_path / "checkpoints").restore(jax.eval_shape(lambda: toy.init(SIZE)))
    assert restored.step in (10, 20) and restored.damaged == []
