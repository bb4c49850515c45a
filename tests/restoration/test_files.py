import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from jaxgen.errors import UnfinishedError, UsageError
from jaxgen.io import photographs
from jaxgen.restoration import files
from jaxgen.restoration.inference import Result, Settings

GENERATOR = np.random.default_rng(0)
TASKS = ("denoise", "auto")


def invert(photograph, settings, progress):
    return Result(1 - photograph.pixels, "inverted")


@pytest.fixture
def folder(tmp_path):
    for name, channels in (("b.jpg", 3), ("a.png", 4), ("c.gif", 1)):
        values = GENERATOR.integers(0, 256, (9, 7, channels)).astype(np.uint8)
        Image.fromarray(values[..., 0] if channels == 1 else values).save(tmp_path / name)
    return tmp_path


def restore(path, **options):
    return files.restore_file(path, "denoise", invert, Settings(), **options)


def test_the_result_lies_beside_the_original_which_stays(folder):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    report = restore(folder / "a.png")
    assert report.startswith(f"{folder / 'a-denoise.png'}  inverted, 7×9 pixels in ")
    assert {path: path.read_bytes() for path in before} == before
    original, result = (photographs.read(folder / name) for name in ("a.png", "a-denoise.png"))
    np.testing.assert_allclose(result.pixels, 1 - original.pixels, atol=1e-6)
    np.testing.assert_array_equal(result.alpha, original.alpha)
    assert len(list(folder.iterdir())) == len(before) + 1


def test_an_earlier_result_stays_unless_overwritten(folder):
    restore(folder / "b.jpg")
    first = (folder / "b-denoise.jpg").stat().st_mtime_ns
    assert restore(folder / "b.jpg").endswith("b-denoise.jpg exists already: replace it with --overwrite")
    assert (folder / "b-denoise.jpg").stat().st_mtime_ns == first
    restore(folder / "b.jpg", overwrite=True)
    assert (folder / "b-denoise.jpg").stat().st_mtime_ns > first


def test_a_comparison_has_the_original_on_the_left(folder):
    restore(folder / "c.gif", compare=True, folder=folder / "out")
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "c.gif-denoise.png",
        "c.gif-denoise.png-before-after.png",
    ]
    seen = np.asarray(Image.open(folder / "out" / "c.gif-denoise.png-before-after.png"))
    assert seen.shape[:2] == (9, 14)
    np.testing.assert_array_equal(seen[:, 7:], 255 - seen[:, :7])


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("a.JPG", "JPEG", "a-denoise.JPG"),
        ("a.jpeg", "JPEG", "a-denoise.jpeg"),
        ("a.tiff", "TIFF", "a-denoise.tiff"),
        ("a.png", "JPEG", "a.png-denoise.jpg"),
        ("a.b.gif", "PNG", "a.b.gif-denoise.png"),
    ],
)
def test_a_result_has_a_suffix_that_names_its_format(name, kind, expected, tmp_path):
    assert files.output_paths(tmp_path / name, "denoise", kind, None)[0] == tmp_path / expected


def test_a_larger_result_has_a_larger_alpha_and_is_compared_with_the_enlargement(folder):
    double = lambda photograph, settings, progress: Result(photograph.pixels.repeat(2, 0).repeat(2, 1), "")
    report = files.restore_file(folder / "a.png", "larger", double, Settings(), compare=True)
    assert "14×18 pixels" in report
    original, result = (photographs.read(folder / name) for name in ("a.png", "a-larger.png"))
    assert result.pixels.shape == (18, 14, 3)
    assert result.alpha.shape == (18, 14, 1)
    assert abs(result.alpha[::2, ::2] - original.alpha).mean() < abs(original.alpha[::-1] - original.alpha).mean()
    assert Image.open(folder / "a-larger.png-before-after.png").size == (28, 18)


def test_a_folder_is_its_pictures_without_earlier_results(folder):
    (folder / "words.txt").touch()
    (folder / ".hidden.png").touch()
    restore(folder / "b.jpg", compare=True)
    assert [path.name for path in files.list_photographs(folder, TASKS)] == ["a.png", "b.jpg", "c.gif"]


def test_nothing_to_restore_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no images in "):
        files.list_photographs(tmp_path, TASKS)
    with pytest.raises(UsageError, match=r"no file or folder .*missing\.png"):
        files.list_photographs(tmp_path / "missing.png", TASKS)


def test_a_bad_file_is_reported_and_the_others_are_restored(folder):
    (folder / "bad.png").write_text("no picture")
    lines = []
    with pytest.raises(UnfinishedError, match=r"^1 of 4 failed, the others are done: bad\.png$"):
        files.restore_files(files.list_photographs(folder, TASKS), restore, lines.append)
    assert [line[:5] for line in lines] == [f"[{i}/4]" for i in range(1, 5)]
    assert "FAILED cannot read the image" in lines[2]
    assert (folder / "c.gif-denoise.png").exists()


