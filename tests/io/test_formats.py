"""What formats hold, which is known before the work."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jaxgen
from jaxgen.errors import UsageError
from jaxgen.io import formats, photographs
from jaxgen.restoration import files, functions
from jaxgen.restoration.inference import Result
from jaxgen.restoration.plans import Options

CASES = Path(__file__).parents[3] / "shared" / "cases" / "photographs"


def larger(photograph, settings, progress):
    return Result(photograph.pixels.repeat(4, 0).repeat(4, 1), "")


@pytest.mark.parametrize(("suffix", "limit"), [(".jpg", 65_500), (".webp", 16_383)])
@pytest.mark.parametrize("scale", [1, 4])
def test_what_is_too_large_for_its_format_becomes_a_png(scale, suffix, limit, tmp_path):
    fits = limit // scale
    for width, expected in ((fits, suffix), (fits + 1, ".png")):
        photograph = photographs.Photograph(np.zeros((2, width, 3), np.float32), kind=formats_by_suffix()[suffix])
        chosen = photographs.fitted(photograph, scale)
        assert formats.SUFFIXES[chosen.kind][0] == expected
        assert bool(chosen.notes) == (expected == ".png")
        whole = photograph._replace(pixels=np.zeros((2 * scale, width * scale, 3), np.float32))
        if expected == suffix:
            photographs.write(tmp_path / f"a{suffix}", whole)
        else:
            with pytest.raises(UsageError, match=r"cannot write"):
                photographs.write(tmp_path / f"b{suffix}", whole)
    assert chosen.notes[0].startswith(f"written as PNG: {photograph.kind} holds {limit:,} pixels a side at most")


def formats_by_suffix():
    return {suffix: kind for kind, suffixes in formats.SUFFIXES.items() for suffix in suffixes}


def test_the_line_says_what_is_written_instead(tmp_path):
    Image.fromarray(np.zeros((2, 16_400, 3), np.uint8)).save(tmp_path / "a.jpg")
    out = tmp_path / "a.jpg-superres.png"
    seen = []

    def act(photograph, settings, progress):
        seen.append(photograph.kind)
        return larger(photograph, settings, progress)

    line = files.restore_one(tmp_path / "a.jpg", act, Options("superres", scale=4))
    assert seen == ["PNG"]
    assert line.startswith(f"{out}  written as PNG: JPEG holds 65,500 pixels a side at most, and 65,600×8 are needed, ")
    with out.open("rb") as file, photographs.open_image(file) as image:
        assert (image.format, image.size) == ("PNG", (65_600, 8))


@pytest.mark.parametrize(
    ("suffix", "reason"), [("gif", "GIF holds 256 colors"), ("avif", "AVIF is read and not written")]
)
def test_a_format_that_is_only_read_is_named(suffix, reason, tmp_path):
    Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(tmp_path / f"a.{suffix}")
    line = files.restore_one(tmp_path / f"a.{suffix}", larger, Options("superres", scale=4))
    assert f"a.{suffix}-superres.png  written as PNG: {reason}, 32×32 pixels" in line


@pytest.mark.parametrize("mode", ["CMYK", "LAB"])
def test_colors_that_are_converted_are_named(mode, tmp_path):
    suffix = "jpg" if mode == "CMYK" else "tif"
    Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).convert("RGB").save(tmp_path / "rgb.png")
    values = np.full((8, 8, 4 if mode == "CMYK" else 3), 90, np.uint8)
    Image.frombytes(mode, (8, 8), values.tobytes()).save(tmp_path / f"a.{suffix}")
    line = files.restore_one(tmp_path / f"a.{suffix}", larger, Options("superres", scale=4))
    assert f"{mode} converted to RGB" in line


def test_what_fits_is_not_mentioned(tmp_path):
    for suffix in ("jpg", "png", "tif", "webp", "bmp", "ppm"):
        Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(tmp_path / f"a.{suffix}")
        line = files.restore_one(tmp_path / f"a.{suffix}", larger, Options("superres", scale=4))
        assert line.startswith(f"{tmp_path / f'a-superres.{suffix}'}  32×32 pixels in")


@pytest.mark.parametrize(
    ("image", "suffix", "message"),
    [
        (np.zeros((4, 16_400), np.uint8), "jpg", r"JPEG holds 65,500 pixels a side at most, and 65,600×16 are needed"),
        (np.zeros((4, 4_100), np.uint8), "webp", r"WEBP holds 16,383 pixels a side at most, and 16,400×16 are needed"),
        (np.zeros((4, 4, 4), np.uint8), "jpg", "JPEG holds no transparency; give a file that ends in .png"),
    ],
)
def test_a_file_that_cannot_hold_the_result_is_refused_before_the_work(image, suffix, message, tmp_path, monkeypatch):
    monkeypatch.setattr(functions.tasks, "choose", lambda *_, **__: lambda *_: pytest.fail("it worked"))
    with pytest.raises(UsageError, match=message):
        jaxgen.restore(image, "superres", out=tmp_path / f"a.{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("suffix", ["jpg", "webp", "bmp", "ppm"])
def test_sixteen_bits_in_another_format_are_named(channels, suffix, tmp_path, monkeypatch):
    photograph = photographs.Photograph(np.full((8, 8, channels), 0.5, np.float32), bits=16)
    photographs.write(tmp_path / "a.png", photograph)
    act = lambda photograph, settings, progress: Result(photograph.pixels, "")
    monkeypatch.setattr(functions.tasks, "choose", lambda *_, **__: act)
    result = jaxgen.restore(tmp_path / "a.png", out=tmp_path / f"b.{suffix}")
    found = photographs.read(tmp_path / f"b.{suffix}")
    is_deep = suffix == "ppm" and channels == 1
    assert (found.kind, found.bits) == (formats_by_suffix()[f".{suffix}"], 16 if is_deep else 8)
    np.testing.assert_allclose(found.pixels, 0.5, atol=0.01)
    assert ("8 bits a channel" in result.info["restoration"]) == (not is_deep)


def test_metadata_too_long_for_a_jpeg_are_named(tmp_path):
    photograph = photographs.Photograph(np.zeros((8, 8, 3), np.float32), kind="JPEG", xmp=bytes(70_000))
    fitted = photographs.fitted(photograph)
    assert fitted.notes == ("XMP left out: JPEG holds 65,500 bytes of it",)
    photographs.write(tmp_path / "a.jpg", fitted)
    assert photographs.read(tmp_path / "a.jpg").xmp is None
    assert photographs.fitted(photograph._replace(kind="PNG")).xmp is not None


@pytest.mark.skipif(not CASES.exists(), reason="no cases in ../shared")
def test_the_case_becomes_a_png(tmp_path):
    line = files.restore_one(CASES / "wide" / "pano16400.jpg", larger, Options("x", out=tmp_path, scale=4))
    assert "written as PNG: JPEG holds 65,500" in line
    assert [path.name for path in tmp_path.iterdir()] == ["pano16400.jpg-x.png"]
