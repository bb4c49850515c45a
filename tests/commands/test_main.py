import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxgen import data
from jaxgen.commands import main
from jaxgen.config import GanConfig
from jaxgen.errors import UsageError
from jaxgen.io import images
from jaxgen.runs import command_line, reopen
from jaxgen.runs.scripts import installed_experiments, load_script, read_recipe
from tests.bare_objective import drawing


def run(capsys, *words):
    """Returns (exit status, standard output, standard error) of the jaxgen command."""
    with pytest.raises(SystemExit) as stop:
        main.main([str(word) for word in words])
    output = capsys.readouterr()
    return stop.value.code, output.out, output.err


@pytest.fixture(scope="module")
def trained(tmp_path_factory, experiments):
    """The folder of a small GAN run of six steps."""
    folder = tmp_path_factory.mktemp("runs") / "gan"
    with pytest.raises(SystemExit) as stop:
        main.main(
            f"train {experiments / 'gan_mlp.py'} --run {folder} --steps 6 --checkpoint-every 2 --evaluate-every 2 "
            "--batch-size 8 --variant plain --log-every 1 --no-tensorboard".split()
        )
    assert stop.value.code == 0
    return folder


def test_training_fills_the_run_folder(trained):
    assert {path.name for path in trained.iterdir()} >= {
        "config.json",
        "metrics.jsonl",
        "samples",
        "checkpoints",
        "curves.png",
    }
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "generator/loss" in line] == [1, 2, 3, 4, 5, 6]
    assert {"generator/gradient_norm", "discriminator/gradient_norm"} <= set(lines[0])
    assert images.read(trained / "samples" / "samples-00000006.png").max() > 0


def test_info_tells_step_digest_parameters_and_metrics(trained, capsys):
    status, out, _ = run(capsys, "info", trained, "--json")
    summary = json.loads(out)
    assert status == 0
    assert summary["step"] == 6
    assert len(summary["digest"]) == 64
    assert summary["parameters"] == {"discriminator": 117_121, "generator": 130_576}
    assert "evaluation/pixel_frechet" in summary["metrics"]
    assert summary["best"]["step"] in summary["checkpoints"]
    status, out, _ = run(capsys, "info", trained)
    assert "generator 130,576" in out
    assert "1,438 images of digits, 28×28×1" in out
    assert out.count("evaluation/pixel_frechet") == (1 if summary["best"]["step"] == 6 else 2)
    assert "hyper.learning_rate = 0.0002" in out


def test_training_again_to_the_same_step_changes_nothing(trained, capsys, experiments):
    digest = json.loads(run(capsys, "info", trained, "--json")[1])["digest"]
    words = f"train {experiments / 'gan_mlp.py'} --run {trained} --steps 6 --checkpoint-every 2 --evaluate-every 2"
    words += " --batch-size 8 --variant plain --log-every 1 --no-tensorboard"
    status, out, _ = run(capsys, *words.split())
    assert status == 0
    images, players = "1,438 images of digits, 28×28×1", "discriminator 117,121, generator 130,576 parameters"
    assert out.splitlines()[0] == f"{trained}: gan_mlp on {images}; {players}; 1 device"
    assert json.loads(run(capsys, "info", trained, "--json")[1])["digest"] == digest


def test_sample_writes_a_grid_and_single_pictures(trained, tmp_path, capsys):
    status, out, _ = run(capsys, "sample", trained, "--count", 5, "--seed", 1, "--out", tmp_path / "a")
    assert status == 0
    assert out.splitlines()[0] == str(tmp_path / "a" / "grid.png")
    written = [f"{i:04d}.png" for i in range(5)] + ["grid.png", "nearest.png"]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == written
    assert images.read(tmp_path / "a" / "0000.png").shape == (28, 28, 1)


def test_samples_depend_on_seed_checkpoint_and_average(trained, tmp_path, capsys):
    def draw(name, *options):
        assert run(capsys, "sample", trained, "--count", 1, "--out", tmp_path / name, *options)[0] == 0
        return images.read(tmp_path / name / "0000.png")

    first = draw("first")
    np.testing.assert_array_equal(first, draw("again"))
    for name, options in {"seed": ("--seed", 2), "raw": ("--no-ema",)}.items():
        assert np.abs(first - draw(name, *options)).max() > 0, name
    draw("best", "--checkpoint", "best")


