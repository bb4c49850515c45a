"""Sweeps from the command line: results, messages for invalid input, kills and continuation."""

import csv
import json
import re
import shlex
import signal
import time

import numpy as np
import pytest
from PIL import Image

from jaxgen.commands import main
from jaxgen.errors import UsageError
from jaxgen.sweeps import results, sweep
from jaxgen.sweeps.options import Options

RATE = "hyper.learning-rate=log:1e-4:1e-2"


@pytest.fixture(scope="module")
def swept(gan_mlp, tmp_path_factory):
    """Returns the folder of a sweep of three trials with two seeds each, the lines it printed, and its options."""
    script, arguments = gan_mlp
    folder, lines = tmp_path_factory.mktemp("sweeps") / "rates", []
    options = Options(
        search=["hyper.learning-rate=choice:1e-4,1e-3,1e-2"], sampler="grid", seeds=2, dir=folder, members=4
    )
    sweep.run(script, options, [*arguments, "--steps", "4", "--evaluate-every", "2"], lines.append)
    return folder, lines, options


def test_the_table_has_every_trial_with_its_deviation_best_first(swept):
    folder, _, _ = swept
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["hyper.learning_rate"] for row in rows) == ["0.0001", "0.001", "0.01"]
    means = [sum(float(row[f"evaluation/pixel_frechet seed {i}"]) for i in range(2)) / 2 for row in rows]
    assert means == sorted(means)
    assert {(row["state"], row["steps"]) for row in rows} == {("complete", "4")}
    table = (folder / "results.md").read_text()
    assert "mean ± sd of 2 seeds" in table
    first = re.search(r"^\| (\d) \| ([\d.]+) ± ([\d.e-]+) \|", table, re.MULTILINE)
    assert first[1] == rows[0]["trial"]
    assert float(first[2]) == pytest.approx(means[0], rel=1e-4)


def test_the_command_prints_the_table_and_names_its_files(swept, monkeypatch, capsys):
    folder, _, _ = swept
    monkeypatch.setattr(sweep, "run", lambda *_: folder)
    main.run(["sweep", "gan_mlp", "--search", "latent=int:4:8"])
    out = capsys.readouterr().out
    assert out.startswith((folder / "results.md").read_text())
    assert out.splitlines()[-1] == f"{folder}: importance.png, parallel.png, results.csv, results.md, trials"


def test_the_command_of_the_best_trial_gives_its_metric(swept, monkeypatch, tmp_path):
    folder, _, _ = swept
    with (folder / "results.csv").open() as file:
        best = next(csv.DictReader(file))
    program, *command = shlex.split((folder / "results.md").read_text().splitlines()[-1])
    assert program == "jaxgen"
    with pytest.raises(SystemExit) as stop:
        main.main([*command, "--run", str(tmp_path / "run")])
    assert stop.value.code == 0
    last = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    expected = float(best["evaluation/pixel_frechet seed 0"])
    assert last["evaluation/pixel_frechet"] == pytest.approx(expected, rel=1e-3)


def test_plots_and_hparams_are_written(swept):
    folder, _, _ = swept
    for name in ("parallel.png", "importance.png"):
        with Image.open(folder / name) as picture:
            assert min(picture.size) > 200
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for index in range(3):
        events = EventAccumulator(str(folder / "tensorboard" / f"{index:05d}")).Reload()
        assert "evaluation/pixel_frechet" in events.Tags()["scalars"]
        assert any(name.startswith("_hparams_") for name in events.PluginTagToContent("hparams"))


def test_interrupted_hparams_are_written_the_next_time(make_queue, monkeypatch, tmp_path):
    from tensorboardX.event_file_writer import EventsWriter

    def killed(writer, event):
        raise KeyboardInterrupt

    with make_queue() as queue:
        queue.enqueue(1)
        queue.complete(queue.claim(1), [1.0], 9)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(EventsWriter, "write_event", killed)
            results.write_hparams(tmp_path / "tensorboard", queue.finished(), queue.definition)
        results.write_hparams(tmp_path / "tensorboard", queue.finished(), queue.definition)
    (written,) = (tmp_path / "tensorboard").iterdir()
    assert written.name == "00000"
    assert all(file.stat().st_size for file in written.iterdir())


def test_each_trial_and_the_times_are_printed(swept):
    _, lines, _ = swept
    line = r"3/3: trial \d, hyper.learning_rate \S+: evaluation/pixel_frechet .*; best .* of trial \d"
    assert re.fullmatch(line, lines[2])
    seconds = r"[\d.]+ s"
    parts = rf"Optuna {seconds}, compiling {seconds}, training {seconds}, other {seconds}"
    trials = rf"trials {seconds} by a population of 4, execution vmap \({parts}\)"
    assert re.fullmatch(rf"{seconds} to start; {trials}; results {seconds}", lines[-1])


