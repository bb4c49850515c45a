import csv
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sklearn

from jaxgen import data
from jaxgen.commands import main
from jaxgen.config import Config
from jaxgen.errors import UnfinishedError, UsageError
from jaxgen.evaluation import classification
from jaxgen.io import images
from jaxgen.runs import classifying, reopen
from jaxgen.runs.run import Run
from jaxgen.training.state import Classifying
from tests.bare_objective import bare

BRIGHTNESS = np.float32([0, 0.5, 1])
SHAPE = (4, 4, 1)
NAMES = ("dark", "gray", "bright")


def by_brightness(variables, pictures):
    """Three classes by the mean of an image, their probabilities in the ratio of exp(−distance)."""
    return jax.nn.softmax(-variables["scale"] * abs(pictures.mean((1, 2, 3))[:, None] - BRIGHTNESS))


def is_bright(variables, pictures):
    bright = by_brightness(variables, pictures)[:, 2]
    return jnp.stack([1 - bright, bright], -1)


def plain(brightness, shape=SHAPE):
    return np.full(shape, brightness, np.float32)


BY_BRIGHTNESS = Classifying(by_brightness, 3)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Returns a function that lets a folder be the run of a classifier of brightness; labels are random."""
    rng = np.random.default_rng(0)
    made = {name: rng.integers(0, 256, (count, *SHAPE[:2])) for name, count in (("image", 40), ("test_image", 30))}
    labels = {"label": np.arange(40) % 3, "test_label": rng.integers(0, 3, 30)}
    # A third of the held-out images are as bright as their class says.
    made["test_image"][::3] = np.rint(255 * BRIGHTNESS[labels["test_label"][::3]])[:, None, None]
    file = tmp_path / "data.npz"
    np.savez(file, **{name: x.astype(np.uint8) for name, x in made.items()}, **labels)

    def be(capability=BY_BRIGHTNESS, names=NAMES, folder=tmp_path / "run"):
        config = Config(data=data.Config(name="npz", dir=str(file), size=4, channels=1, classes=3))
        built = reopen.Built(folder, config, bare(classifying=capability), SHAPE)
        opened = reopen.Opened(folder, config, built.objective, {"scale": np.float32(8)}, 9)
        monkeypatch.setattr(reopen, "build", lambda *arguments, **options: built)
        monkeypatch.setattr(reopen, "load_weights", lambda *arguments, **options: opened)
        monkeypatch.setattr(reopen, "read_config", lambda path: {"class_names": list(names)} if names else {})
        folder.mkdir(exist_ok=True)
        return folder

    return be


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    images.write(folder / "a.png", plain(0.9))
    images.write(folder / "b.jpg", plain(0.1, (9, 12, 3)))
    images.write(folder / "more" / "c.png", plain(0.5))
    return folder


def command(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main.main([str(word) for word in words])
    printed = capsys.readouterr()
    return stop.value.code, printed.out, printed.err


def test_a_table_names_class_and_probability_of_every_picture(run, pictures, capsys):
    status, out, _ = command(capsys, "predict", run(), pictures)
    assert status == 0
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["picture", "class", "probability"]
    names = [str(pictures / name) for name in ("a.png", "b.jpg", "more/c.png")]
    assert [row[0] for row in rows[1:]] == names
    assert [row[1] for row in rows[1:]] == ["bright", "dark", "gray"]
    for row, brightness in zip(rows[1:], (0.9, 0.1, 0.5), strict=True):
        weights = np.exp(-8 * abs(np.rint(255 * brightness) / 255 - BRIGHTNESS))
        assert float(row[2]) == pytest.approx(weights.max() / weights.sum(), abs=6e-3)


def test_a_file_has_a_row_for_each_picture(run, pictures, tmp_path, capsys):
    out = tmp_path / "new" / "classes.csv"
    status, printed, _ = command(capsys, "predict", run(names=()), pictures, "--out", out)
    assert status == 0
    assert printed == f"{out}  3 images: 1 of class 0, 1 of class 1, 1 of class 2\n"
    rows = list(csv.DictReader(out.open()))
    assert [(row["picture"], row["class"]) for row in rows] == [
        (str(pictures / "a.png"), "2"),
        (str(pictures / "b.jpg"), "0"),
        (str(pictures / "more" / "c.png"), "1"),
    ]
    assert [float(row["probability"]) for row in rows] == pytest.approx([0.91783, 0.912972, 0.96412], abs=1e-4)
    status, _, err = command(capsys, "predict", run(), pictures, "--out", out)
    assert (status, err.count("\n")) == (2, 1)
    assert "--overwrite" in err


def test_a_picture_that_cannot_be_read_stops_no_other(run, pictures, monkeypatch):
    (pictures / "a.png").write_bytes(b"no image")
    monkeypatch.setattr(classification, "BATCH", 2)
    said, lines = [], []
    with pytest.raises(UnfinishedError, match=r"^1 of 3 images cannot be read: a\.png$"):
        for line in classifying.predict_files(run(), [pictures], say=said.append):
            lines.append(line)
    assert [line.split()[1] for line in lines] == ["class", "dark", "gray"]
    assert len(said) == 1 and said[0].startswith(f"FAILED cannot read the image {pictures / 'a.png'}")
    with pytest.raises(UsageError, match="cannot read the image"):
        list(classifying.predict_files(run(), [pictures / "a.png"]))


def test_folders_are_searched_as_those_of_a_data_set_are(run, pictures, tmp_path):
    (pictures / ".hidden").mkdir()
    images.write(pictures / ".hidden" / "x.png", plain(0.5))
    images.write(tmp_path / "elsewhere" / "d.png", plain(0.5))
    (pictures / "link").symlink_to(tmp_path / "elsewhere")
    (pictures / "more" / "loop").symlink_to(pictures)
    said = []
    lines = list(classifying.predict_files(run(), [pictures], say=said.append))
    found = [line.split()[0] for line in lines[1:]]
    assert found == [str(pictures / name) for name in ("a.png", "b.jpg", "link/d.png", "more/c.png")]
    assert len(said) == 1 and "more/loop" in said[0] and ".hidden" in said[0]


def test_what_is_wrong_is_said_before_the_run_is_opened(run, pictures, tmp_path, capsys, monkeypatch):
    folder = run()

    def refuse(*arguments, **options):
        raise AssertionError("the run was opened")

    monkeypatch.setattr(reopen, "build", refuse)
    for words, message in (
        ([], "missing PICTURES"),
        ([pictures / "none.png"], "no file or folder"),
        ([pictures, "--out", tmp_path / "classes.txt"], "give a file that ends in .csv"),
        ([pictures, "--overwrite"], "--overwrite: it is for --out"),
        ([folder], "no images in"),
    ):
        status, out, err = command(capsys, "predict", folder, *words)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert message in err


def test_a_run_of_another_kind_is_refused(run, pictures, capsys):
    status, _, err = command(capsys, "predict", run(None), pictures)
    assert (status, err.count("\n")) == (2, 1)
    assert "this run is no classifier" in err


def test_scores_are_those_of_scikit_learn(run, capsys):
    folder = run()
    status, out, _ = command(capsys, "evaluate", folder, "--json", "--count", 25)
    assert status == 0
    found = json.loads(out)
    assert json.loads((folder / "evaluations.jsonl").read_text()) == found
    batch = data.load(data.Config(name="npz", dir=str(folder.parent / "data.npz"), split="test")).batch(0, 0, 25)
    expected = abs(np.asarray(batch["image"]).mean((1, 2, 3))[:, None] - BRIGHTNESS).argmin(-1)
    labels = np.asarray(batch["label"])
    assert found["scores"]["accuracy"] == pytest.approx((expected == labels).mean()) != 1
    assert found["confusion"] == sklearn.confusion_matrix(labels, expected).tolist()
    scores = sklearn.precision_recall_fscore_support(labels, expected, zero_division=0)
    for i, name in enumerate(("precision", "recall", "f1")):
        assert [one[name] for one in found["classes"]] == pytest.approx(scores[i].tolist(), abs=1e-6)
        assert found["scores"][name] == pytest.approx(scores[i].mean(), abs=1e-6)
    assert [one["class"] for one in found["classes"]] == list(NAMES)
    assert [one["images"] for one in found["classes"]] == scores[3].tolist()
    assert found["protocol"] == {"data": "npz", "reference": "test", "images": 25, "ema": True}


def test_evaluate_opens_a_run_once(run, capsys, monkeypatch):
    folder, calls = run(), []
    opened = reopen.build()
    monkeypatch.setattr(reopen, "build", lambda *arguments: calls.append(arguments) or opened)
    assert command(capsys, "evaluate", folder, "--count", 25)[0] == 0
    assert len(calls) == 1


def test_the_report_has_classes_and_confusion_matrix(run, capsys):
    status, out, _ = command(capsys, "evaluate", run(), "--reference", "train")
    assert status == 0
    head, classes, confusion = out.split("\n\n")
    assert head.endswith("on 40 images of npz")
    assert [line.split()[0] for line in classes.splitlines()] == ["class", *NAMES]
    rows = [line.split() for line in confusion.splitlines()[1:]]
    assert rows[0] == list(NAMES)
    assert sum(int(number) for row in rows[1:] for number in row[1:]) == 40


def test_a_binary_classifier_is_scored_by_its_positive_class(run):
    folder = run(Classifying(is_bright, 2, positive=2))
    found = classifying.evaluate_classifier(folder)
    assert [one["class"] for one in found["classes"]] == ["not bright", "bright"]
    assert found["scores"]["recall"] == found["classes"][1]["recall"]
    assert sum(found["confusion"][1]) == found["classes"][1]["images"] < 30


def test_options_of_a_generator_are_refused(run, capsys):
    status, _, err = command(capsys, "evaluate", run(), "--extractor", "digits")
    assert (status, err.count("\n")) == (2, 1)
    assert "--extractor" in err and "classifier" in err


def test_python_gives_the_probability_of_every_class(run, monkeypatch):
    run()
    opened = Run(reopen.build(), reopen.DEFAULTS)
    assert opened.class_labels == NAMES
    monkeypatch.setattr(classification, "BATCH", 2)
    pictures = np.rint(255 * BRIGHTNESS)[:, None, None, None] * np.ones(SHAPE)
    found = opened.predict(pictures.astype(np.uint8))
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(found.argmax(1), [0, 1, 2])
    np.testing.assert_array_equal(opened.predict(pictures / 255), opened.predict(pictures.astype(np.uint8)))
    assert opened.evaluate()["protocol"]["images"] == 30
    with pytest.raises(UsageError, match=r"images of shape \(3, 5, 4, 1\): give \[n, 4, 4, 1\]"):
        opened.predict(np.zeros((3, 5, 4, 1)))