def test_fill_writes_the_inpainted_image(trained, tmp_path, capsys):
    picture, hole = (np.zeros((28, 28, 1), np.float32) for _ in range(2))
    picture[:, 14:], hole[10:18, 10:18] = 0.8, 1
    images.write(tmp_path / "a.png", picture)
    images.write(tmp_path / "mask.png", hole)
    words = ("fill", trained, tmp_path / "a.png", "--mask", tmp_path / "mask.png", "--steps", 2)
    status, out, _ = run(capsys, *words)
    assert status == 0
    assert out.startswith(f"{tmp_path / 'a-filled.png'}  PSNR of the known pixels ")
    filled, original = (images.read(tmp_path / name) for name in ("a-filled.png", "a.png"))
    np.testing.assert_array_equal(filled[hole == 0], original[hole == 0])
    assert np.abs(filled - original)[hole == 1].max() > 0
    status, _, err = run(capsys, *words, "--out", tmp_path / "a.png")
    assert (status, err.count("\n")) == (2, 1)
    assert "name another file with --out" in err


def test_a_label_is_for_conditional_runs_alone(trained, tmp_path, capsys):
    status, _, err = run(capsys, "sample", trained, "--label", 3, "--out", tmp_path)
    assert status == 2
    assert err == "jaxgen: label 3: the networks of this run have no classes; leave --label out\n"


def test_pictures_of_one_class_have_a_folder_of_their_own(tmp_path, capsys, monkeypatch):
    def draw(variables, key, count, labels=None):
        labels = np.arange(count) % 4 if labels is None else labels
        return np.ones((count, 2, 2, 1)) * labels[:, None, None, None] / 4

    config = GanConfig(conditional=True, data=data.Config(classes=4))
    opened = reopen.Opened(Path(), config, drawing(draw), {}, 7)
    monkeypatch.setattr(reopen, "build", lambda *arguments, **options: opened)
    monkeypatch.setattr(reopen, "load_weights", lambda *arguments, **options: opened)
    monkeypatch.setattr(reopen, "require_images_fit", lambda *arguments: None)
    whole = {"format": 1, "experiment": {"name": "conditional"}, "image_shape": [2, 2, 1], "config": {}}
    (tmp_path / "config.json").write_text(json.dumps(whole | {"class_names": ["bag", "hat", "3", "shoe"]}))
    status, out, _ = run(capsys, "sample", tmp_path, "--label", 2, "--count", 2)
    assert status == 0
    folder = tmp_path / "samples" / "step-00000007-seed-0-label-2"
    assert out.splitlines()[0] == str(folder / "grid.png")
    np.testing.assert_allclose(images.read(folder / "0001.png"), 0.5, atol=0.01)
    assert run(capsys, "sample", tmp_path, "--label", "hat", "--count", 1)[0] == 0
    hat = images.read(tmp_path / "samples" / "step-00000007-seed-0-label-hat" / "0000.png")
    np.testing.assert_allclose(hat, 0.25, atol=0.01)
    status, _, err = run(capsys, "sample", tmp_path, "--label", "shoo")
    assert (status, err) == (2, "jaxgen: unknown class 'shoo': did you mean shoe? allowed: 3, bag, hat, shoe\n")
    run(capsys, "sample", tmp_path, "--count", 8)
    grid = images.read(tmp_path / "samples" / "step-00000007-seed-0" / "grid.png")
    assert grid.shape[:2] == (2 * 4 + 2, 4 * 4 + 2)
    columns = grid[2::4, 2::4, 0]
    np.testing.assert_allclose(columns, np.tile([0, 0.25, 0.5, 0.75], (2, 1)), atol=0.01)


def test_evaluation_tells_scores_floor_and_protocol_and_is_kept(trained, capsys):
    status, out, _ = run(capsys, "evaluate", trained, "--count", 100, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["step"] == 6
    assert found["scores"].keys() == found["floor"].keys() >= {"cfid", "ckid", "precision", "recall", "coverage"}
    assert found["scores"]["cfid"] > 3 * found["floor"]["cfid"]
    protocol = found["protocol"]
    assert protocol["extractor"] == "classifier of digits"
    assert len(protocol["sha256"]) == 64
    assert (protocol["reference"], protocol["real"], protocol["generated"]) == ("test", 100, 100)
    assert (protocol["floor"], protocol["ema"], protocol["seed"]) == ("100 of train", True, 0)
    status, out, _ = run(capsys, "evaluate", trained, "--count", 100, "--checkpoint", "best", "--no-ema", "--seed", 3)
    assert status == 0
    assert out.split()[:2] == ["generated", "floor"]
    kept = [json.loads(line) for line in (trained / "evaluations.jsonl").read_text().splitlines()]
    assert kept[0] == found
    assert (kept[1]["checkpoint"], kept[1]["protocol"]["ema"], kept[1]["protocol"]["seed"]) == ("best", False, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--count", 1), "every score needs 2 of each; raise --count"),
        (("--extractor", "mnits"), "unknown extractor 'mnits': did you mean mnist"),
        (("--extractor", "none.safetensors"), "no weights at none.safetensors: jaxgen convert inception"),
    ],
)
def test_evaluation_errors_are_one_line(trained, options, message, capsys):
    status, _, err = run(capsys, "evaluate", trained, *options)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1


