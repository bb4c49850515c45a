import io
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from jaxgen.errors import UnfinishedError, UsageError
from jaxgen.io import formats, photographs
from jaxgen.restoration import files, inference, tasks
from jaxgen.restoration.folders import Item, find_photographs
from jaxgen.restoration.inference import Result, Settings
from jaxgen.restoration.plans import Options, output_path, plan
from jaxgen.restoration.restorer import Restorer
from tests.restoration.conftest import make_spec

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


def restore(path, act=invert, task="denoise", **options):
    return files.restore_one(path, act, Options(task, **options))


def restore_all(path, act, say):
    options = Options("denoise")
    jobs, _ = plan(find_photographs([path], TASKS).photographs, options)
    files.restore_files(jobs, lambda job: files.restore_file(job, act, options), say)


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
    assert restore(folder / "b.jpg").endswith("b-denoise.jpg is done already: restore it again with --overwrite")
    assert (folder / "b-denoise.jpg").stat().st_mtime_ns == first
    restore(folder / "b.jpg", overwrite=True)
    assert (folder / "b-denoise.jpg").stat().st_mtime_ns > first


def test_a_comparison_has_the_original_on_the_left(folder):
    restore(folder / "c.gif", compare=True, out=folder / "out")
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
        ("a.gif.png", "PNG", "a.gif.png-denoise.png"),
        ("a.b.png", "PNG", "a.b-denoise.png"),
        ("a.jfif", "JPEG", "a-denoise.jfif"),
    ],
)
def test_a_result_has_a_suffix_that_names_its_format(name, kind, expected, tmp_path):
    assert output_path(tmp_path / name, "denoise", kind, tmp_path) == tmp_path / expected


def test_a_larger_result_has_a_larger_alpha_and_is_compared_with_the_enlargement(folder):
    double = lambda photograph, settings, progress: Result(photograph.pixels.repeat(2, 0).repeat(2, 1), "")
    report = restore(folder / "a.png", double, "larger", compare=True)
    assert "14×18 pixels" in report
    original, result = (photographs.read(folder / name) for name in ("a.png", "a-larger.png"))
    assert result.pixels.shape == (18, 14, 3)
    assert result.alpha.shape == (18, 14, 1)
    assert abs(result.alpha[::2, ::2] - original.alpha).mean() < abs(original.alpha[::-1] - original.alpha).mean()
    assert Image.open(folder / "a-larger.png-before-after.png").size == (28, 18)


def test_a_bad_file_is_reported_and_the_others_are_restored(folder):
    (folder / "bad.png").write_text("no picture")
    lines = []
    with pytest.raises(UnfinishedError, match=r"^1 of 4 failed, the others are done: bad\.png$"):
        restore_all(folder, invert, lines.append)
    assert [line[:5] for line in lines] == [f"[{i}/4]" for i in range(1, 5)]
    assert "FAILED cannot read the image" in lines[2]
    assert (folder / "c.gif-denoise.png").exists()


def test_whatever_goes_wrong_with_one_the_others_are_done(folder):
    lines = []

    def act(photograph, settings, progress):
        if len(lines) == 2:
            raise MemoryError("no room\nfor it")
        return invert(photograph, settings, progress)

    with pytest.raises(UnfinishedError, match=r"^1 of 3 failed, the others are done: c\.gif$"):
        restore_all(folder, act, lines.append)
    assert lines[2] == f"[3/3] FAILED {folder / 'c.gif'}: MemoryError: no room for it"


def test_what_goes_wrong_with_a_single_photograph_is_raised(folder):
    def act(photograph, settings, progress):
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        restore_all(folder / "a.png", act, print)


def test_a_comparison_keeps_the_profile_of_the_colours(folder):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.open(folder / "b.jpg").save(folder / "b.jpg", icc_profile=profile)
    restore(folder / "b.jpg", compare=True)
    assert Image.open(folder / "b-denoise.jpg-before-after.png").info["icc_profile"] == profile


def test_a_comparison_that_is_missing_is_made(folder):
    restore(folder / "a.png")
    restore(folder / "a.png", compare=True)
    assert (folder / "a-denoise.png-before-after.png").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused_before_the_work(folder):
    folder.chmod(0o555)
    with pytest.raises(UsageError, match=r"cannot write into .*: permission denied; choose another folder with --out"):
        restore(folder / "a.png", lambda *_: pytest.fail("it worked"))


def test_a_folder_that_cannot_be_made_is_refused_before_the_work(folder):
    with pytest.raises(UsageError, match=r"cannot make the folder .*b\.jpg"):
        restore(folder / "a.png", lambda *_: pytest.fail("it worked"), out=folder / "b.jpg")


