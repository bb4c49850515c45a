import dataclasses

import numpy as np
import pytest

from jaxgen import cli, images
from jaxgen.data import Config as DataConfig
from jaxgen.errors import UsageError
from jaxgen.experiment import explain
from jaxgen.experiment.run import train

QUIET = {"batch_size": 32, "tensorboard": False, "picture_every": 0, "evaluate_images": 8, "evaluate_every": 0}
silent = lambda line: None


@pytest.fixture(scope="module")
def runs(load_experiment, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    digits = DataConfig(name="digits", size=18, channels=1)
    for name, fields in (
        ("classifier", {"steps": 150, "data": dataclasses.replace(digits, classes=10)}),
        ("gan_mlp", {"steps": 1, "variant": "plain", "latent": 2, "data": dataclasses.replace(digits, size=8)}),
        ("vae", {"steps": 1, "latent": 2, "hidden": (4,), "data": dataclasses.replace(digits, size=8)}),
    ):
        module = load_experiment(name)
        train(module.Config(**QUIET, run=str(folder / name), **fields), module.build, say=silent)
    return folder


def test_a_classifier_looks_at_the_digit_and_not_at_the_border(runs, tmp_path):
    opened = explain.reopen.build(runs / "classifier", silent)
    state = explain.reopen.restore(runs / "classifier", opened.objective, opened.image_shape, "last", silent).state
    pictures = np.asarray(explain.load_split(opened.config.data, "test").batch(0, 0, 32)["image"])
    found = explain.explain(opened.objective, state, pictures)
    assert found.saliency.shape == found.places.shape == (32, 18, 18)
    assert found.scores.shape == (32,)
    inside = np.zeros((18, 18), bool)
    inside[4:14, 4:14] = True
    assert found.saliency[:, inside].mean() > 2 * found.saliency[:, ~inside].mean()
    assert found.places.max() == 1


def test_rows_hold_the_picture_its_saliency_and_its_places():
    places = np.zeros((2, 6, 6), np.float32)
    places[:, 2, 3] = 1
    given = np.full((2, 6, 6, 1), 0.5, np.float32)
    rows = explain.as_rows(explain.Explained(given, np.zeros(2), 7 * places, places))
    assert rows.shape == (2, 3, 6, 6, 3)
    np.testing.assert_allclose(rows[:, 0], 0.5)
    assert rows[0, 1].max() == rows[0, 1, 2, 3, 0] == 1
    hot, cold = rows[0, 2, 2, 3], rows[0, 2, 0, 0]
    assert hot[0] > cold[0] and cold[2] > hot[2]


def test_the_command_writes_a_picture_of_held_out_images_or_of_given_ones(runs, tmp_path, capsys):
    images.write(tmp_path / "one.png", np.zeros((20, 20, 3), np.float32))
    for words, rows in (
        (["explain", str(runs / "classifier"), "--count", "3"], 3),
        (["explain", str(runs / "classifier"), str(tmp_path / "one.png"), "--out", str(tmp_path / "out.png")], 1),
        (["explain", str(runs / "gan_mlp"), "--count", "2"], 2),
    ):
        with pytest.raises(SystemExit) as stop:
            cli.main(words)
        told = capsys.readouterr().out
        assert stop.value.code == 0 and "scores" in told
        assert ("no convolution" in told) == ("gan_mlp" in words[1])
        height, width, _ = images.shape(told.split("  ")[0])
        assert round(3 * height / width) == rows


def test_what_judges_nothing_is_told(runs):
    with pytest.raises(UsageError, match="this run judges no pictures: only classifiers do, and GANs without classes"):
        explain.explain_run(runs / "vae", say=silent)
