"""A sweep as a person starts it: results, what bad input gets, kills and going on."""

import csv
import json
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from jaxgen.commands import main
from jaxgen.errors import UsageError
from jaxgen.sweeps import results, sweep

RATE = "hyper.learning-rate=log:1e-4:1e-2"


@pytest.fixture(scope="module")
def swept(gan_mlp, tmp_path_factory):
    """Returns the folder of a finished sweep over three settings with two seeds each, and what was said."""
    script, words = gan_mlp
    folder, said = tmp_path_factory.mktemp("sweeps") / "rates", []
    options = sweep.Options(
        search=["hyper.learning-rate=choice:1e-4,1e-3,1e-2"], sampler="grid", seeds=2, dir=str(folder), members=4
    )
    sweep.run(script, options, [*words, "--steps", "4", "--evaluate-every", "2"], said.append)
    return folder, said, options


def test_the_table_holds_every_setting_with_its_spread_the_best_first(swept):
    folder, _, _ = swept
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["hyper.learning_rate"] for row in rows) == ["0.0001", "0.001", "0.01"]
    means = [sum(float(row[f"evaluation/pixel_frechet seed {i}"]) for i in range(2)) / 2 for row in rows]
    assert means == sorted(means)
    assert {(row["state"], row["steps"]) for row in rows} == {("complete", "4")}
    told = (folder / "results.md").read_text()
    assert "mean ± sd of 2 seeds" in told
    first = re.search(r"^\| (\d) \| ([\d.]+) ± ([\d.e-]+) \|", told, re.MULTILINE)
    assert first[1] == rows[0]["trial"]
    assert float(first[2]) == pytest.approx(means[0], rel=1e-4)


def test_the_best_setting_is_a_command_that_gives_its_value(swept, monkeypatch, tmp_path):
    folder, _, _ = swept
    with (folder / "results.csv").open() as file:
        best = next(csv.DictReader(file))
    program, *words = shlex.split((folder / "results.md").read_text().splitlines()[-1])
    assert program == "jaxgen"
    with pytest.raises(SystemExit) as stop:
        main.main([*words, "--run", str(tmp_path / "run")])
    assert stop.value.code == 0
    last = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    expected = float(best["evaluation/pixel_frechet seed 0"])
    assert last["evaluation/pixel_frechet"] == pytest.approx(expected, rel=1e-3)


def test_pictures_and_hparams_are_there(swept):
    folder, _, _ = swept
    for name in ("parallel.png", "importance.png"):
        with Image.open(folder / name) as picture:
            assert min(picture.size) > 200
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for ticket in range(3):
        events = EventAccumulator(str(folder / "tensorboard" / f"{ticket:05d}")).Reload()
        assert "evaluation/pixel_frechet" in events.Tags()["scalars"]
        assert any(name.startswith("_hparams_") for name in events.PluginTagToContent("hparams"))


def test_hparams_that_were_cut_short_are_written_the_next_time(make_ledger, monkeypatch, tmp_path):
    from tensorboardX.event_file_writer import EventsWriter

    def killed(writer, event):
        raise KeyboardInterrupt

    with make_ledger() as ledger:
        ledger.fill(1)
        ledger.answer(ledger.take(1), [1.0], {"steps": 9})
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(EventsWriter, "write_event", killed)
            results.write_hparams(tmp_path / "tensorboard", ledger.finished(), ledger.plan)
        results.write_hparams(tmp_path / "tensorboard", ledger.finished(), ledger.plan)
    (written,) = (tmp_path / "tensorboard").iterdir()
    assert written.name == "00000"
    assert all(file.stat().st_size for file in written.iterdir())


def test_it_says_each_trial_and_where_the_time_went(swept):
    _, said, _ = swept
    line = r"3/3: trial \d, hyper.learning_rate \S+: evaluation/pixel_frechet .*; best .* of trial \d"
    assert re.fullmatch(line, said[2])
    seconds = r"[\d.]+ s"
    parts = rf"Optuna {seconds}, compiling {seconds}, training {seconds}, jaxgen's own {seconds}"
    trials = rf"trials {seconds} by a population of 4, execution vmap \({parts}\)"
    told = rf"{trials}, after {seconds} to start; results written in {seconds}"
    assert re.fullmatch(told, said[-1])