def test_a_single_bad_file_is_a_mistake_of_its_own(tmp_path):
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(UsageError, match=r"cannot read the image .*bad\.png"):
        restore_all(tmp_path / "bad.png", invert, print)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_time_left_is_that_of_the_pixels_left():
    assert files.time_left([10, 30, 20, 0], 2, 8.0) == 4.0
    assert files.time_left([10, 30], 2, 8.0) == files.time_left([0, 30], 1, 8.0) == 0.0
    words = [files.in_words(seconds) for seconds in (3.4, 89, 90, 3600, 5399, 11_400)]
    assert words == ["3 s", "89 s", "2 min", "60 min", "1 h 30 min", "3 h 10 min"]


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()], ids=["terminal", "file"])
def test_photographs_done_and_the_time_left_are_shown(stream, folder, monkeypatch):
    options, clock, lines = Options("denoise"), iter(range(0, 1000, 10)), []
    monkeypatch.setattr(files.time, "perf_counter", lambda: next(clock))
    jobs, _ = plan(find_photographs([folder], TASKS).photographs, options)
    files.restore_files(jobs, lambda job: str(job.path.name), lines.append, files.StatusLine(stream))
    shown = stream.getvalue().split("\r\x1b[K")
    if stream.isatty():
        assert lines == ["[1/3] a.png", "[2/3] b.jpg", "[3/3] c.gif"]
        assert shown[1::2] == [
            "0 of 3 photographs done",
            "1 of 3 photographs done, about 20 s left",
            "2 of 3 photographs done, about 10 s left",
        ]
        assert not any(shown[::2])
    else:
        assert lines == ["[1/3] a.png, about 20 s left", "[2/3] b.jpg, about 10 s left", "[3/3] c.gif"]
        assert shown == [""]


def test_tiles_are_shown_on_a_terminal_alone():
    for stream, expected in ((Terminal(), "\r\x1b[Ktile 1/2\r\x1b[K"), (io.StringIO(), "")):
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
        restore(folder / "b.jpg", masked, "x", masks=masks, out=folder / "out", overwrite=True)
        result = photographs.read(folder / "out" / "b-x.jpg").pixels
        assert result[3:5, 2:4].max() < 0.2
    with pytest.raises(UsageError, match="one mask named a or a_mask must be in"):
        restore(folder / "a.png", masked, "x", masks=folder / "masks")


def repeating(channels=3):
    """A network that doubles the size and lowers the contrast."""
    return Restorer(
        lambda inputs: (0.8 * inputs.repeat(2, 1) + 0.1).repeat(2, 2),
        make_spec(channels, scale=2, receptive_field_radius=0),
    )


@pytest.mark.parametrize("is_large", [False, True], ids=["in memory", "on the disk"])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_enlarged_photograph_is_written_in_bands_as_it_would_be_whole(channels, is_large, tmp_path, monkeypatch):
    for name, count in (("a.png", 4), ("b.jpg", 3), ("c.png", 1)):
        values = GENERATOR.integers(0, 256, (150, 70, count)).astype(np.uint8)
        Image.fromarray(values[..., 0] if count == 1 else values).save(tmp_path / name)
    network = repeating(channels)
    settings = Settings(strength=0.7, tile_size=64)
    act = tasks.by_network(network, settings)
    for name in ("a.png", "b.jpg", "c.png"):
        if is_large:
            monkeypatch.setattr(formats, "MAX_PIXELS", 10_000)
        results = []
        for folder, given in (("bands", network), ("whole", None)):
            options = Options("larger", settings, 2, out=tmp_path / folder, compare=True)
            (job,), _ = plan([Item(tmp_path / name)], options)
            report = files.restore_file(job, act, options, network=given)
            assert "140×300 pixels" in report
            assert ("too many to be written as JPEG" in report) == (is_large and name == "b.jpg")
            results.append([photographs.read(path) for path in job.outputs])
        assert job.out.suffix == (".png" if is_large else Path(name).suffix)
        for found, expected in zip(*results, strict=True):
            np.testing.assert_allclose(found.pixels, expected.pixels, atol=1.01 / 255)
            assert (found.alpha is None) == (expected.alpha is None)
            assert found._replace(pixels=None, alpha=None) == expected._replace(pixels=None, alpha=None)


def test_a_gray_photograph_in_color_is_enlarged_as_a_gray_one(tmp_path, monkeypatch):
    values = GENERATOR.integers(0, 256, (80, 70)).astype(np.uint8)
    Image.fromarray(values).convert("RGB").save(tmp_path / "a.png")
    tinted = lambda inputs: inputs.repeat(2, 1).repeat(2, 2) * np.array([1, 0.8, 0.6], np.float32)
    network = Restorer(tinted, make_spec(3, scale=2, receptive_field_radius=0))
    monkeypatch.setitem(tasks.TASKS, "superres", tasks.Task(partial(inference.apply, network), "", scale=2))
    act, results = tasks.choose("superres", Settings()), []
    for folder, given in (("bands", network), ("whole", None)):
        options = Options("superres", Settings(), 2, out=tmp_path / folder)
        (job,), _ = plan([Item(tmp_path / "a.png")], options)
        files.restore_file(job, act, options, network=given)
        results.append(photographs.read(job.out).pixels)
    np.testing.assert_array_equal(*results)
    np.testing.assert_array_equal(results[0][..., 0], results[0][..., 2])