def test_whatever_goes_wrong_with_one_the_others_are_done(folder):
    lines = []

    def act(photograph, settings, progress):
        if len(lines) == 2:
            raise MemoryError("no room\nfor it")
        return invert(photograph, settings, progress)

    one = lambda path: files.restore_file(path, "denoise", act, Settings())
    with pytest.raises(UnfinishedError, match=r"^1 of 3 failed, the others are done: c\.gif$"):
        files.restore_files(files.collect_photographs([folder], TASKS, None), one, lines.append)
    assert lines[2] == f"[3/3] FAILED {folder / 'c.gif'}: MemoryError: no room for it"


def test_a_photograph_named_twice_is_restored_once(folder):
    paths = files.collect_photographs([folder / "a.png", folder, folder / "a.png"], TASKS, None)
    assert [path.name for path in paths] == ["a.png", "b.jpg", "c.gif"]


def test_masks_and_results_of_tasks_are_no_photographs(folder):
    (folder / "mask.png").write_bytes((folder / "a.png").read_bytes())
    (folder / "old-denoise.png").write_bytes((folder / "a.png").read_bytes())
    restore(folder / "a.png")
    restore(folder / "c.gif")
    paths = files.collect_photographs([folder], TASKS, None, folder / "mask.png")
    assert [path.name for path in paths] == ["a.png", "b.jpg", "c.gif", "old-denoise.png"]
    with pytest.raises(UsageError, match=r"mask: no file or folder .*missing\.png"):
        files.collect_photographs([folder], TASKS, None, folder / "missing.png")


def test_what_goes_wrong_with_a_single_photograph_is_raised(folder):
    def act(photograph, settings, progress):
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        files.restore_files([folder / "a.png"], lambda path: files.restore_file(path, "x", act, Settings()), print)


def test_a_comparison_keeps_the_profile_of_the_colours(folder):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.open(folder / "b.jpg").save(folder / "b.jpg", icc_profile=profile)
    restore(folder / "b.jpg", compare=True)
    assert Image.open(folder / "b-denoise.jpg-before-after.png").info["icc_profile"] == profile


def test_two_photographs_never_have_one_result(folder):
    (folder / "deeper").mkdir()
    (folder / "deeper" / "a.png").write_bytes((folder / "a.png").read_bytes())
    paths = [folder / "a.png", folder / "deeper" / "a.png"]
    assert len(files.collect_photographs(paths, TASKS, None)) == 2
    with pytest.raises(UsageError, match=r"a\.png and .*deeper/a\.png would have one result in out: restore them"):
        files.collect_photographs(paths, TASKS, Path("out"))


def test_a_comparison_that_is_missing_is_made(folder):
    restore(folder / "a.png")
    restore(folder / "a.png", compare=True)
    assert (folder / "a-denoise.png-before-after.png").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused_before_the_work(folder):
    folder.chmod(0o555)
    with pytest.raises(UsageError, match=r"cannot write into .*: permission denied; choose another folder with --out"):
        files.restore_file(folder / "a.png", "denoise", lambda *_: pytest.fail("it worked"), Settings())


def test_a_folder_that_cannot_be_made_is_refused_before_the_work(folder):
    with pytest.raises(UsageError, match=r"cannot make the folder .*b\.jpg"):
        files.restore_file(
            folder / "a.png", "denoise", lambda *_: pytest.fail("it worked"), Settings(), folder=folder / "b.jpg"
        )


def test_a_single_bad_file_is_a_mistake_of_its_own(tmp_path):
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(UsageError, match=r"cannot read the image .*bad\.png"):
        files.restore_files([tmp_path / "bad.png"], restore, print)


def test_tiles_are_shown_on_a_terminal_alone():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for stream, expected in ((Terminal(), "\rtile 1/2\r\x1b[K"), (io.StringIO(), "")):
        show = files.tile_progress(stream)
        for done, total in ((1, 2), (2, 2), (1, 1)):
            show(done, total)
        assert stream.getvalue() == expected


def test_a_photographs_mask_is_read_from_a_file_or_a_folder(folder, tmp_path):
    values = np.zeros((9, 7), np.uint8)
    values[3:5, 2:4] = 255
    Image.fromarray(values).save(folder / "mask.png")
    (folder / "masks").mkdir()
    Image.fromarray(values).save(folder / "masks" / "b.png")
    masked = lambda photograph, settings, progress: Result(photograph.pixels * (1 - settings.mask), "")
    for masks in (folder / "mask.png", folder / "masks"):
        files.restore_file(
            folder / "b.jpg", "x", masked, Settings(), masks=masks, folder=folder / "out", overwrite=True
        )
        result = photographs.read(folder / "out" / "b-x.jpg").pixels
        assert result[3:5, 2:4].max() < 0.2
    with pytest.raises(UsageError, match="one mask named a or a_mask must be in"):
        files.restore_file(folder / "a.png", "x", masked, Settings(), masks=folder / "masks")
