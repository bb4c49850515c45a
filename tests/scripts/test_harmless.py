"""Undamaged pictures: collected, drawn, measured, and the regions of detectors that are classified by them."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from jaxgen.errors import UsageError
from jaxgen.restoration import pretrained
from jaxgen.restoration.analysis import detection
from jaxgen.restoration.analysis.regions import FEATURES, MIRRORED, find_regions
from jaxgen.restoration.inference import Result

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch):
    """Imports a module beside the scripts."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module


def test_a_drawing_depends_on_its_seed_alone(script):
    drawings = script("studies.drawings")
    for kind in drawings.DRAWINGS:
        first, again, other = (np.asarray(drawings.draw(kind, seed, 64, 48)) for seed in (1, 1, 2))
        assert first.shape == (48, 64, 3)
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()
        assert first.std() > 2


def test_photographs_are_reduced_and_split(script, tmp_path, monkeypatch):
    clean_pictures = script("studies.clean_pictures")
    monkeypatch.setattr(clean_pictures, "noise_sigma", lambda photograph: 0.5)
    monkeypatch.setattr(clean_pictures, "SEEDS", (range(1), range(1, 2)))
    folders = [tmp_path / name for name in ("in", "chosen", "held")]
    for folder in folders:
        folder.mkdir()
        for name in "abcd":
            Image.fromarray(data.astronaut()).save(folder / f"{name}.png")
    Image.fromarray(data.astronaut()[:100]).save(folders[0] / "flat.png")
    lines = []
    clean_pictures.collect(folders[:1], tmp_path / "out", lines.append, ([folders[1]], [folders[2]]))
    halves = [sorted(path.name for path in (tmp_path / "out" / half).iterdir()) for half in clean_pictures.HALVES]
    of = lambda half, folder: [name.removeprefix(f"{folder}-") for name in half if name.startswith(folder)]
    assert sorted(of(halves[0], "in") + of(halves[1], "in")) == [f"{name}.png" for name in "abcd"]
    assert of(halves[0], "in") and of(halves[1], "in")
    assert len(of(halves[0], "chosen")) == len(of(halves[1], "held")) == 4
    assert not of(halves[1], "chosen") and not of(halves[0], "held")
    assert len(of(halves[0], "drawn")) == len(of(halves[1], "drawn")) == len(clean_pictures.DRAWINGS)
    assert Image.open(tmp_path / "out" / clean_pictures.HALVES[0] / "chosen-a.png").size == (256, 256)
    assert any(line.endswith("flat.png: 256×50 pixels after reduction, left out") for line in lines)
    monkeypatch.setattr(clean_pictures, "noise_sigma", lambda photograph: 3.0)
    clean_pictures.collect([tmp_path / "in"], tmp_path / "noisy", lines.append)
    assert any(line.endswith("a.png: noise σ 3.0 gray levels, left out") for line in lines)


def test_pictures_to_train_on_are_photographs_and_drawings_that_are_not_measured(script, tmp_path, monkeypatch):
    training, drawings = script("studies.training_pictures"), script("studies.drawings")
    monkeypatch.setattr(training, "DRAWINGS_OF_EACH", 1)
    monkeypatch.setattr(training, "DRAWINGS", ["wires", "text"])
    (tmp_path / "in" / "deep").mkdir(parents=True)
    Image.fromarray(data.astronaut()).save(tmp_path / "in" / "deep" / "a.png")
    lines = []
    training.collect([tmp_path / "in"], tmp_path / "out", lines.append)
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.png")}
    assert found == {"in/deep/a.png", "drawn-wires-0.png", "drawn-text-0.png"}
    assert lines == [f"{tmp_path / 'out'}: 3 pictures"]
    drawn = np.asarray(Image.open(tmp_path / "out" / "drawn-wires-0.png"))
    np.testing.assert_array_equal(drawn, np.asarray(drawings.draw("wires", 1000, *drawn.shape[1::-1])))


