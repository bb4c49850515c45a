from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgen.errors import UsageError
from jaxgen.io import images, photographs, provenance
from jaxgen.restoration import folders
from jaxgen.restoration.folders import find_photographs

TASKS = ("denoise", "auto")
SMALL = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8))


@pytest.fixture
def folder(tmp_path):
    for name in ("b.jpg", "a.png", "c.gif"):
        SMALL.save(tmp_path / name)
    return tmp_path


def add(path, image=SMALL):
    path.parent.mkdir(exist_ok=True, parents=True)
    image.save(path)


def names(listing):
    return [item.path.name for item in listing.photographs]


def skipped(listing):
    return {reason.partition(":")[0]: [path.name for path in paths] for reason, paths in listing.skipped.items()}


def test_what_is_skipped_is_listed_by_its_reason(folder):
    for name in ("words.txt", "clip.mp4", ".hidden.png"):
        (folder / name).touch()
    for name in ("a-denoise.png", "a.png-auto.png", "b-denoise.jpg-before-after.png", "b_mask.png"):
        add(folder / name)
    add(folder / "sub" / "d.png")
    found = find_photographs([folder], TASKS)
    assert names(found) == ["a.png", "b.jpg", "c.gif"]
    assert skipped(found) == {
        folders.HIDDEN: [".hidden.png"],
        folders.RESULTS: ["a-denoise.png", "a.png-auto.png", "b-denoise.jpg-before-after.png"],
        f"{folders.MASKS}, which --mask would use": ["b_mask.png"],
        folders.OTHERS: ["clip.mp4", "words.txt"],
        "subfolders": ["sub"],
    }
    for index in range(4):
        (folder / f"words{index}.txt").touch()
    lines = find_photographs([folder], TASKS).lines()
    assert f"skipped 6 {folders.OTHERS} (clip.mp4, words.txt, words0.txt, …)" in lines
    assert "skipped 1 subfolders: --recursive goes into them (sub)" in lines


def test_a_result_is_known_by_its_note_whatever_its_name(folder):
    content = provenance.attach((folder / "a.png").read_bytes(), {"task": "denoise"})
    (folder / "renamed.png").write_bytes(content)
    add(folder / "old-denoise.png")
    found = find_photographs([folder], TASKS)
    assert names(found) == ["a.png", "b.jpg", "c.gif", "old-denoise.png"]
    assert skipped(found) == {folders.RESULTS: ["renamed.png"]}
    assert names(find_photographs([folder / "renamed.png"], TASKS)) == ["renamed.png"]


def test_masks_are_no_photographs(folder):
    add(folder / "damage.png")
    add(folder / "a-mask.png")
    add(folder / "face_mask.jpg")
    assert names(find_photographs([folder], TASKS, masks=folder / "damage.png")) == [
        "a.png",
        "b.jpg",
        "c.gif",
        "face_mask.jpg",
    ]
    add(folder / "masks" / "a.png")
    found = find_photographs([folder], TASKS, masks=folder / "masks", recursive=True)
    assert names(found) == ["a.png", "b.jpg", "c.gif", "damage.png", "face_mask.jpg"]
    assert names(find_photographs([folder], TASKS, masks=folder)) == names(found)
    with pytest.raises(UsageError, match=r"mask: no file or folder .*missing\.png"):
        find_photographs([folder], TASKS, masks=folder / "missing.png")


def test_folders_in_a_folder_are_searched_when_asked(folder):
    for name in ("x/d.png", "x/y/e.jpg", "out/f-auto.png", ".cache/g.png", "@eaDir/h.png"):
        add(folder / name)
    (folder / "loop").symlink_to(folder)
    found = find_photographs([folder], TASKS, out=folder / "out", recursive=True)
    where = {item.path.name: item.subfolder for item in found.photographs}
    top = Path()
    assert where == {"a.png": top, "b.jpg": top, "c.gif": top, "d.png": Path("x"), "e.jpg": Path("x/y")}
    assert skipped(found) == {folders.HIDDEN: [".cache", "@eaDir"], "links to folders": ["loop"]}


def test_a_photograph_named_twice_is_taken_once(folder):
    assert names(find_photographs([folder / "a.png", folder, folder / "a.png"], TASKS)) == ["a.png", "b.jpg", "c.gif"]


def test_nothing_to_restore_is_refused(tmp_path):
    (tmp_path / "words.txt").touch()
    with pytest.raises(UsageError, match=r"no images in .*looked for .*; skipped 1 files .*words\.txt"):
        find_photographs([tmp_path], TASKS)
    with pytest.raises(UsageError, match=r"no file or folder .*missing\.png"):
        find_photographs([tmp_path / "missing.png"], TASKS)
    with pytest.raises(UsageError, match="no images in "):
        folders.list_images(tmp_path)


def test_images_of_a_folder_are_listed_with_results(folder):
    add(folder / "a-denoise.png")
    assert [path.name for path in folders.list_images(folder)] == ["a-denoise.png", "a.png", "b.jpg", "c.gif"]
    assert folders.list_images(folder / "b.jpg") == [folder / "b.jpg"]


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a.avif"])
def test_further_suffixes_are_read(name, tmp_path):
    smooth = SMALL.resize((70, 90))
    smooth.save(tmp_path / name, "AVIF" if name == "a.avif" else "JPEG", quality=95)
    (item,) = find_photographs([tmp_path], TASKS).photographs
    for read in (photographs.read(item.path).pixels, images.read(item.path)):
        assert abs(read - np.asarray(smooth) / 255).mean() < 0.05


def test_a_missing_reader_is_named(tmp_path, monkeypatch):
    SMALL.save(tmp_path / "a.png")
    (tmp_path / "b.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    monkeypatch.setattr(images, "add_heif_reader", lambda: False)
    found = find_photographs([tmp_path], TASKS)
    assert (names(found), list(found.skipped)) == (["a.png"], [images.HEIF_ADVICE])
    with pytest.raises(UsageError, match=r"b\.HEIC: .*pip install 'jaxgen\[heic\]'"):
        photographs.read(tmp_path / "b.HEIC")


def test_heif_is_read_where_its_reader_is_installed(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(SMALL.resize((70, 90))).save(tmp_path / "a.heic", quality=100)
    (item,) = find_photographs([tmp_path], TASKS).photographs
    found = photographs.read(item.path)
    assert found.pixels.shape == (90, 70, 3)
    assert abs(found.pixels - np.asarray(SMALL.resize((70, 90))) / 255).mean() < 0.05
