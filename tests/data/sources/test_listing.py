import pytest

from jaxgen.data.sources.listing import find_classes, list_folder
from jaxgen.errors import UsageError
from jaxgen.io import images


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"content")


def names(listing):
    return [file.name for file in listing.files]


def test_images_of_every_suffix_in_the_order_of_their_paths(tmp_path):
    touch(*(tmp_path / name for name in ("b/1.JPG", "a.png", "b-c/2.jfif", "b/3.jpe", "b/d/4.avif", "c.webp")))
    assert names(list_folder(tmp_path)) == ["a.png", "b/1.JPG", "b/3.jpe", "b/d/4.avif", "b-c/2.jfif", "c.webp"]
    assert list_folder(tmp_path).files[0].bytes == 7


def test_hidden_files_and_folders_of_systems_are_skipped_and_named(tmp_path):
    hidden = (".ipynb_checkpoints/1.png", "@eaDir/2.png", "__MACOSX/3.png", "a/.thumbnails/4.png", "a/._5.png")
    touch(*(tmp_path / name for name in (*hidden, "a/6.png", "notes.txt")))
    listing = list_folder(tmp_path)
    assert names(listing) == ["a/6.png"]
    assert set(listing.skipped["hidden or of the system"]) == {
        *(".ipynb_checkpoints", "@eaDir", "__MACOSX", "a/.thumbnails", "a/._5.png")
    }
    assert listing.skipped_line() == (
        f"skipped in {tmp_path}: 5 hidden or of the system (.ipynb_checkpoints, @eaDir, __MACOSX, …); "
        "1 no image by the suffix (notes.txt)"
    )


def test_links_are_followed_and_loops_are_found(tmp_path):
    root = tmp_path / "root"
    touch(root / "a/1.png", tmp_path / "elsewhere/deep/2.png")
    (root / "a/loop").symlink_to(root)
    (root / "0").symlink_to(root / "a")
    (root / "b").symlink_to(tmp_path / "elsewhere")
    (root / "c").symlink_to(tmp_path / "elsewhere")
    (root / "3.png").symlink_to(root / "a/1.png")
    (root / "4.png").symlink_to(tmp_path / "nothing.png")
    listing = list_folder(root)
    assert names(listing) == ["3.png", "a/1.png", "b/deep/2.png"]
    assert listing.skipped == {
        "a link to nothing": ["4.png"],
        "a link to a folder that is there already, or that contains it": ["0", "a/loop", "c"],
    }


def test_a_format_without_a_reader_is_skipped_with_the_advice(tmp_path, monkeypatch):
    touch(tmp_path / "a.heic", tmp_path / "b.png")
    monkeypatch.setattr(images, "add_heif_reader", lambda: False)
    assert list_folder(tmp_path).skipped == {images.HEIF_ADVICE: ["a.heic"]}
    (tmp_path / "b.png").unlink()
    with pytest.raises(UsageError, match=r"no images in .*; skipped in .*pip install .jaxgen\[heic\]"):
        list_folder(tmp_path)


def test_classes_are_two_or_more_folders_that_hold_all_images():
    classes = find_classes(["b/2.png", "a/1.png", "b/c/3.png"])
    assert classes.names == ("a", "b")
    assert classes.labels.tolist() == [1, 0, 1]
    assert classes.line() == "2 classes: a 1, b 2"
    assert find_classes(["a/1.png", "a/2.png"]).labels is None
    assert "1 images lie outside (0.png)" in find_classes(["0.png", "a/1.png", "b/2.png"]).reason
