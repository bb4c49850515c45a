import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgen.errors import UsageError
from jaxgen.evaluation.damages import DAMAGES, damage_image, dilate_mask
from jaxgen.io import images

SCRIPTS = Path(__file__).parents[2] / "scripts"
GRAY = np.random.default_rng(0).random((30, 26, 1), np.float32)


@pytest.fixture
def damage(monkeypatch):
    """The module, on small images."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    module = importlib.import_module("studies.damage")
    monkeypatch.setattr(module, "SIDE", 24)
    monkeypatch.setattr(module, "medical", lambda: {"cell": GRAY})
    return module


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "photographs"
    path.mkdir()
    for index in range(2):
        values = np.random.default_rng(index).integers(0, 256, (24, 28, 3)).astype(np.uint8)
        Image.fromarray(values).save(path / f"{index}.png")
    return path


def test_the_benchmark_prints_and_writes_scores_and_images(damage, folder, tmp_path):
    messages, out = [], tmp_path / "scores.json"
    methods = lambda name: {"same": lambda image, mask: image}
    results = damage.run(str(folder), 1, 5, ["holes"], out, tmp_path / "images", messages.append, methods, dilation=1)
    assert json.loads(out.read_text()) == results
    assert results["protocol"]["seed"] == 5
    assert set(results["protocol"]["networks"]) == set(damage.pretrained.NETWORKS)
    sets = results["damages"]["holes"]["sets"]
    assert {name: group["pictures"] for name, group in sets.items()} == {"photographs": 1, "cell": 1}
    assert sets["cell"]["rows"]["same"]["psnr"] == sets["cell"]["rows"]["damaged input"]["psnr"]
    assert "nothing here is fit for diagnosis" in messages[0]
    assert messages[1].startswith("\nholes: ")
    assert "undamaged" not in results
    damaged, mask = damage_image("holes", damage.center_crop(GRAY, 24, "cell"), 0, 5)
    np.testing.assert_array_equal(images.read(tmp_path / "images" / "cell" / "000-holes.png"), damaged)
    np.testing.assert_array_equal(
        images.read(tmp_path / "images" / "cell" / "000-holes-mask.png"), dilate_mask(mask, 1)
    )
    assert "and of 1 around them" in results["protocol"]["compared"]["masked"]
    assert (tmp_path / "images" / "photographs" / "000-undamaged.png").is_file()


def test_without_names_undamaged_images_are_measured_too(damage, folder, monkeypatch):
    monkeypatch.setattr(damage, "DAMAGES", ["noise"])
    unchanged = lambda: {"same": lambda image, mask: image}
    results = damage.run(str(folder), 2, 0, [], None, None, lambda table: None, lambda name: {}, unchanged)
    assert list(results["damages"]) == ["noise"]
    assert results["undamaged"]["photographs"]["rows"] == {"same": {"median": "inf", "least": "inf"}}
    alone = damage.run(str(folder), 2, 0, ["undamaged"], None, None, lambda table: None, lambda name: {}, unchanged)
    assert alone["undamaged"] == results["undamaged"]
    assert alone["damages"] == {}


def test_errors_are_usage_errors(damage, folder, tmp_path):
    with pytest.raises(UsageError, match="unknown damage 'hazy': did you mean haze"):
        damage.run(str(folder), 1, 0, ["hazy"], None, None, print)
    with pytest.raises(UsageError, match=r"no folder .*: make it first"):
        damage.run(str(folder), 1, 0, [], tmp_path / "absent" / "a.json", None, print)


def test_the_tasks_exist_and_receive_the_mask_where_it_is_given(damage, monkeypatch):
    for name in DAMAGES:
        rows = list(damage.methods_for(name))
        assert ("network auto, mask given" in rows) == (DAMAGES[name].has_mask)
    assert list(damage.methods_for("holes"))[::2] == ["network inpaint, mask given", "network scratches, mask found"]
    assert "network inpaint" not in damage.methods_without_mask()
    masks = []

    def task(photograph, settings, progress):
        masks.append(settings.mask)
        return damage.tasks.Result(photograph.pixels * 0.5, "")

    groups = damage.RESTORE_TASKS, damage.TASKS_WITH_MASK, damage.TASKS_WITH_DETECTION
    named = {damage.AUTO}.union(*(group.values() for group in groups))
    assert named <= set(damage.tasks.TASKS)
    monkeypatch.setattr(damage.tasks, "TASKS", dict.fromkeys(named, damage.tasks.Task(task, "", takes_mask=True)))
    mask = np.ones((30, 26, 1), np.float32)
    for method in damage.methods_for("rust").values():
        np.testing.assert_array_equal(method(GRAY, mask), GRAY * 0.5)
    assert [received is mask for received in masks] == [True, True, False, False]


def test_the_translucent_network_is_measured_on_translucent_damage(damage, monkeypatch):
    row = "network inpaint_translucent, mask given"
    assert [name for name in DAMAGES if row in damage.methods_for(name)] == ["tears", "scratches"]
    calls = []

    def by_network(network, settings):
        calls.append((network, settings.mask))
        return lambda photograph, settings, progress: damage.tasks.Result(photograph.pixels * 0.5, "")

    monkeypatch.setattr(damage, "load", lambda name: f"the network {name}")
    monkeypatch.setattr(damage.tasks, "by_network", by_network)
    mask = np.ones((30, 26, 1), np.float32)
    np.testing.assert_array_equal(damage.methods_for("tears")[row](GRAY, mask), GRAY * 0.5)
    assert calls[0][0] == "the network inpaint_translucent"
    assert calls[0][1] is mask


def test_the_medical_images_are_those_of_scikit_image(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    medical_images = importlib.import_module("studies.damage").medical()
    assert {name: image.shape[-1] for name, image in medical_images.items()} == {
        "retina": 3,
        "cell": 1,
        "ihc": 3,
        "phantom": 1,
    }
    for image in medical_images.values():
        assert image.dtype == np.float32
        assert min(image.shape[:2]) >= 256
        assert 0 <= image.min() < 0.2 < image.max() <= 1
