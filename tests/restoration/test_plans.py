import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgen.errors import UsageError
from jaxgen.io import photographs, provenance
from jaxgen.restoration import files, plans
from jaxgen.restoration.folders import Item, find_photographs
from jaxgen.restoration.inference import Result, Settings
from jaxgen.restoration.plans import Options, plan

GENERATOR = np.random.default_rng(0)


def invert(photograph, settings, progress):
    return Result(1 - photograph.pixels, "")


def save(path, **options):
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(GENERATOR.integers(0, 256, (9, 7, 3)).astype(np.uint8)).save(path, **options)
    return path


def outputs(paths, **options):
    jobs, _ = plan([Item(path) for path in paths], Options("auto", **options))
    return [job.out.name for job in jobs]


def restore(path, **options):
    return files.restore_one(path, invert, Options(**{"task": "auto", **options}))


def test_every_photograph_has_a_result_of_its_own(tmp_path):
    paths = [save(tmp_path / name) for name in ("a.gif", "a.gif.png", "a.png", "a.jpg", "a.jpeg")]
    found = outputs(paths)
    assert found == ["a.gif-auto.png", "a.gif.png-auto.png", "a-auto.png", "a-auto.jpg", "a-auto.jpeg"]
    for path in paths:
        restore(path)
    for path, name in zip(paths, found, strict=True):
        original, result = photographs.read(path), photographs.read(tmp_path / name)
        assert abs(1 - original.pixels - result.pixels).max() < 0.1


def test_a_result_counts_as_done_for_its_photograph_alone(tmp_path):
    first, second = save(tmp_path / "x" / "a.png"), save(tmp_path / "y" / "a.png")
    out = tmp_path / "out"
    restore(first, out=out)
    assert plan([Item(first)], Options("auto", out=out)).done == [out / "a-auto.png"]
    for overwrite in (False, True):
        with pytest.raises(UsageError, match=r"a-auto\.png is there and not known as a result of the same photograph"):
            restore(second, out=out, overwrite=overwrite)
    np.testing.assert_allclose(
        photographs.read(out / "a-auto.png").pixels, 1 - photographs.read(first).pixels, atol=1e-6
    )


def test_an_older_file_of_a_results_name_is_never_replaced(tmp_path):
    path, own = save(tmp_path / "a.png"), save(tmp_path / "a-auto.png")
    content = own.read_bytes()
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="not known as a result"):
            restore(path, overwrite=overwrite)
    assert own.read_bytes() == content


def test_a_changed_photograph_is_not_done(tmp_path):
    path = save(tmp_path / "a.png")
    restore(path)
    save(path)
    with pytest.raises(UsageError, match=r"before it was changed: replace with --overwrite"):
        restore(path)
    restore(path, overwrite=True)
    assert "is done already" in restore(path)


def test_a_result_of_other_options_is_not_done(tmp_path):
    path = save(tmp_path / "a.png")
    for name in ("m.png", "n.png"):
        mask = np.zeros((9, 7), np.uint8)
        mask[3, 3 if name == "m.png" else 4] = 255
        Image.fromarray(mask).save(tmp_path / name)
    options = {"settings": Settings(strength=0.5), "masks": tmp_path / "m.png", "network": ""}
    restore(path, **options)
    assert "is done already" in restore(path, **options)
    assert "is done already" in restore(path, **options | {"settings": Settings(strength=0.5, tile_size=64)})
    for change in (
        {"settings": Settings(strength=0.4)},
        {"masks": tmp_path / "n.png"},
        {"masks": None},
        {"network": "another"},
    ):
        with pytest.raises(UsageError, match="of other options"):
            restore(path, **options | change)


def test_a_photograph_that_moved_is_done(tmp_path):
    path = save(tmp_path / "x" / "a.png")
    restore(path)
    (tmp_path / "x").rename(tmp_path / "y")
    assert "is done already" in restore(tmp_path / "y" / "a.png")


def test_one_of_several_is_done_and_a_missing_comparison_is_made(tmp_path):
    paths = [save(tmp_path / "a.png"), save(tmp_path / "b.png")]
    restore(paths[0])
    jobs, done = plan([Item(path) for path in paths], Options("auto"))
    assert ([job.path for job in jobs], done) == ([paths[1]], [tmp_path / "a-auto.png"])
    restore(paths[0], compare=True)
    assert (tmp_path / "a-auto.png-before-after.png").exists()
    assert "is done already" in restore(paths[0], compare=True)


def test_a_cut_result_is_not_done(tmp_path):
    path = save(tmp_path / "a.png")
    restore(path)
    (tmp_path / "a-auto.png").write_bytes(b"")
    with pytest.raises(UsageError, match="not known as a result"):
        restore(path)