def test_a_score_of_generated_images_may_choose_the_best_checkpoint(experiments, tmp_path, capsys):
    words = f"train {experiments / 'gan_mlp.py'} --run {tmp_path / 'run'} --steps 4 --evaluate-every 2 --batch-size 8 "
    words += "--checkpoint-every 2 --variant plain --no-tensorboard --evaluate-extractor auto --evaluate-images 80"
    assert run(capsys, *words.split())[0] == 0
    summary = json.loads(run(capsys, "info", tmp_path / "run", "--json")[1])
    assert summary["metrics"]["evaluation/cfid"] > 0
    assert summary["best"]["step"] in {2, 4}
    assert run(capsys, "evaluate", tmp_path / "run", "--count", 80, "--checkpoint", "best")[0] == 0


def test_restored_images_are_not_scored_as_generated_ones(experiments, tmp_path, capsys):
    words = (
        f"train {experiments / 'denoise.py'} --run {tmp_path / 'run'} --evaluate-extractor digits --width 4 --depth 2"
    )
    status, _, err = run(capsys, *words.split())
    assert status == 2
    assert "this experiment generates no images; leave it out" in err


def test_a_name_in_place_of_a_run_folder_finds_the_run(trained, tmp_path, capsys, monkeypatch):
    (tmp_path / "runs").symlink_to(trained.parent)
    monkeypatch.chdir(tmp_path)
    assert "gan is no run folder: it has no config.json; did you mean runs/gan?" in run(capsys, "info", "gan")[2]
    assert "runs is no run folder: it has no config.json; did you mean runs/gan?" in run(capsys, "info", "runs")[2]


def test_sampling_needs_no_data(trained, tmp_path, capsys, monkeypatch):
    def load(config):
        raise UsageError("the data are gone")

    monkeypatch.setattr("jaxgen.data.load", load)
    status, out, _ = run(capsys, "sample", trained, "--count", 1, "--out", tmp_path)
    assert (status, "nearest.png is omitted: the data are gone" in out) == (0, True)
    monkeypatch.setattr("jaxgen.data.load", None)
    assert run(capsys, "sample", trained, "--count", 1, "--out", tmp_path, "--no-nearest")[0] == 0


def test_the_nearest_training_images_stand_below_samples(trained, tmp_path, capsys):
    status, out, _ = run(capsys, "sample", trained, "--count", 3, "--out", tmp_path)
    assert status == 0
    assert "to the nearest training image" in out
    assert (tmp_path / "nearest.png").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("info nowhere", "nowhere is no run folder: it has no config.json"),
        ("sample nowhere", "nowhere is no run folder"),
        ("sample nowhere --count 0", "count is 0: give at least 1"),
        (
            "restore nowhere --task auto --max-megapixels nan",
            "max_megapixels is nan: give a finite number of more than 0",
        ),
        ("sample nowhere --seed -1", "seed is -1: give at least 0 and at most 4294967294"),
        ("sample nowhere --seed x", "--seed 'x': give a whole number"),
        ("sample nowhere --seed", "--seed needs a value: give INT"),
        ("evaluate nowhere --seed 4294967295", "seed is 4294967295: give at least 0 and at most 4294967294"),
        ("sample nowhere --label x", "nowhere is no run folder"),
        ("sample nowhere --cout 3", "unknown option 'cout': did you mean count"),
        ("sample nowhere --mixture 3 --truncation 0.5", "--mixture and --truncation exclude each other"),
        ("sample nowhere --checkpoint lst", "unknown --checkpoint 'lst': did you mean last"),
        ("sample nowhere stray", "unexpected argument 'stray'"),
        ("export detect --out x --size 3", "--size: "),
        ("restore a.png --task auto --network x", "exclude each other"),
        ("restore a.png --sigma x", "--sigma 'x': give a number"),
        ("restore --task denoise", "missing PHOTOS"),
        ("restore a.png --out result.jpg", "--out result.jpg: give a folder"),
        ("convert vgg19 a b", "did you mean vgg"),
        ("train --steps 3", "missing EXPERIMENT"),
        ("train", "missing EXPERIMENT"),
        ("sweep wgan", "--search"),
        ("train wgan_pg", "did you mean wgan_gp"),
        ("train nowhere.py", "no experiment script at nowhere.py"),
        ("train vae --latnt 3", "unknown option 'latnt': did you mean latent"),
        ("train vae --data.name digts", "did you mean digits"),
        ("polish", "unknown command 'polish': allowed: convert,"),
        ("smple nowhere", "did you mean sample"),
        ("tests", "run jaxgen restore tests"),
    ],
)
def test_errors_are_one_line_and_status_two(words, message, capsys, monkeypatch, experiments):
    monkeypatch.chdir(experiments.parent)
    status, _, err = run(capsys, *words.split())
    assert status == 2
    assert message.lower() in err.lower()
    assert err.count("\n") == 1


