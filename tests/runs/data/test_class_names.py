import json

import numpy as np
import pytest
from PIL import Image

from jaxgen import data
from jaxgen.errors import UsageError
from jaxgen.runs import summary
from jaxgen.runs.data.class_names import find_label
from jaxgen.runs.data.record import describe_data


@pytest.fixture
def folder(tmp_path):
    """Sixty gray images of two classes."""
    for i in range(60):
        path = tmp_path / "images" / ("bag", "shoe")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4), 100 * (i % 2), np.uint8)).save(path)
    return tmp_path / "images"


def test_a_run_keeps_the_names_of_its_classes(folder):
    config = data.Config(name="folder", dir=str(folder), classes=2)
    assert describe_data(data.load(config))["class_names"] == ["bag", "shoe"]
    # Without classes nothing looks at labels.
    assert "class_names" not in describe_data(data.load(data.Config(name="folder", dir=str(folder))))


def write(run, **content):
    whole = {
        "format": 1,
        "experiment": {"name": "a", "sha256": ""},
        "image_shape": [4, 4, 1],
        "images": 2,
        "config": {},
    }
    (run / "config.json").write_text(json.dumps(whole | content))
    return run


def test_a_class_has_a_name_and_a_number(tmp_path):
    run = write(tmp_path, class_names=["7", "bag", "shoe"])
    assert [find_label(run, label) for label in (None, 2, "2", "shoe", "7", "-1", "12")] == [None, 2, 2, 2, 0, -1, 12]
    with pytest.raises(UsageError, match="unknown class 'bags': did you mean bag"):
        find_label(run, "bags")
    with pytest.raises(UsageError, match=r"label bag: the classes of .* have no names; give a number"):
        find_label(write(tmp_path), "bag")


def test_a_summary_names_the_classes():
    content = {"image_shape": [4, 4, 3], "images": 54, "config": {"data": {"name": "folder"}}}
    assert summary.describe_images(content) == "54 images of folder, 4×4×3"
    named = content | {"class_names": ["bag", "shoe"]}
    assert summary.describe_images(named) == "54 images of folder, 4×4×3, 2 classes: bag, shoe"