def test_it_is_not_done_again(swept, gan_mlp):
    folder, _, options = swept
    before, said = (folder / "results.csv").read_text(), []
    script, words = gan_mlp
    sweep.run(script, options, [*words, "--steps", "4", "--evaluate-every", "2"], said.append)
    assert len(said) == 1
    assert (folder / "results.csv").read_text() == before


@pytest.mark.parametrize(
    "options, words, told",
    [
        ({"search": ["hyper.rate=uniform:0:1"]}, (), "unknown search field 'hyper.rate'"),
        ({"sampler": "tpa"}, (), "unknown sampler 'tpa': did you mean tpe"),
        ({"pruner": "ash"}, (), "unknown pruner 'ash': did you mean asha"),
        ({"direction": "least"}, (), "unknown direction 'least'"),
        ({"execution": "fast"}, (), "unknown execution 'fast'"),
        ({"executor": "processes", "members": 2}, (), "--members and --execution are for a population"),
        ({"executor": "population", "processes": 2}, (), "a population is one process"),
        ({"search": ["batch-size=int:4:8"], "executor": "population"}, (), "batch_size is no number of the state"),
        ({"search": ["batch-size=int:4:8"], "members": 2}, (), "this sweep runs in processes"),
        (
            {"metric": "evaluation/pixel_freshet"},
            (),
            "unknown metric 'evaluation/pixel_freshet': did you mean evaluation",
        ),
        ({"metric": "evaluation/pixel_freshet"}, (), "generator/loss, "),
        ({"metric": "evaluation/cfid"}, (), "evaluation/cfid is not written without --evaluate-extractor"),
        ({"metric": "evaluation/cfid"}, (), "or give one of discriminator/fake_logit, "),
        ({"metric": "generator/loss"}, ("--log-every", "2"), "direction of generator/loss is unknown"),
        (
            {"metric": "generator/loss"},
            ("--log-every", "3"),
            "generator/loss is written every 3 steps: set --log-every 2",
        ),
        ({"sampler": "grid"}, (), "a grid needs values to list"),
        ({"sampler": "grid", "search": ["hyper.b1=choice:0,0.5"], "trials": 3}, (), "the grid has 2 points"),
        ({}, ("--steps", "5"), "steps 5 is no multiple of evaluate_every 2"),
        ({}, ("--wandb",), "a population does not look at wandb: leave it out, or give --executor processes"),
        ({}, ("--deterministic",), "a population does not look at deterministic"),
        (
            {"pruner": "asha"},
            ("--evaluate-every", "4"),
            "asha gives up at evaluations, and there is none before step 4",
        ),
        ({}, ("--distributed",), "each run of a sweep is one process: leave --distributed out"),
        ({"storage": "here"}, (), "storage 'here' is no address"),
    ],
)
def test_bad_input_is_told_before_anything_is_written(gan_mlp, tmp_path, options, words, told):
    script, small = gan_mlp
    folder = tmp_path / "sweep"
    given = {"search": [RATE], "dir": str(folder)} | options
    with pytest.raises(UsageError, match=re.escape(told)):
        sweep.run(script, sweep.Options(**given), [*small, "--steps", "4", "--evaluate-every", "2", *words], print)
    assert not folder.exists()