def test_the_change_of_undamaged_pictures_is_counted(script, tmp_path, monkeypatch):
    harmless = script("studies.harmless")
    for index, value in enumerate((0, 128, 255)):
        Image.fromarray(np.full((16, 16, 3), value, np.uint8)).save(tmp_path / f"{index}.png")
    added = {0.0: 0.0, 1.0: -0.5}
    monkeypatch.setattr(
        harmless.tasks,
        "restore_photograph",
        lambda photograph, task: Result(photograph.pixels + added.get(float(photograph.pixels[0, 0, 0]), 1 / 255), "m"),
    )
    lines = []
    out, page = tmp_path / "out.json", tmp_path / "page.html"
    harmless.run([tmp_path], ["denoise"], out, page, lines.append)
    assert lines[-1] == "| `denoise` | 3 | 1 (33.3 %) | 2 (66.7 %) | 1 (33.3 %) | 6.1 dB, 2.png |"
    assert [one["psnr"] for one in json.loads(out.read_text())["denoise"]] == pytest.approx(
        [np.inf, 48.13, 6.05], abs=0.01
    )
    assert page.read_text().count("data:image/png") == 2
    with pytest.raises(UsageError, match="unknown task 'superres'"):
        harmless.run([tmp_path], ["superres"], None, None, lines.append)
    with pytest.raises(UsageError, match="no PNG files"):
        harmless.run([tmp_path / "empty"], [], None, None, lines.append)


def test_a_task_that_changes_nothing_has_no_worst_picture(script):
    harmless = script("studies.harmless")
    changes = [harmless.Change(f"{number}.png", np.inf, "unchanged") for number in range(4)]
    assert harmless.as_row("deblur", changes).endswith("| 4 (100.0 %) | 4 (100.0 %) | 0 (0.0 %) | none changed |")


def test_boosted_trees_give_what_scikit_learn_gives(script):
    boosting = script("shipping.boosting")
    random = np.random.default_rng(0)
    features = random.normal(size=(400, len(FEATURES))).astype(np.float32)
    is_damage = features[:, 0] * features[:, 1] + 0.3 * random.normal(size=400) > 0
    weights = random.random(400)
    module, variables = boosting.fit(features, is_damage, weights)
    from sklearn.ensemble import GradientBoostingClassifier

    grown = GradientBoostingClassifier(**boosting.OPTIONS, random_state=0).fit(features, is_damage, weights)
    np.testing.assert_allclose(module.apply(variables, features, False), grown.decision_function(features), atol=1e-4)


def test_a_classifier_is_trained_on_the_regions_of_damaged_pictures(script, tmp_path, monkeypatch):
    """The network of the test takes bright pixels for damage."""
    regions = script("shipping.regions")
    for index, name in enumerate("abcdef"):  # Of which c is held out.
        pixels = np.full((180, 200, 3), 40, np.uint8)
        pixels[20:40, 20 : 40 + index] = 250
        Image.fromarray(pixels).save(tmp_path / f"picture-{name}.png")
    monkeypatch.setattr(detection, "run", lambda network, pixels, *_: 20 * (pixels.mean(-1, keepdims=True) - 0.5))
    monkeypatch.setattr(detection, "load", lambda name, output: None)
    monkeypatch.setattr(regions, "SHAPES", ((160, 160),))
    lines = []
    sha256 = regions.make("detect_lines", [tmp_path], tmp_path, "a test", lines.append)
    path = tmp_path / "classify_lines.safetensors"
    assert pretrained.digest(str(path)) == sha256
    logits = pretrained.load_function(str(path), "confidence")(np.zeros((2, len(FEATURES) + len(MIRRORED)), np.float32))
    assert logits.shape == (2,) and np.isfinite(logits).all()
    assert "held-out pictures, regions of damage that count" in lines[0]
    with pytest.raises(UsageError, match="unknown detector 'detec'"):
        regions.make("detec", [tmp_path], tmp_path, "a test", lines.append)


def test_the_features_of_a_region_are_those_of_its_pixels():
    pixels = np.full((40, 50, 3), 0.25, np.float32)
    pixels[10:20, 5:25] = 0.75
    logits = np.full((40, 50), -8.0, np.float32)
    logits[10:20, 5:25] = 3.0
    logits[30, 40] = 5.0  # Too small to be measured.
    found = find_regions(logits, pixels, 0.0)
    assert len(found.numbers) == 1
    row = dict(zip(FEATURES, found.features[0], strict=True))
    assert row["peak"] == row["mean"] == row["upper_decile"] == 3
    assert row["log_area"] == pytest.approx(np.log(200)) and row["log_length"] == pytest.approx(np.log(20))
    assert row["log_elongation"] == pytest.approx(np.log(2))
    assert row["log_share"] == pytest.approx(np.log(201 / 2000))
    assert (row["ring_logit"], row["contrast"], row["brightness"]) == pytest.approx((-8, 0.5, 0.75))
    assert (row["deviation"], row["saturation"], row["flat"]) == pytest.approx((0, 0, 1), abs=1e-6)
    assert row["flat_elsewhere"] > 0.9 and row["edge"] == pytest.approx(0.5)
    assert find_regions(logits - 10, pixels, 0.0).features.shape == (0, len(FEATURES))