def test_a_finished_sweep_trains_nothing_again(swept, gan_mlp):
    folder, _, options = swept
    before, lines = (folder / "results.csv").read_text(), []
    script, arguments = gan_mlp
    sweep.run(script, options, [*arguments, "--steps", "4", "--evaluate-every", "2"], lines.append)
    assert len(lines) == 1
    assert (folder / "results.csv").read_text() == before


@pytest.mark.parametrize(
    "options, arguments, message",
    [
        ({"search": ["hyper.rate=uniform:0:1"]}, (), "unknown search field 'hyper.rate'"),
        ({"sampler": "tpa"}, (), "unknown sampler 'tpa': did you mean tpe"),
        ({"pruner": "ash"}, (), "unknown pruner 'ash': did you mean asha"),
        ({"direction": "least"}, (), "unknown direction 'least'"),
        ({"execution": "fast"}, (), "unknown execution 'fast'"),
        ({"executor": "processes", "members": 2}, (), "--members and --execution are for a population"),
        ({"executor": "population", "processes": 2}, (), "a population is one process"),
        (
            {"search": ["batch-size=int:4:8"], "executor": "population"},
            (),
            "options under hyper. only, and not batch_size",
        ),
        ({"search": ["batch-size=int:4:8"], "members": 2}, (), "this sweep runs in processes"),
        (
            {"metric": "evaluation/pixel_freshet"},
            (),
            "unknown metric 'evaluation/pixel_freshet': did you mean evaluation",
        ),
        ({"metric": "evaluation/pixel_freshet"}, (), "generator/loss, "),
        ({"metric": "evaluation/cfid"}, (), "evaluation/cfid needs a feature network: set --evaluate-extractor"),
        ({"metric": "evaluation/cfid"}, (), "or give one of discriminator/fake_logit, "),
        ({"metric": "generator/loss"}, ("--log-every", "2"), "direction of generator/loss is unknown"),
        (
            {"metric": "generator/loss"},
            ("--log-every", "3"),
            "generator/loss is logged every 3 steps: set --log-every 2",
        ),
        ({"sampler": "grid"}, (), "a grid needs a list of values"),
        (
            {"sampler": "grid", "search": ["hyper.b1=choice:0,0.5"], "trials": 3},
            (),
            "of a grid of 2 points: give at most 2",
        ),
        ({}, ("--steps", "5"), "--steps 5 is no multiple of --evaluate-every 2"),
        ({}, ("--wandb",), "--wandb has no effect in a population: omit it, or set --executor processes"),
        ({}, ("--deterministic",), "--deterministic has no effect in a population"),
        (
            {"pruner": "asha"},
            ("--evaluate-every", "4"),
            "asha prunes at evaluations, and there is none before step 4",
        ),
        ({}, ("--distributed",), "each run of a sweep is one process: omit --distributed"),
        ({"storage": "here"}, (), "--storage is not a URL"),
    ],
)
def test_invalid_options_are_refused_before_anything_is_written(gan_mlp, tmp_path, options, arguments, message):
    script, small = gan_mlp
    folder = tmp_path / "sweep"
    values = {"search": [RATE], "dir": folder} | options
    with pytest.raises(UsageError, match=re.escape(message)):
        sweep.run(script, Options(**values), [*small, "--steps", "4", "--evaluate-every", "2", *arguments], print)
    assert not folder.exists()


def test_another_sweep_in_the_same_folder_is_refused_and_changes_nothing(swept, gan_mlp):
    folder, _, options = swept
    script, arguments = gan_mlp
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    other = Options(**{**vars(options), "search": ["hyper.learning-rate=choice:1e-5,1e-3"]})
    with pytest.raises(UsageError, match=r"is another sweep: search.hyper.learning_rate is"):
        sweep.run(script, other, [*arguments, "--steps", "4", "--evaluate-every", "2"], print)
    with pytest.raises(UsageError, match=r"config.batch_size is 8 there and 16 here"):
        sweep.run(script, options, [*arguments, "--steps", "4", "--evaluate-every", "2", "--batch-size", "16"], print)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_other_data_under_the_same_path_are_refused_and_moved_data_are_not(gan_mlp, tmp_path):
    script, arguments = gan_mlp
    folder, lines = tmp_path / "sweep", []
    first, moved = tmp_path / "set.npz", tmp_path / "elsewhere.npz"
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1)).astype(np.uint8)
    np.savez(first, image=images)
    options = Options(search=[RATE], trials=1, dir=folder)

    def run(path):
        data = ["--data.name", "npz", "--data.dir", str(path)]
        sweep.run(script, options, [*arguments, *data, "--steps", "2", "--evaluate-every", "2"], lines.append)

    run(first)
    first.rename(moved)
    run(moved)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    np.savez(first, image=255 - images)
    with pytest.raises(UsageError, match=r"study gan_mlp is another sweep: images_sha256 is \w+ there and \w+ here"):
        run(first)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_the_storage_is_opened_first_the_folder_created_last_and_no_password_written(gan_mlp, tmp_path, monkeypatch):
    script, arguments = gan_mlp
    order, prepare, open_storage = [], sweep.prepare_sweep, sweep.open_storage
    monkeypatch.setattr(sweep, "prepare_sweep", lambda *args: (order.append("prepare"), prepare(*args))[1])
    # A database with a password, which is a file here.
    url, file = "postgresql://me:hunter2@host/sweeps", f"sqlite:///{tmp_path / 'shared.db'}"
    open_file = lambda url, *rest: open_storage(url.replace("postgresql://me:hunter2@host/sweeps", file), *rest)
    monkeypatch.setattr(sweep, "open_storage", lambda *args: (order.append("storage"), open_file(*args))[1])
    arguments = [*arguments, "--steps", "2", "--evaluate-every", "2"]
    options = {"search": [RATE], "trials": 1, "storage": url}
    with pytest.raises(UsageError, match="is not available"):
        sweep.run(script, Options(**options | {"storage": "nosuch:///here"}), arguments, print)
    assert order == ["storage"]
    said = []
    sweep.run(script, Options(**options, dir=tmp_path / "sweep"), arguments, said.append)
    assert order[1:] == ["storage", "prepare"]
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"hunter2" in content for content in [*written, "".join(said).encode()])
    with pytest.raises(UsageError, match="is another sweep"):
        sweep.run(script, Options(**options, seeds=2, dir=tmp_path / "refused"), arguments, print)
    assert not (tmp_path / "refused").exists()


