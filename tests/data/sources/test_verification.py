import os

import numpy as np
import pytest
from PIL import Image

from jaxgen.data.sources import verification
from jaxgen.data.sources.listing import list_folder
from jaxgen.data.sources.verification import examine, fingerprint, forget
from jaxgen.io import images


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three images and a damaged one, remembered by a new process each time."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(4):
        Image.fromarray(np.full((6 + i, 5, 3), 9, np.uint8)).save(folder / f"{i}.png")
    whole = (folder / "2.png").read_bytes()
    (folder / "2.png").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture
def read(monkeypatch):
    """The names of the images that are decoded."""
    decoded, original = [], images.read

    def note(path, *white):
        decoded.append(path.name)
        return original(path, *white)

    monkeypatch.setattr(images, "read", note)
    return decoded


def look(folder, **options):
    verification.read_cache.cache_clear()
    return examine(list_folder(folder), **{"decode": True} | options)


def test_pixels_are_decoded_once_as_long_as_size_and_time_stay(folder, read):
    first = look(folder)
    assert [x.shape for x in first] == [(6, 5, 3), (7, 5, 3), (0, 0, 0), (9, 5, 3)]
    assert "2.png" in first[2].error
    assert sorted(read) == ["0.png", "1.png", "2.png", "3.png"]
    assert look(folder) == first
    assert look(folder, decode=False) == first
    assert len(read) == 4
    os.utime(folder / "1.png", ns=(0, 5))
    look(folder)
    assert read[4:] == ["1.png"]
    forget(folder)
    look(folder)
    assert len(read) == 9


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"{",
        b"[" * 100_000,
        b"7",
        b'{"abcde": 1}',
        b'[["0.png", 1, 2, [3], ""]]',
        b'[["0.png", SIZE, TIME, [3, 4, "x"], ""]]',
        b'[["0.png", SIZE, TIME, [3, 4, 1e400], ""]]',
        b'[["0.png", SIZE, TIME, [3, 4, 1], 5]]',
        b'[[[], SIZE, TIME, [3, 4, 1], ""]]',
    ],
)
def test_a_damaged_cache_is_ignored(folder, content):
    expected = look(folder)
    status = (folder / "0.png").stat()
    content = content.replace(b"SIZE", b"%d" % status.st_size).replace(b"TIME", b"%d" % status.st_mtime_ns)
    verification.cache_path(folder).write_bytes(content)
    assert look(folder) == expected


def test_headers_alone_do_not_count_as_decoded(folder, read):
    assert [x.decoded for x in look(folder, decode=False)] == [False] * 4
    assert read == []
    look(folder)
    assert len(read) == 4


def test_a_damaged_memory_of_earlier_images_is_replaced(folder, read):
    path = verification.cache_path(folder)
    path.parent.mkdir(parents=True)
    path.write_text("{")
    look(folder)
    assert len(read) == 4
    look(folder)
    assert len(read) == 4


def test_content_hashes(folder):
    files = fingerprint(list_folder(folder), hash_contents=True)
    assert len({file.sha256 for file in files}) == 4
    assert all(len(file.sha256) == 64 for file in files)
    assert fingerprint(list_folder(folder), hash_contents=False)[0].sha256 == ""