def test_two_photographs_never_have_one_result(tmp_path):
    paths = [save(tmp_path / "x" / "a.png"), save(tmp_path / "y" / "a.png")]
    assert outputs(paths) == ["a-auto.png", "a-auto.png"]
    with pytest.raises(UsageError, match=r"x/a\.png and .*y/a\.png would have one result, .*: restore them into two"):
        outputs(paths, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    bare = tmp_path / "photo"
    bare.write_bytes(paths[0].read_bytes())
    with pytest.raises(UsageError, match="would have one result"):
        outputs([bare, save(tmp_path / "photo.png")])


def test_names_that_differ_in_case_are_two_where_the_file_system_says_so(tmp_path, monkeypatch):
    paths = [save(tmp_path / "a.png"), save(tmp_path / "A.PNG")]
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this file system ignores case")
    assert outputs(paths) == ["a-auto.png", "A-auto.PNG"]
    assert not plans.are_one(tmp_path, "a.png", "A.png")
    assert plans.are_one(tmp_path, "a.png", "a.png")
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr(plans, "are_one", lambda *_: True)
    with pytest.raises(UsageError, match=r"a\.png and .*A\.PNG would have one result"):
        outputs(paths)


def test_a_result_never_replaces_a_photograph_of_the_run(tmp_path):
    paths = [save(tmp_path / "a.png"), save(tmp_path / "a-auto.png")]
    for overwrite in (False, True):
        with pytest.raises(UsageError, match=r"the result of .*a\.png would replace the photograph .*a-auto\.png"):
            outputs(paths, overwrite=overwrite)


def test_a_name_that_is_too_long_is_refused_before_the_work(tmp_path):
    limit = os.pathconf(tmp_path, "PC_NAME_MAX")
    fits = save(tmp_path / f"{'é' * ((limit - 9) // 2)}.png")
    restore(fits)
    assert (tmp_path / f"{fits.stem}-auto.png").exists()
    with pytest.raises(UsageError, match=f"would have .* bytes, and {limit} are allowed"):
        restore(fits, compare=True)
    long = save(tmp_path / f"{'a' * (limit - 8)}.png")
    with pytest.raises(UsageError, match=rf"would have {limit + 1} bytes, and {limit} are allowed in .*: give the"):
        outputs([long], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_tree_of_folders_is_kept(tmp_path):
    for name in ("in/a.png", "in/x/a.png", "in/x/y/b.jpg"):
        save(tmp_path / name)
    options = Options("auto", out=tmp_path / "out")
    jobs, _ = plan(find_photographs([tmp_path / "in"], (), recursive=True).photographs, options)
    expected = ["out/a-auto.png", "out/x/a-auto.png", "out/x/y/b-auto.jpg"]
    assert [job.out for job in jobs] == [tmp_path / name for name in expected]
    files.restore_files(jobs, lambda job: files.restore_file(job, invert, options), lambda line: None)
    assert all((tmp_path / name).exists() for name in expected)


def test_a_photograph_that_cannot_be_read_stops_no_other(tmp_path):
    (tmp_path / "bad.png").touch()
    jobs, _ = plan([Item(tmp_path / "bad.png"), Item(save(tmp_path / "a.png"))], Options("auto"))
    assert [str(job.error) for job in jobs if job.error] == [
        f"cannot read the image {tmp_path / 'bad.png'}: it is empty"
    ]


def test_a_note_names_nothing_of_the_user(tmp_path):
    path = save(tmp_path / "secret.png")
    restore(path)
    found = provenance.read(tmp_path / "secret-auto.png")
    assert "secret" not in str(found) and str(Path(tmp_path).name) not in str(found)
    assert found["task"] == "auto"


def test_an_ensemble_that_needs_more_memory_than_there_is_is_refused_before_the_work(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png")
    assert plans.physical_memory() > 100e6
    needed = plans.ensemble_bytes(9 * 7, 4)
    # The sum, a view and one turned back, of three channels of four bytes.
    assert needed == 3 * np.zeros((36, 28, 3), np.float32).nbytes
    for there in (needed - 1, needed):
        monkeypatch.setattr(plans, "physical_memory", lambda there=there: there)
        assert outputs([path], scale=4) == ["a-auto.png"]
        if there >= needed:
            assert outputs([path], scale=4, settings=Settings(ensemble=True)) == ["a-auto.png"]
            continue
        with pytest.raises(UsageError, match=r"a\.png: an ensemble of .* GB of memory, .*: leave --ensemble out"):
            outputs([path], scale=4, settings=Settings(ensemble=True))


def test_what_a_killed_process_left_unfinished_among_results_is_removed(tmp_path):
    (tmp_path / f".photo-auto.jpg.{2**22 + 1}.unfinished").touch()
    (tmp_path / "photo.jpg.unfinished").touch()
    plans.make_writable_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg.unfinished"]
