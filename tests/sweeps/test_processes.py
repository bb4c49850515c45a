"""Trials as processes: the metrics of a population, any option can be searched, and no process is left running."""

import csv
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from jaxgen.errors import UsageError
from jaxgen.sweeps import child, devices, processes, sweep
from jaxgen.sweeps.options import Options

STEPS = ("--steps", "4", "--evaluate-every", "2", "--checkpoint-every", "2", "--sample-every", "0")


def rows(folder):
    with (folder / "results.csv").open() as file:
        return {row["trial"]: row for row in csv.DictReader(file)}


@pytest.fixture
def preloaded(start_python, monkeypatch):
    """Starts trials in processes that have imported JAX already."""

    def start(command, *, env, stdout, **_):
        return start_python(*command[1:], env=env, stdout=stdout, stderr=subprocess.STDOUT)

    monkeypatch.setattr(processes, "subprocess", SimpleNamespace(**vars(subprocess) | {"Popen": start}))


def test_processes_and_population_give_the_same_metrics(preloaded, toy_script, tmp_path):
    script, arguments = toy_script
    lines = []
    for executor in ("population", "processes"):
        options = Options(
            search=["hyper.learning-rate=log:1e-4:1e-2"],
            sampler="random",
            trials=2,
            seeds=2,
            executor=executor,
            processes=2 if executor == "processes" else 1,
            dir=tmp_path / executor,
        )
        sweep.run(script, options, [*arguments, *STEPS], lines.append)
    times = r"Optuna ([\d.]+) s, training ([\d.]+) s, other ([\d.]+) s"
    match = re.search(rf"trials ([\d.]+) s by 2 processes at a time \({times}\)", lines[-1])
    total, *parts = map(float, match.groups())
    assert sum(parts) == pytest.approx(total, abs=0.1)
    one, other = rows(tmp_path / "population"), rows(tmp_path / "processes")
    for trial in ("0", "1"):
        assert one[trial]["hyper.learning_rate"] == other[trial]["hyper.learning_rate"]
        seeds = [f"evaluation/error seed {i}" for i in range(2)]
        values, same = ([float(table[trial][seed]) for seed in seeds] for table in (one, other))
        assert values == pytest.approx(same, rel=1e-3)
        assert values[0] != values[1]


def test_any_option_is_searched_and_a_failed_trial_has_a_reason(preloaded, gan_mlp, tmp_path):
    script, arguments = gan_mlp
    options = Options(
        search=["latent=choice:2,3", "hyper.learning-rate=choice:1e-3,1e30"],
        sampler="grid",
        # The fourth point fails as the second one does.
        trials=3,
        processes=2,
        dir=tmp_path,
    )
    sweep.run(script, options, [*arguments, *STEPS, "--optimizer", "sgd"], print)
    good = [row for row in rows(tmp_path).values() if row["hyper.learning_rate"] == "0.001"]
    assert {(row["latent"], row["state"]) for row in good} == {("2", "complete"), ("3", "complete")}
    table = (tmp_path / "results.md").read_text()
    assert "failed: seed 0: jaxgen:" in table
    assert "became NaN or infinite at step" in table


def test_a_trial_whose_process_is_killed_runs_again(gan_mlp, tmp_path):
    _, arguments = gan_mlp
    # The first process that trains kills itself when it loads the script.
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
    lines = []
    options = Options(search=["latent=choice:2,3"], sampler="grid", trials=1, dir=tmp_path / "sweep")
    sweep.run(str(fragile), options, [*arguments, *STEPS], lines.append)
    assert (tmp_path / "killed").exists()
    assert lines[0] == "0/1: trial 0 was interrupted, and is run again"
    assert [row["state"] for row in rows(tmp_path / "sweep").values()] == ["complete"]


def test_a_child_process_stops_with_its_parent_after_a_checkpoint(start_python, gan_mlp, tmp_path):
    script, arguments = gan_mlp
    run = tmp_path / "run"
    process = start_python("-m", "jaxgen.sweeps.child", script, *arguments, "--steps", "100000", "--run", run)
    deadline = time.monotonic() + 120
    while not (run / "metrics.jsonl").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.stdin.close()
    assert process.wait(60) == 128 + signal.SIGTERM
    assert any((run / "checkpoints").glob("[0-9]*"))


def test_a_process_has_a_gpu_or_a_part_of_the_cores(monkeypatch, tmp_path):
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert devices.process_environments(2) == [{"CUDA_VISIBLE_DEVICES": "2"}, {"CUDA_VISIBLE_DEVICES": "5"}]
    with pytest.raises(UsageError, match="--processes 3 with 2 GPUs: give at most 2"):
        devices.process_environments(3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices.process_environments(1) == [{}]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert devices.process_environments(1) == [{"CUDA_VISIBLE_DEVICES": "0"}]
    program.write_text("#!/bin/sh\nexit 9\n")
    assert devices.process_environments(1) == [{}]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 4, 7}, raising=False)
    cores = [set(map(int, variables[child.CORES].split(","))) for variables in devices.process_environments(2)]
    assert cores[0] | cores[1] == {3, 4, 7}
    assert not cores[0] & cores[1]


@pytest.mark.parametrize(
    ("visible", "platforms", "names"),
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
def test_gpus_are_those_that_jax_would_use(monkeypatch, visible, platforms, names):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    if platforms is not None:
        monkeypatch.setenv("JAX_PLATFORMS", platforms)
    assert devices.cuda_devices() == names


@pytest.mark.parametrize("name", ["ROCm", "TPU"])
def test_devices_that_cannot_be_divided_belong_to_one_process(monkeypatch, name, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("JAX_PLATFORMS", name.lower())
    assert devices.process_environments(1) == [{}]
    with pytest.raises(
        UsageError, match=f"--processes 2: each process would take every {name} device; give --processes 1"
    ):
        devices.process_environments(2)
    # If JAX chooses the platform: its plugin is installed, and the device files exist.
    (tmp_path / "device").touch()
    monkeypatch.delenv("JAX_PLATFORMS")
    monkeypatch.setattr(devices, "OTHER_ACCELERATORS", [(name, ("absent", "json"), (str(tmp_path / "dev*"),))])
    assert devices.other_accelerator() == name
    for others in ((name, ("absent",), (str(tmp_path / "dev*"),)), (name, ("json",), (str(tmp_path / "none*"),))):
        monkeypatch.setattr(devices, "OTHER_ACCELERATORS", [others])
        assert devices.other_accelerator() == ""


def test_the_last_line_of_output_is_the_reason(tmp_path):
    attempt = processes.Attempt(None, 0, None, Path(tmp_path), [])
    (tmp_path / processes.OUTPUT).write_text("step 1\njaxgen: no such thing\n")
    assert processes.last_output(attempt) == "jaxgen: no such thing"
