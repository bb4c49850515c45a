"""Whole runs in processes of their own: interrupted, killed and resumed, they end with the same bits."""

import dataclasses
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxgen import data
from jaxgen.config import GanConfig
from jaxgen.errors import UsageError
from jaxgen.runs import summary
from jaxgen.runs.disk.config_file import FORMAT, FORMER_DEFAULTS
from jaxgen.runs.scripts import load_script
from jaxgen.runs.train import evaluation_images, prepare, prepare_devices, train
from jaxgen.training import distributed, execute

STEPS = 40
SCRIPT = "gan_mlp"
WORDS = (
    f"--steps {STEPS} --batch-size 8 --checkpoint-every 10 --evaluate-every 20 --log-every 10 --seed 3 --no-tensorboard"
    " --variant plain --data.size 8 --latent 4 --evaluate-images 16"
)


@pytest.fixture(scope="module")
def script(experiments, user_environment):
    """Returns the script with its options, and the environment in which it runs."""
    return [experiments / f"{SCRIPT}.py", *WORDS.split()], user_environment | {"PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def start(script, start_python):
    """Returns a function that starts the script on a run folder."""
    words, environment = script
    options = {"env": environment, "stderr": subprocess.STDOUT}
    return lambda folder, *more: start_python(*words, "--run", folder, *more, **options)


def finish(process):
    message, _ = process.communicate(timeout=300)
    return process.returncode, message


@pytest.fixture(scope="module")
def uninterrupted(script, tmp_path_factory):
    """Returns the folder of a run by the interpreter itself, whose compilation cache the others use."""
    folder, (words, environment) = tmp_path_factory.mktemp("runs") / "whole", script
    subprocess.run([sys.executable, *words, "--run", folder], env=environment, check=True, stdout=subprocess.DEVNULL)
    return folder


def history(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "time"} for line in lines]


def trained(folder):
    """Returns the lines of training, without those of evaluation."""
    return [line for line in history(folder) if "learning_rate" in line]


def wait_for_checkpoint(folder, step, process):
    while not (folder / "checkpoints" / str(step)).exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.005)


def assert_same_run(folder, expected):
    assert summary.describe(folder)["digest"] == summary.describe(expected)["digest"]
    assert history(folder) == history(expected)


def test_half_the_steps_and_then_the_rest_are_the_whole(start, uninterrupted, tmp_path):
    folder = tmp_path / "halves"
    assert finish(start(folder, "--steps", "20"))[0] == 0
    assert summary.describe(folder)["step"] == 20
    status, message = finish(start(folder))
    assert status == 0
    assert "going on from step 20" in message
    assert summary.describe(folder)["digest"] == summary.describe(uninterrupted)["digest"]


def test_kill_nine_at_several_moments_ends_with_the_same_bits(start, uninterrupted, tmp_path):
    folder, kills = tmp_path / "killed", 0
    for step in (10, 20, 30):
        process = start(folder)
        wait_for_checkpoint(folder, step, process)
        time.sleep(0.01 * kills)
        process.kill()
        kills += process.wait() == -signal.SIGKILL
    assert kills == 3
    status, message = finish(start(folder))
    assert status == 0, message
    assert_same_run(folder, uninterrupted)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_same_command_goes_on(start, uninterrupted, tmp_path, signum):
    folder = tmp_path / "stopped"
    process = start(folder, "--steps", "4000", "--checkpoint-every", "4000", "--evaluate-every", "4000")
    while not re.search(r"step \d+/4000", line := process.stdout.readline()):
        assert process.poll() is None, line
    process.send_signal(signum)
    status, message = finish(process)
    assert status == 128 + signum
    step = summary.describe(folder)["step"]
    assert 0 < step < 4000
    assert f"step {step} is saved" in message


@pytest.fixture(scope="module")
def toy_experiment():
    return load_script(str(Path(__file__).parents[1] / "toy_experiment.py"))


@pytest.fixture(scope="module")
def train_toy(toy_experiment, tmp_path_factory):
    """Returns a function from fields of the toy experiment's configuration to the folder of its run in this process."""

    def run(*, say=lambda line: None, **fields):
        folder = tmp_path_factory.mktemp("toy") / "run"
        intervals = {"checkpoint_every": 10, "evaluate_every": 10, "log_every": 10, "sample_every": 10}
        options = {"steps": 20, "evaluate_images": 8, "run": str(folder)} | intervals | fields
        train(toy_experiment.Config(**options), toy_experiment.build, say=say)
        return folder

    return run


@pytest.fixture(scope="module")
def toy_run(train_toy):
    return train_toy()


def test_another_seed_ends_with_other_bits(train_toy, toy_run):
    assert summary.describe(train_toy(seed=4))["digest"] != summary.describe(toy_run)["digest"]
    assert summary.describe(train_toy())["digest"] == summary.describe(toy_run)["digest"]


def test_another_option_is_refused_before_the_data_are_loaded(train_toy, toy_run, monkeypatch):
    monkeypatch.delattr(data, "load")
    with pytest.raises(UsageError, match=r"batch_size is \d+ there and 3 here; use the values there"):
        train_toy(run=str(toy_run), batch_size=3)
    with pytest.raises(AttributeError, match="load"):
        train_toy(run=str(toy_run), steps=30)


