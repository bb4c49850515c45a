"""Trials as processes: the same values as a population's, anything may be searched, and nobody is left behind."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxgen.errors import UsageError
from jaxgen.sweeps import child, processes, sweep

STEPS = ("--steps", "4", "--evaluate-every", "2", "--checkpoint-every", "2", "--sample-every", "0")


def rows(folder):
    with (folder / "results.csv").open() as file:
        return {row["trial"]: row for row in csv.DictReader(file)}


def test_processes_and_population_give_the_same(gan_mlp, tmp_path):
    script, words = gan_mlp
    said = []
    for executor in ("population", "processes"):
        options = sweep.Options(
            search=["hyper.learning-rate=log:1e-4:1e-2"],
            sampler="random",
            trials=2,
            executor=executor,
            processes=2 if executor == "processes" else 1,
            dir=str(tmp_path / executor),
        )
        sweep.run(script, options, [*words, *STEPS], said.append)
    times = r"Optuna ([\d.]+) s, training ([\d.]+) s, jaxgen's own ([\d.]+) s"
    found = re.match(rf"trials ([\d.]+) s by 2 processes at a time \({times}\)", said[-1])
    whole, *parts = map(float, found.groups())
    assert sum(parts) == pytest.approx(whole, abs=0.1)
    assert parts[1] > max(parts[0], parts[2])
    one, other = rows(tmp_path / "population"), rows(tmp_path / "process")
    for trial in ("0", "1"):
        assert one[trial]["hyper.learning_rate"] == other[trial]["hyper.learning_rate"]
        # The population of this process is compiled without optimisations, the processes' programs with them.
        values = [float(found[trial]["evaluation/pixel_frechet seed 0"]) for found in (one, other)]
        assert values[0] == pytest.approx(values[1], rel=1e-3)


def test_architecture_is_searched_and_what_fails_says_why(gan_mlp, tmp_path):
    script, words = gan_mlp
    options = sweep.Options(
        search=["latent=choice:2,3", "hyper.learning-rate=choice:1e-3,1e30"],
        sampler="grid",
        processes=2,
        seeds=2,
        dir=str(tmp_path),
    )
    sweep.run(script, options, [*words, *STEPS, "--optimizer", "sgd"], print)
    found = rows(tmp_path)
    good = [row for row in found.values() if row["hyper.learning_rate"] == "0.001"]
    assert {(row["latent"], row["state"]) for row in good} == {("2", "complete"), ("3", "complete")}
    assert all(row["evaluation/pixel_frechet seed 0"] != row["evaluation/pixel_frechet seed 1"] for row in good)
    told = (tmp_path / "results.md").read_text()
    assert "failed: seed 0: jaxgen:" in told
    assert "became NaN or infinite at step" in told


def test_a_run_whose_process_is_killed_is_taken_up_again(gan_mlp, tmp_path):
    _, words = gan_mlp
    # Killed as it is loaded, once, by the process that trains.
    fragile = tmp_path / "fragile.py"
    fragile.write_text(
        f"""
import os, signal, sys
from pathlib import Path
from jaxgen.runs.scripts import load_script
marker = Path({str(tmp_path / "killed")!r})
if sys.argv[0].endswith("child.py") and not marker.exists():
    marker.touch()
    os.kill(os.getpid(), signal.SIGKILL)
module = load_script({gan_mlp[0]!r})
Config = module.Config
def build(config, axis_name=None):
    return module.build(config, axis_name)
"""
    )
    said = []
    options = sweep.Options(search=["latent=choice:2,3"], sampler="grid", trials=1, dir=str(tmp_path / "sweep"))
    sweep.run(str(fragile), options, [*words, *STEPS], said.append)
    assert (tmp_path / "killed").exists()
    assert said[0] == "0/1: trial 0 is not answered, and is tried again"
    assert [row["state"] for row in rows(tmp_path / "sweep").values()] == ["complete"]


def test_a_child_ends_with_its_parent_after_a_checkpoint(gan_mlp, tmp_path):
    script, words = gan_mlp
    run = tmp_path / "run"
    command = [sys.executable, "-m", "jaxgen.sweeps.child", script, *words, "--steps", "100000", "--run", str(run)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (run / "metrics.jsonl").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.stdin.close()
    assert process.wait(60) == 128 + signal.SIGTERM
    assert any((run / "checkpoints").glob("[0-9]*"))


def test_a_slot_has_a_gpu_or_a_share_of_the_cores(monkeypatch, tmp_path):
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert processes.environments(2) == [{"CUDA_VISIBLE_DEVICES": "2"}, {"CUDA_VISIBLE_DEVICES": "5"}]
    with pytest.raises(UsageError, match="3 processes were asked for and 2 GPUs are here"):
        processes.environments(3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert processes.environments(1) == [{}]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert processes.environments(1) == [{"CUDA_VISIBLE_DEVICES": "0"}]
    program.write_text("#!/bin/sh\nexit 9\n")
    assert processes.environments(1) == [{}]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 4, 7}, raising=False)
    shares = [set(map(int, found[child.CORES].split(","))) for found in processes.environments(2)]
    assert shares[0] | shares[1] == {3, 4, 7}
    assert not shares[0] & shares[1]


@pytest.mark.parametrize(
    ("told", "platforms", "names"),
    [
        ("-1", None, []),
        ("", None, []),
        ("NoDevFiles", None, []),
        ("0, 3,-1,4", None, ["0", "3"]),
        ("GPU-ab12,MIG-1/2", "cuda,cpu", ["GPU-ab12", "MIG-1/2"]),
        ("0,1", "cpu", []),
        ("0,1", "cpu,cuda", []),
        ("0,1", "tpu", []),
        ("0,1", "gpu", ["0", "1"]),
    ],
)
def test_gpus_are_those_that_jax_would_take(monkeypatch, told, platforms, names):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", told)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    if platforms is not None:
        monkeypatch.setenv("JAX_PLATFORMS", platforms)
    assert processes.accelerators() == names


@pytest.mark.parametrize("name", ["ROCm", "TPU"])
def test_devices_that_cannot_be_shared_out_are_one_processes(monkeypatch, name, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("JAX_PLATFORMS", name.lower())
    assert processes.environments(1) == [{}]
    with pytest.raises(UsageError, match=f"2 processes would each take every {name} device: give --processes 1"):
        processes.environments(2)
    # Where JAX chooses by itself: what it needs to use them is installed, and they are there.
    (tmp_path / "device").touch()
    monkeypatch.delenv("JAX_PLATFORMS")
    monkeypatch.setattr(processes, "OTHERS", [(name, ("absent", "json"), (str(tmp_path / "dev*"),))])
    assert processes.other_accelerator() == name
    for others in ((name, ("absent",), (str(tmp_path / "dev*"),)), (name, ("json",), (str(tmp_path / "none*"),))):
        monkeypatch.setattr(processes, "OTHERS", [others])
        assert processes.other_accelerator() == ""


def test_the_last_thing_said_is_the_reason(tmp_path):
    attempt = processes.Attempt(None, 0, None, Path(tmp_path), [])
    (tmp_path / processes.OUTPUT).write_text("step 1\njaxgen: no such thing\n")
    assert processes.reason(attempt) == "jaxgen: no such thing"
