import json

import numpy as np
import pytest
from PIL import Image

from jaxgen.errors import UsageError
from jaxgen.evaluation import damages, detection

rng = np.random.default_rng(0)


def nothing(image):
    return np.zeros_like(image[..., :1])


def right_half(image):
    """Marks the right half of an image."""
    marked = nothing(image)
    marked[:, image.shape[1] // 2 :] = 1
    return marked


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two photographs of one size."""
    path = tmp_path_factory.mktemp("clean")
    for name in ("a", "b"):
        Image.fromarray(rng.integers(60, 180, (256, 260, 3), np.uint8)).save(path / f"{name}.png")
    return str(path)


def test_pixels_are_counted_over_all_images():
    first, second = np.zeros((4, 4, 1), np.float32), np.zeros((2, 2, 1), np.float32)
    first[:, 2:], second[:] = 1, 1
    pairs = [detection.Pair(np.zeros((4, 4, 3), np.float32), first), detection.Pair(np.zeros((2, 2, 1)), second)]
    # 8 + 4 of 20 pixels are damaged; the right halves have 8 + 2, all of them damaged.
    found = detection.measure(pairs, right_half)
    expected = {"iou": 10 / 12, "precision": 1, "recall": 10 / 12, "damaged": 12 / 20, "marked": 10 / 20}
    assert found == pytest.approx(expected, rel=1e-6)
    found = detection.measure(pairs, nothing)
    assert (found["iou"], found["recall"], found["marked"]) == (0, 0, 0)
    assert np.isnan(found["precision"])


def test_every_damage_that_hides_pixels_is_measured_and_undamaged_images_too(folder, monkeypatch):
    # Each further damage is compiled.
    few = {name: damages.DAMAGES[name] for name in ("noise", "holes", "scratches")}
    monkeypatch.setattr(detection, "DAMAGES", few)
    truth = {}

    def perfect(image):
        return truth.get(image.tobytes(), nothing(image))

    for index, image in enumerate(detection.read_squares(folder, detection.SIDE)):
        for name in ("holes", "scratches"):
            damaged, mask = damages.damage_image(name, image, index, 3)
            truth[damaged.tobytes()] = mask
    found = detection.evaluate([folder], seed=3, detect=perfect)
    json.dumps(found, allow_nan=False)
    rows = found["sets"][folder]["damages"]
    assert found["sets"][folder]["pictures"] == 2
    assert list(rows) == ["holes", "scratches", detection.UNDAMAGED]
    clean = {"iou": "nan", "precision": "nan", "recall": "nan", "damaged": 0, "marked": 0}
    assert rows[detection.UNDAMAGED] == clean
    for row in (rows["holes"], rows["scratches"]):
        assert row["iou"] == row["precision"] == row["recall"] == 1
        assert 0 < row["damaged"] == row["marked"] < 1
    lines = detection.to_text(found).splitlines()
    assert lines[0].endswith("central 256×256 pixels, damage of the benchmark, seed 3")
    assert lines[2].split() == [folder, "(2)", "IoU", "precision", "recall", "damaged", "marked"]
    assert lines[-1].split() == ["undamaged", "–", "–", "–", "0.0000", "0.0000"]


def test_false_marks_on_undamaged_images_are_shown(folder, monkeypatch):
    monkeypatch.setattr(detection, "DAMAGES", {})
    rows = detection.evaluate([folder], detect=right_half)["sets"][folder]["damages"]
    assert list(rows) == [detection.UNDAMAGED]
    assert rows[detection.UNDAMAGED]["marked"] == 0.5


@pytest.mark.parametrize("is_beside", [False, True])
def test_photographs_are_paired_with_masks_by_name(tmp_path, is_beside):
    masks = tmp_path if is_beside else tmp_path / "masks"
    masks.mkdir(exist_ok=True)
    for index, name in enumerate(("a", "b")):
        Image.fromarray(rng.integers(0, 255, (10, 12 + index), np.uint8)).save(tmp_path / f"{name}.png")
        mask = np.zeros((10, 12 + index), np.uint8)
        mask[: 3 + index] = 255
        Image.fromarray(mask).save(masks / f"{name}_mask.png")
    pairs = detection.read_pairs(str(tmp_path), str(masks))
    assert [pair.mask.sum() for pair in pairs] == [3 * 12, 4 * 13]
    found = detection.evaluate([str(tmp_path)], [str(masks)], detect=right_half)
    (row,) = found["sets"][str(tmp_path)]["damages"].values()
    assert row["damaged"] == pytest.approx((36 + 52) / 250)
    assert found["protocol"].endswith("masks given")


def test_folders_that_do_not_fit_are_refused(folder, tmp_path):
    with pytest.raises(UsageError, match="2 folders of masks for 1 folders of images: give as many"):
        detection.evaluate([folder], ["a", "b"])
    with pytest.raises(UsageError, match="masks nowhere: no such folder"):
        detection.evaluate([folder], ["nowhere"])
    (tmp_path / "masks").mkdir()
    with pytest.raises(UsageError, match="one mask named a or a_mask must be in "):
        detection.evaluate([folder], [str(tmp_path / "masks")])
    Image.fromarray(np.zeros((100, 300), np.uint8)).save(tmp_path / "small.png")
    with pytest.raises(UsageError, match=r"small\.png is 100×300: give images of at least 256×256 pixels"):
        detection.evaluate([str(tmp_path)])
