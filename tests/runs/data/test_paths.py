import dataclasses
import shutil

import pytest

from jaxgen import data
from jaxgen.config import Config
from jaxgen.errors import UsageError
from jaxgen.runs.data.paths import describe_paths, find_data


def config(**fields):
    return dataclasses.replace(Config(), data=data.Config(**fields))


def test_data_are_found_from_elsewhere_and_after_they_moved_with_the_run(tmp_path, monkeypatch):
    here = tmp_path / "here"
    for name in ("photos", "clean", "runs/first"):
        (here / name).mkdir(parents=True)
    monkeypatch.chdir(here)
    given = config(name="pairs", dir="photos", target_dir="clean")
    content = describe_paths(given, here / "runs/first")
    assert content == {
        "data_paths": {
            "data.dir": [str(here / "photos"), "../../photos"],
            "data.target_dir": [str(here / "clean"), "../../clean"],
        }
    }
    # Another folder of that name does not matter.
    (tmp_path / "elsewhere" / "photos").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = find_data(given, content, here / "runs/first").data
    assert (found.dir, found.target_dir) == (str(here / "photos"), str(here / "clean"))
    moved = tmp_path / "moved"
    shutil.move(here, moved)
    found = find_data(given, content, moved / "runs/first").data
    assert (found.dir, found.target_dir) == (str(moved / "photos"), str(moved / "clean"))
    shutil.rmtree(moved / "clean")
    found = find_data(given, content, moved / "runs/first").data
    assert (found.dir, found.target_dir) == (str(moved / "photos"), "clean")


def test_data_without_a_path_have_none(tmp_path):
    for fields in ({"name": "digits"}, {"name": "mnist", "dir": str(tmp_path / "nothing")}):
        assert describe_paths(config(**fields), tmp_path) == {}
        assert find_data(config(**fields), {}, tmp_path) == config(**fields)


@pytest.mark.parametrize("paths", [[1], {"data.dir": "x"}, {"data.dir": ["a", 3]}, {"seed": ["a", "b"]}, "x"])
def test_a_field_that_holds_no_paths_is_named(tmp_path, paths):
    with pytest.raises(UsageError, match=r"config\.json: data_paths is .*: remove it"):
        find_data(config(name="folder", dir="x"), {"data_paths": paths}, tmp_path)