def test_a_run_that_has_its_steps_already_says_so(train_toy, toy_run):
    lines = []
    train_toy(run=str(toy_run), say=lines.append)
    assert f"{toy_run}: has 20 steps already: more --steps continue it" in lines


@pytest.mark.parametrize("fields", [{"steps_per_dispatch": 5}, {"devices": 2}], ids=["dispatches", "devices"])
def test_steps_in_one_dispatch_and_two_devices_compute_the_same(train_toy, toy_run, fields):
    for line, expected in zip(trained(train_toy(**fields)), trained(toy_run), strict=True):
        assert line == pytest.approx(expected, rel=1e-5)


@pytest.fixture
def small(load_experiment, tmp_path):
    """Returns (function from fields to a configuration, build) of a run of a GAN in this process."""
    module, fields = load_experiment(SCRIPT), {"run": str(tmp_path / "run"), "steps": 8, "batch_size": 8}
    fields |= {"variant": "plain", "tensorboard": False, "evaluate_images": 16}
    return (lambda **more: module.Config(**fields | more)), module.build


@pytest.fixture
def toy(toy_experiment, tmp_path):
    """Returns (function from fields to a configuration, build, traces) of a run of the toy whose traces are counted."""
    module, traces = toy_experiment, []

    def build(config, axis_name=None):
        objective = module.build(config, axis_name)

        def step(state, batch):
            traces.append(axis_name)
            return objective.step(state, batch)

        return dataclasses.replace(objective, step=step)

    fields = {"run": str(tmp_path / "run"), "steps": 8, "evaluate_images": 8}
    return (lambda **more: module.Config(**fields | more)), build, traces


@pytest.mark.parametrize(("steps_per_dispatch", "devices"), [(1, 1), (4, 1), (1, 2)])
def test_one_compilation_a_run(toy, steps_per_dispatch, devices, monkeypatch):
    config, build, traces = toy
    compiled, compilations = [], []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, duration, **_: compiled.append(event) if event.endswith("backend_compile_duration") else None
    )
    real = execute.compile_program

    def counted(*arguments, **options):
        program = real(*arguments, **options)

        def advance(state, step):
            before = len(compiled)
            result = program.advance(state, step)
            compilations.append(len(compiled) - before)
            return result

        return program._replace(advance=advance)

    monkeypatch.setattr(execute, "compile_program", counted)
    intervals = {"checkpoint_every": 4, "log_every": 4, "evaluate_every": 4, "sample_every": 4}
    options = {"steps_per_dispatch": steps_per_dispatch, "devices": devices} | intervals
    train(config(**options), build, say=lambda line: None)
    assert len(traces) == 1
    assert compilations[0] >= 1
    assert not any(compilations[1:])
    compilations.clear()
    train(config(**options | {"steps": 16}), build, say=lambda line: None)
    assert not any(compilations[1:])


@pytest.mark.parametrize(
    ("batch_size", "microbatches", "packing", "devices"),
    [(24, 1, 1, 4), (24, 1, 2, 4), (24, 1, 4, 3), (24, 2, 4, 3), (6, 1, 2, 3), (8, 2, 4, 1)],
)
def test_as_many_accelerators_as_hold_whole_packs(monkeypatch, batch_size, microbatches, packing, devices):
    monkeypatch.setattr(distributed, "device_platform", lambda: "gpu")
    monkeypatch.setattr(jax, "device_count", lambda: 4)
    config = GanConfig(batch_size=batch_size, microbatches=microbatches, packing=packing)
    assert prepare_devices(config) == devices


def test_fewer_examples_than_devices_is_reported_before_anything_is_written(small, tmp_path):
    config, build = small
    with pytest.raises(UsageError, match=r"6 images for each gradient do not divide over 4 devices"):
        train(config(devices=4, batch_size=6), build, say=lambda line: None)
    assert not (tmp_path / "run").exists()


def test_a_size_that_the_network_cannot_make_is_reported_before_anything_is_written(load_experiment, tmp_path):
    module = load_experiment("dcgan")
    config = module.Config(run=str(tmp_path / "run"), data=data.Config(size=30, channels=1))
    with pytest.raises(UsageError, match=r"30x30.*28, 32"):
        train(config, module.build, say=lambda line: None)
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_when_its_experiment_has_a_new_hyperparameter(toy, tmp_path, monkeypatch):
    configure, build, _ = toy
    whole = train(configure(run=str(tmp_path / "whole")), build, say=lambda line: None)

    @dataclasses.dataclass(frozen=True)
    class Hyper(type(configure().hyper)):
        twist: float = 0.5

    def go_on(run, **fields):
        lines, config = [], configure(run=str(run))
        hyper = Hyper(**vars(config.hyper))
        grown = dataclasses.make_dataclass("Config", [("hyper", Hyper, Hyper())], bases=(type(config),), frozen=True)
        state = train(grown(**vars(config) | {"hyper": hyper} | fields), build, say=lines.append)
        return float(state.hyper["twist"]), jax.tree.leaves(state.params), [line for line in lines if "twist" in line]

    train(configure(steps=4), build, say=lambda line: None)
    for run in ("today", "former"):
        shutil.copytree(tmp_path / "run", tmp_path / run)
    twist, params, lines = go_on(tmp_path / "today")
    assert (twist, lines) == (0.5, [])
    jax.tree.map(np.testing.assert_array_equal, params, jax.tree.leaves(whole.params))
    monkeypatch.setitem(FORMER_DEFAULTS, FORMAT, {"hyper.twist": 0.0})
    for steps in (8, 10):
        twist, _, lines = go_on(tmp_path / "former", steps=steps)
        assert twist == 0.0
        assert ["it is 0.0 here, and 0.5 in new runs" in line for line in lines] == [True]
    with pytest.raises(UsageError, match=r"hyper\.twist is 0\.0 there and 0\.7 here"):
        go_on(tmp_path / "former", hyper=Hyper(**vars(configure().hyper), twist=0.7))


