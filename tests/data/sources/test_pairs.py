import numpy as np
import pytest
from PIL import Image

from jaxgen import data
from jaxgen.data.splits import held_out_by_name
from jaxgen.errors import UsageError

RANDOM = np.random.default_rng(0)


def write(folder, name, values):
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(folder / name)


@pytest.fixture
def folders(tmp_path):
    """Twenty pictures of two sizes, and the same with 100 less."""
    for i in range(20):
        values = RANDOM.integers(100, 256, (12 + i % 2, 14, 3)).astype(np.uint8)
        write(tmp_path / "clean" / "deep", f"{i:02}.png", values)
        write(tmp_path / "damaged" / "deep", f"{i:02}.bmp", values - 100)
    return tmp_path


def config(folders, **fields):
    return data.Config(
        name="pairs", dir=str(folders / "damaged"), target_dir=str(folders / "clean"), **{"size": 8} | fields
    )


@pytest.mark.parametrize("memory", [1.0, 0.0])
def test_both_are_cropped_flipped_and_turned_alike(folders, memory):
    loaded = data.load(config(folders, fit="crop", flip=True, rotate=True, memory=memory))
    batch = loaded.batch(0, 3, 40)
    assert batch["image"].shape == batch["target"].shape == (40, 8, 8, 3)
    np.testing.assert_allclose(batch["target"] - batch["image"], 100 / 255, atol=1e-6)
    assert len(np.unique(np.asarray(batch["image"]).reshape(40, -1), axis=0)) > 20


def test_pairs_are_held_out_by_their_names(folders):
    names = [f"deep/{i:02}" for i in range(20)]
    for split in ("train", "test"):
        loaded = data.load(config(folders, split=split))
        assert len(loaded) == len(held_out_by_name(names, split))
        files = {file.name for file in loaded.contents.files}
        assert f"{names[held_out_by_name(names, split)[0]]}.bmp" in files
        assert f"target/{names[held_out_by_name(names, split)[0]]}.png" in files
    assert [len(data.load(config(folders, split=split, hold_out="order"))) for split in ("train", "test")] == [18, 2]


def test_a_damaged_pair_is_left_out(folders):
    (folders / "clean/deep/03.png").write_bytes(b"no image")
    with pytest.raises(
        UsageError, match=r"1 of 20 images cannot be read: .*clean/deep/03\.png.*set data\.skip_damaged"
    ):
        data.load(config(folders))
    loaded = data.load(config(folders, split="all", skip_damaged=True))
    assert len(loaded) == 19
    assert any(
        "skipped, 1 damaged: cannot read the image" in line and "03.png" in line for line in loaded.contents.lines
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: (path / "clean/deep/03.png").unlink(), r"03\.bmp has no partner in .*clean"),
        (lambda path: (path / "damaged/deep/03.bmp").unlink(), r"03\.png has no partner in .*damaged"),
        (lambda path: write(path / "clean/deep", "03.jpg", np.zeros((12, 14, 3), np.uint8)), "have one name"),
        (
            lambda path: write(path / "clean/deep", "03.png", np.zeros((12, 15, 3), np.uint8)),
            r"03\.bmp with .*03\.png: 13x14 and 12x15 pixels; a pair must be of one size",
        ),
    ],
)
def test_pairs_that_do_not_match_are_reported(folders, change, message):
    change(folders)
    with pytest.raises(UsageError, match=message):
        data.load(config(folders))


def test_the_second_folder_belongs_to_pairs(folders):
    with pytest.raises(UsageError, match="set target_dir to the folder of target images"):
        data.load(data.Config(name="pairs", dir=str(folders / "damaged")))
    with pytest.raises(UsageError, match="the data set is folder: leave it out"):
        data.load(data.Config(name="folder", dir=str(folders / "damaged"), target_dir="x"))
