import dataclasses

import numpy as np
import pytest

from jaxgen.commands import main
from jaxgen.data import Config as DataConfig
from jaxgen.errors import UsageError
from jaxgen.io import images
from jaxgen.runs import explain
from jaxgen.runs.train import train

pytestmark = pytest.mark.usefixtures("no_samples")

QUIET = {"batch_size": 32, "tensorboard": False, "sample_every": 0, "evaluate_images": 8, "evaluate_every": 0}
silent = lambda line: None


@pytest.fixture(scope="module")
def runs(load_experiment, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    digits = DataConfig(name="digits", size=18, channels=1)
    for name, fields in (
        ("classifier", {"steps": 30, "data": dataclasses.replace(digits, classes=10)}),
        ("gan_mlp", {"steps": 1, "variant": "plain", "latent": 2, "data": dataclasses.replace(digits, size=8)}),
        (
            "conditional",
            {"steps": 1, "network": "dcgan", "width": 4, "critic_steps": 1, "packing": 2, "latent": 2}
            | {"data": dataclasses.replace(digits, size=28, classes=10)},
        ),
        ("vae", {"steps": 1, "latent": 2, "hidden": (4,), "data": dataclasses.replace(digits, size=8)}),
    ):
        module = load_experiment(name)
        train(module.Config(**QUIET, run=str(folder / name), **fields), module.build, say=silent)
    return folder


def test_a_classifier_looks_at_the_digit_and_not_at_the_border(runs, tmp_path):
    opened = explain.reopen.build(runs / "classifier", say=silent)
    state = explain.reopen.restore(opened, "last", silent).state
    pictures = np.asarray(explain.load_split(opened.config.data, "test").batch(0, 0, 32)["image"])
    result = explain.explain(opened.objective, state, pictures)
    assert result.saliency.shape == result.grad_cam.shape == (32, 18, 18)
    assert result.scores.shape == (32,)
    inside = np.zeros((18, 18), bool)
    inside[4:14, 4:14] = True
    assert result.saliency[:, inside].mean() > 2 * result.saliency[:, ~inside].mean()
    assert result.grad_cam.max() == 1


def test_rows_hold_the_image_its_saliency_and_its_grad_cam():
    heatmap = np.zeros((2, 6, 6), np.float32)
    heatmap[:, 2, 3] = 1
    inputs = np.full((2, 6, 6, 1), 0.5, np.float32)
    rows = explain.to_rows(explain.Explanation(inputs, np.zeros(2), 7 * heatmap, heatmap))
    assert rows.shape == (2, 3, 6, 6, 3)
    np.testing.assert_allclose(rows[:, 0], 0.5)
    assert rows[0, 1].max() == rows[0, 1, 2, 3, 0] == 1
    hot, cold = rows[0, 2, 2, 3], rows[0, 2, 0, 0]
    assert hot[0] > cold[0] and cold[2] > hot[2]


def test_the_command_explains_held_out_images_or_files(runs, tmp_path, capsys):
    images.write(tmp_path / "one.png", np.zeros((20, 20, 3), np.float32))
    for words, rows in (
        (["explain", str(runs / "classifier"), "--count", "3"], 3),
        (["explain", str(runs / "classifier"), str(tmp_path / "one.png"), "--out", str(tmp_path / "out.png")], 1),
        (["explain", str(runs / "gan_mlp"), "--count", "2"], 2),
    ):
        with pytest.raises(SystemExit) as stop:
            main.main(words)
        output = capsys.readouterr().out
        assert stop.value.code == 0 and "scores" in output
        assert ("no Grad-CAM" in output) == ("gan_mlp" in words[1])
        height, width, _ = images.shape(output.split("  ")[0])
        assert round(3 * height / width) == rows


def test_a_run_that_scores_no_images_is_refused(runs):
    with pytest.raises(UsageError, match="this run scores no images: only classifiers and GANs do"):
        explain.explain_run(runs / "vae", say=silent)


def test_a_conditional_discriminator_scores_images_by_their_labels_or_the_given_class(runs, tmp_path, monkeypatch):
    run, seen = runs / "conditional", []
    judged = explain.explain
    monkeypatch.setattr(
        explain, "explain", lambda *arguments: seen.append((arguments, judged(*arguments))) or seen[-1][1]
    )
    explain.explain_run(run, count=6, say=silent)
    (objective, state, pictures, labels), result = seen[0]
    stored = explain.load_split(explain.reopen.build(run, say=silent).config.data, "test")
    np.testing.assert_array_equal(labels, stored.batch(explain.ORDER_SEED, 0, 6)["label"])
    np.testing.assert_allclose(result.scores, objective.discriminating.score(state, pictures, labels), rtol=1e-4)
    others = objective.discriminating.score(state, pictures, (labels + 1) % 10)
    assert (abs(result.scores - others) > 1e-6).all()
    images.write(tmp_path / "one.png", np.zeros((28, 28, 1), np.float32))
    explain.explain_run(run, [tmp_path / "one.png"], label=7, say=silent)
    np.testing.assert_array_equal(seen[1][0][3], [7])
    for path, label, message in (
        ("conditional", None, "conditional; give the class of the images with --label"),
        ("conditional", 10, "label 10: this run has 10 classes; give one from 0 to 9"),
        ("gan_mlp", 3, "label 3: the networks of this run have no classes; leave --label out"),
    ):
        with pytest.raises(UsageError, match=message):
            explain.explain_run(runs / path, [tmp_path / "one.png"], label=label, say=silent)