def test_another_search_in_the_same_folder_is_refused_and_changes_nothing(swept, gan_mlp):
    folder, _, options = swept
    script, words = gan_mlp
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    other = sweep.Options(**{**vars(options), "search": ["hyper.learning-rate=choice:1e-5,1e-3"]})
    with pytest.raises(UsageError, match=r"is another sweep: search.hyper.learning_rate is"):
        sweep.run(script, other, [*words, "--steps", "4", "--evaluate-every", "2"], print)
    with pytest.raises(UsageError, match=r"config.batch_size is 8 there and 16 here"):
        sweep.run(script, options, [*words, "--steps", "4", "--evaluate-every", "2", "--batch-size", "16"], print)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_other_data_of_the_same_name_are_refused_and_the_same_elsewhere_are_not(gan_mlp, tmp_path):
    script, words = gan_mlp
    folder, said = tmp_path / "sweep", []
    first, moved = tmp_path / "set.npz", tmp_path / "elsewhere.npz"
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1)).astype(np.uint8)
    np.savez(first, image=images)
    options = sweep.Options(search=[RATE], trials=1, dir=str(folder))

    def run(place):
        data = ["--data.name", "npz", "--data.dir", str(place)]
        sweep.run(script, options, [*words, *data, "--steps", "2", "--evaluate-every", "2"], said.append)

    run(first)
    first.rename(moved)
    run(moved)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    np.savez(first, image=255 - images)
    with pytest.raises(UsageError, match=r"study gan_mlp is another sweep: images_sha256 is \w+ there and \w+ here"):
        run(first)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_a_storage_is_reached_before_anything_is_prepared_and_the_folder_is_made_last(gan_mlp, tmp_path, monkeypatch):
    script, words = gan_mlp
    order, set_up, open_storage = [], sweep.set_up, sweep.open_storage
    monkeypatch.setattr(sweep, "set_up", lambda *given: (order.append("set up"), set_up(*given))[1])
    monkeypatch.setattr(sweep, "open_storage", lambda *given: (order.append("storage"), open_storage(*given))[1])
    url, words = f"sqlite:///{tmp_path / 'shared.db'}", [*words, "--steps", "2", "--evaluate-every", "2"]
    options = {"search": [RATE], "trials": 1, "storage": url}
    with pytest.raises(UsageError, match="cannot be used"):
        sweep.run(script, sweep.Options(**options | {"storage": "nosuch:///here"}), words, print)
    assert order == ["storage"]
    sweep.run(script, sweep.Options(**options, dir=str(tmp_path / "sweep")), words, print)
    assert order[1:] == ["storage", "set up"]
    with pytest.raises(UsageError, match="is another sweep"):
        sweep.run(script, sweep.Options(**options, seeds=2, dir=str(tmp_path / "refused")), words, print)
    assert not (tmp_path / "refused").exists()


def test_a_folder_that_cannot_be_made_is_told(gan_mlp, tmp_path):
    script, words = gan_mlp
    (tmp_path / "file").touch()
    options = sweep.Options(search=[RATE], dir=str(tmp_path / "file" / "sweep"))
    with pytest.raises(UsageError, match=r"cannot write in .*: give another --dir"):
        sweep.run(script, options, [*words, "--steps", "2"], print)


def command(gan_mlp, folder, *options):
    script, words = gan_mlp
    code = "import sys; from jaxgen.commands.main import main; main(['sweep', *sys.argv[1:]])"
    small = ["--steps", "6", "--evaluate-every", "2", *words]
    return [sys.executable, "-c", code, script, "--search", RATE, "--dir", str(folder), *options, *small]


def wait_for(folder, count, process):
    """Waits until a number of runs have begun."""
    deadline = time.monotonic() + 120
    while len(list(folder.glob("trials/*/metrics.jsonl"))) < count:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)


def answers(folder):
    with (folder / "results.csv").open() as file:
        return {row["trial"]: (row["state"], row["hyper.learning_rate"]) for row in csv.DictReader(file)}


def test_a_killed_sweep_goes_on_and_ends_as_one_never_killed(gan_mlp, tmp_path):
    asked = ("--trials", "5", "--sampler", "random", "--members", "1")
    killed = subprocess.Popen(command(gan_mlp, tmp_path / "killed", *asked), stdout=subprocess.DEVNULL)
    wait_for(tmp_path / "killed", 2, killed)
    killed.kill()
    killed.wait()
    for folder in ("killed", "whole"):
        subprocess.run(command(gan_mlp, tmp_path / folder, *asked), check=True, capture_output=True)
    assert answers(tmp_path / "killed") == answers(tmp_path / "whole")
    assert len(answers(tmp_path / "whole")) == 5


def test_ctrl_c_keeps_what_was_found(gan_mlp, tmp_path):
    folder = tmp_path / "stopped"
    process = subprocess.Popen(
        command(gan_mlp, folder, "--trials", "500", "--members", "1"), stderr=subprocess.PIPE, text=True
    )
    wait_for(folder, 3, process)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGINT
    assert f"what was found is in {folder}/results.md; the same command goes on from there" in told
    assert len(answers(folder)) >= 1


def test_a_second_sweep_in_the_same_folder_is_told(gan_mlp, tmp_path):
    from jaxgen.runs.disk.run_folder import lock

    script, words = gan_mlp
    with (
        lock(tmp_path / ".lock"),
        pytest.raises(UsageError, match=r"another process sweeps in .*: wait for it, give another --dir, or share"),
    ):
        sweep.run(script, sweep.Options(search=[RATE], dir=str(tmp_path)), [*words, "--steps", "2"], print)