def test_a_folder_that_cannot_be_created_is_reported(gan_mlp, tmp_path):
    script, arguments = gan_mlp
    (tmp_path / "file").touch()
    options = Options(search=[RATE], dir=tmp_path / "file" / "sweep")
    with pytest.raises(UsageError, match=r"cannot write in .*: set another --dir"):
        sweep.run(script, options, [*arguments, "--steps", "2"], print)


def command(gan_mlp, folder, *options):
    script, arguments = gan_mlp
    code = "import sys; from jaxgen.commands.main import main; main(['sweep', *sys.argv[1:]])"
    small = ["--steps", "6", "--evaluate-every", "2", *arguments]
    return ["-c", code, script, "--search", RATE, "--dir", str(folder), *options, *small]


def wait_for(folder, count, process):
    """Waits until a number of runs have started."""
    deadline = time.monotonic() + 120
    while len(list(folder.glob("trials/*/metrics.jsonl"))) < count:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)


def read_results(folder):
    with (folder / "results.csv").open() as file:
        return {row["trial"]: (row["state"], row["hyper.learning_rate"]) for row in csv.DictReader(file)}


def test_a_killed_sweep_continues_and_ends_as_one_never_killed(start_python, run_python, toy_script, tmp_path):
    options = ("--trials", "5", "--sampler", "random", "--members", "1")
    killed = start_python(*command(toy_script, tmp_path / "killed", *options))
    wait_for(tmp_path / "killed", 2, killed)
    killed.kill()
    killed.wait()
    for folder in ("killed", "whole"):
        assert run_python(*command(toy_script, tmp_path / folder, *options)).returncode == 0
    assert read_results(tmp_path / "killed") == read_results(tmp_path / "whole")
    assert len(read_results(tmp_path / "whole")) == 5


def test_ctrl_c_keeps_the_results(start_python, toy_script, tmp_path):
    folder = tmp_path / "stopped"
    process = start_python(*command(toy_script, folder, "--trials", "500", "--members", "1"))
    wait_for(folder, 3, process)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGINT
    assert f"the results so far are in {folder}/results.md; the same command continues the sweep" in message
    assert len(read_results(folder)) >= 1


def test_a_second_sweep_in_the_same_folder_is_refused(gan_mlp, tmp_path):
    from jaxgen.runs.disk.run_folder import lock

    script, arguments = gan_mlp
    with (
        lock(tmp_path / ".lock"),
        pytest.raises(
            UsageError, match=r"another process runs a sweep in .*: wait for it, set another --dir, or share"
        ),
    ):
        sweep.run(script, Options(search=[RATE], dir=tmp_path), [*arguments, "--steps", "2"], print)


def test_a_registered_score_is_the_default_direction(load_experiment, gan_mlp, monkeypatch):
    """A score that the experiment logs and does not select by has the direction of its registry."""
    from jaxgen.evaluation import scores
    from jaxgen.runs.train import prepare
    from jaxgen.sweeps.definition import choose_metric

    _, arguments = gan_mlp
    module = load_experiment("gan_mlp")
    config = sweep.make_space([RATE], module.Config, [*arguments, "--log-every", "1"], module.build).config
    prepared = prepare(config, module.build)
    options = Options(metric="generator/loss")
    with pytest.raises(UsageError, match="direction of generator/loss is unknown: set --direction"):
        choose_metric(options, prepared)
    monkeypatch.setitem(scores.SCORES, "loss", scores.Score(lambda comparison: 0.0, "maximize"))
    assert choose_metric(options, prepared) == ("generator/loss", "maximize")
