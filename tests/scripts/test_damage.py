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
    """The module, on small pictures."""
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


def test_the_benchmark_is_told_written_and_its_pictures_kept(damage, folder, tmp_path):
    said, out = [], tmp_path / "found.json"
    ways = lambda name: {"same": lambda picture, mask: picture}
    found = damage.run(str(folder), 1, 5, ["holes"], out, tmp_path / "made", said.append, ways, margin=1)
    assert json.loads(out.read_text()) == found
    assert found["protocol"]["seed"] == 5
    assert set(found["protocol"]["networks"]) == set(damage.pretrained.NETWORKS)
    sets = found["damages"]["holes"]["sets"]
    assert {name: told["pictures"] for name, told in sets.items()} == {"photographs": 1, "cell": 1}
    assert sets["cell"]["rows"]["same"]["psnr"] == sets["cell"]["rows"]["damaged input"]["psnr"]
    assert "nothing here is fit for diagnosis" in said[0]
    assert said[1].startswith("\nholes: ")
    assert "undamaged" not in found
    made, mask = damage_image("holes", damage.center_crop(GRAY, 24, "cell"), 0, 5)
    np.testing.assert_array_equal(images.read(tmp_path / "made" / "cell" / "000-holes.png"), made)
    np.testing.assert_array_equal(images.read(tmp_path / "made" / "cell" / "000-holes-mask.png"), dilate_mask(mask, 1))
    assert "and of 1 around them" in found["protocol"]["compared"]["masked"]
    assert (tmp_path / "made" / "photographs" / "000-undamaged.png").is_file()


def test_without_names_undamaged_pictures_are_tried_too(damage, folder, monkeypatch):
    monkeypatch.setattr(damage, "DAMAGES", ["noise"])
    nothing = lambda: {"same": lambda picture, mask: picture}
    found = damage.run(str(folder), 2, 0, [], None, None, lambda table: None, lambda name: {}, nothing)
    assert list(found["damages"]) == ["noise"]
    assert found["undamaged"]["photographs"]["rows"] == {"same": {"median": "inf", "least": "inf"}}
    alone = damage.run(str(folder), 2, 0, ["undamaged"], None, None, lambda table: None, lambda name: {}, nothing)
    assert alone["undamaged"] == found["undamaged"]
    assert alone["damages"] == {}


def test_mistakes_are_told(damage, folder, tmp_path):
    with pytest.raises(UsageError, match="unknown damage 'hazy': did you mean haze"):
        damage.run(str(folder), 1, 0, ["hazy"], None, None, print)
    with pytest.raises(UsageError, match=r"no folder .*: make it first"):
        damage.run(str(folder), 1, 0, [], tmp_path / "absent" / "a.json", None, print)


def test_the_tasks_exist_and_are_told_the_mask_where_it_is_given(damage, monkeypatch):
    for name in DAMAGES:
        rows = list(damage.ways(name))
        assert ("network auto, mask given" in rows) == (DAMAGES[name].has_mask)
    assert list(damage.ways("holes"))[::2] == ["network inpaint, mask given", "network scratches, mask found"]
    assert "network inpaint" not in damage.harmless()
    told = []

    def task(photograph, settings, progress):
        told.append(settings.mask)
        return damage.tasks.Result(photograph.pixels * 0.5, "")

    named = {*damage.TASKS.values(), *damage.GIVEN.values(), *damage.FOUND.values(), damage.BY_ITSELF}
    assert named <= set(damage.tasks.TASKS)
    monkeypatch.setattr(damage.tasks, "TASKS", dict.fromkeys(named, damage.tasks.Task(task, "", takes_mask=True)))
    mask = np.ones((30, 26, 1), np.float32)
    for way in damage.ways("rust").values():
        np.testing.assert_array_equal(way(GRAY, mask), GRAY * 0.5)
    assert [given is mask for given in told] == [True, True, False, False]


def test_a_network_that_no_task_applies_is_tried_where_something_shines_through(damage, monkeypatch):
    row = "network inpaint_translucent, mask given"
    assert [name for name in DAMAGES if row in damage.ways(name)] == ["tears", "scratches"]
    told = []

    def by_network(network, settings):
        told.append((network, settings.mask))
        return lambda photograph, settings, progress: damage.tasks.Result(photograph.pixels * 0.5, "")

    monkeypatch.setattr(damage, "load", lambda name: f"the network {name}")
    monkeypatch.setattr(damage.tasks, "by_network", by_network)
    mask = np.ones((30, 26, 1), np.float32)
    np.testing.assert_array_equal(damage.ways("tears")[row](GRAY, mask), GRAY * 0.5)
    assert told[0][0] == "the network inpaint_translucent"
    assert told[0][1] is mask


def test_the_medical_pictures_are_those_of_scikit_image(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    found = importlib.import_module("studies.damage").medical()
    assert {name: picture.shape[-1] for name, picture in found.items()} == {
        "retina": 3,
        "cell": 1,
        "ihc": 3,
        "phantom": 1,
    }
    for picture in found.values():
        assert picture.dtype == np.float32
        assert min(picture.shape[:2]) >= 256
        assert 0 <= picture.min() < 0.2 < picture.max() <= 1