def test_the_learning_rate_of_a_finished_schedule_is_what_it_says(small):
    config, build = small
    base = config()
    hyper = type(base.hyper)(learning_rate=1e-3, learning_rate_final=1e-4, schedule_steps=4.0)
    state = train(config(schedule="linear", hyper=hyper, log_every=8), build, say=lambda line: None)
    assert int(state.step) == 8
    np.testing.assert_allclose(state.hyper["learning_rate"], 1e-3)
    assert trained(Path(base.run))[-1]["learning_rate"] == pytest.approx(1e-4)


WITHOUT = """
import sys
for name in "tyro PIL matplotlib tensorboardX tensorflow_datasets grain skimage sklearn optuna".split():
    sys.modules[name] = None
from jaxgen.data import Config as Data
from jaxgen.runs.scripts import load_script
from jaxgen.runs.train import train

module = load_script(sys.argv[1])
data = Data("npz", sys.argv[2], size=28)
train(module.Config(run=sys.argv[3], steps=2, batch_size=4, variant="plain", data=data), module.build)
"""


def test_training_needs_only_jax_flax_optax_orbax_and_numpy(experiments, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1)).astype(np.uint8)
    np.savez(tmp_path / "set.npz", image=images)
    words = [experiments / f"{SCRIPT}.py", tmp_path / "set.npz", tmp_path / "run"]
    done = subprocess.run([sys.executable, "-c", WITHOUT, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert summary.describe(tmp_path / "run")["step"] == 2
    for name in ("Pillow", "matplotlib", "tensorboardX"):
        assert (done.stdout + done.stderr).count(f"{name} is not installed") == 1, name


def test_other_images_in_the_same_place_are_reported(toy, tmp_path):
    config, build, _ = toy
    place, images = tmp_path / "set.npz", np.zeros((20, 8, 8, 1), np.uint8)
    np.savez(place, image=images)
    chosen = data.Config(name="npz", dir=str(place), size=8)
    train(config(data=chosen), build, say=lambda line: None)
    np.savez(place, image=images + 1)
    with pytest.raises(UsageError, match=r"was trained on other images: their pixels differ; .*data\.allow_changed"):
        train(config(data=chosen), build, say=lambda line: None)
    messages = []
    train(config(data=dataclasses.replace(chosen, allow_changed=True)), build, say=messages.append)
    assert any("goes on with other images: their pixels differ" in line for line in messages)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"microbatches": 0}, "microbatches is 0: give at least 1"),
        ({"devices": -2}, "devices is -2"),
        ({"latent": -1}, "latent is -1: give at least 1"),
        ({"critic_steps": 0}, "critic_steps is 0"),
        ({"seed": 2**63}, "seed is 9223372036854775808"),
        ({"microbatches": 3}, "batch_size 8 does not divide into 3 microbatches"),
        ({"steps_per_dispatch": 3}, "steps_per_dispatch is 3"),
        ({"schedule": "linear"}, "schedule linear over 0 steps"),
    ],
)
def test_values_out_of_range_are_reported_before_anything_is_written(small, tmp_path, fields, message):
    config, build = small
    with pytest.raises(UsageError, match=message):
        train(config(**fields), build, say=lambda line: None)
    assert not (tmp_path / "run").exists()


def test_a_gan_loads_its_training_images_once(small, monkeypatch):
    config, build = small
    load, loaded = data.load, []
    monkeypatch.setattr(data, "load", lambda config: loaded.append(config.split) or load(config))
    prepare(config(), build)
    assert loaded == ["train"]


@pytest.mark.parametrize(("name", "split"), [("gan_mlp", "train"), ("vae", "test"), ("denoise", "test")])
def test_what_only_generates_is_chosen_by_training_images_and_all_else_by_images_held_out(load_experiment, name, split):
    module, digits = load_experiment(name), data.Config(name="digits", size=28, channels=1, flip=True)
    objective = module.build(module.Config(data=digits))
    batch_images = evaluation_images(digits, 40, objective, data.load(digits))["image"]
    target = data.load(data.Config(name="digits", size=28, split=split)).batch(0, 0, 40)["image"]
    np.testing.assert_array_equal(batch_images, target)