def test_another_configuration_in_the_same_folder_names_the_field_and_both_values(trained, capsys, experiments):
    words = f"train {experiments / 'gan_mlp.py'} --run {trained} --steps 6 --batch-size 8 --variant plain"
    status, _, err = run(capsys, *words.split(), "--hyper.learning-rate", "0.5")
    assert status == 2
    assert all(part in err for part in ("hyper.learning_rate", "0.0002", "0.5"))


def test_a_restorer_does_not_sample(experiments):
    module = load_script(str(experiments / "denoise.py"))
    config = module.Config()
    opened = reopen.Opened(Path(), config, module.build(config), None, 0)
    with pytest.raises(UsageError, match="this run generates no images"):
        opened.sample(1, 0)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--help", "COMMAND"),
        ("--version", "jaxgen 0."),
        ("train --help", "EXPERIMENT"),
        ("train vae --help", "--latent"),
        ("sweep --help", "--search"),
        ("evaluate --help", "restorer options"),
    ],
)
def test_help_at_every_level(words, expected, capsys, monkeypatch, experiments):
    monkeypatch.chdir(experiments.parent)
    status, out, _ = run(capsys, *words.split())
    assert not status
    assert expected in out


def test_the_help_of_training_lists_every_experiment_without_importing_any(capsys, monkeypatch):
    imported = lambda: [name for name in sys.modules if name.startswith("jaxgen.experiments.")]
    for name in imported():
        monkeypatch.delitem(sys.modules, name)
    status, out, _ = run(capsys, "train", "--help")
    assert not status
    assert imported() == []
    listed = dict(re.findall(r"^  ([a-z]\w+) +(\S.*)$", out, re.MULTILINE))
    assert listed == {name: read_recipe(path)["Summary"] for name, path in installed_experiments().items()}
    assert "Variational autoencoders\n  beta_vae" in out


def test_how_a_run_is_opened_reaches_it(tmp_path):
    command, _ = main.parse_command(["info", str(tmp_path)])
    assert not hasattr(command, "trust")
    for name in ("sample", "evaluate", "explain", "export"):
        words = [name, str(tmp_path), "--trust", "--data.dir", "moved", "--checkpoint", "best"]
        command, _ = main.parse_command(words + (["--out", "x"] if name == "export" else []))
        assert command.open_options() == reopen.OpenOptions(checkpoint="best", trust=True, data_dir="moved")


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_has_the_help_that_the_list_of_commands_gives(name, capsys):
    command = importlib.import_module(f"jaxgen.commands.{name.replace('-', '_')}").Command
    assert command.__doc__.startswith(main.COMMANDS[name].rstrip("."))
    status, out, _ = run(capsys, name, "--help")
    assert not status
    for option in command_line.option_names(command):
        assert f"--{option.replace('_', '-')}" in out


def test_options_without_effect_are_refused(trained, capsys):
    for words, message in {
        ("--sigma", "25"): "--sigma: it is for a restorer: give --images FOLDER",
        ("--images", "somewhere", "--count", "5"): "--count: it has no effect beside --images",
    }.items():
        status, _, err = run(capsys, "evaluate", trained, *words)
        assert status == 2
        assert message in err


def test_export_prints_inputs_outputs_and_platforms(capsys, tmp_path):
    out = tmp_path / "new" / "level.stablehlo"
    status, printed, _ = run(capsys, "export", "noise_level", "--out", out, "--platforms", "cpu", "--size", 8, 16)
    assert status == 0
    assert printed.startswith(
        f"{out}  0.1 MB, for cpu, any b\ntakes  images float32[b, 8, 16, 1], in [0, 1]\ngives  level"
    )
    status, _, err = run(capsys, "export", "noise_level", "--out", out)
    assert (status, err.count("\n")) == (2, 1)
