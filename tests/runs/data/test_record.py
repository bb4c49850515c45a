import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgen import data
from jaxgen.errors import UsageError
from jaxgen.io import images
from jaxgen.runs.data import record as data_record
from jaxgen.runs.scripts import load_script
from jaxgen.runs.train import train


@pytest.fixture(scope="module")
def toy_experiment():
    return load_script(str(Path(__file__).parents[2] / "toy_experiment.py"))


@pytest.fixture
def folder(tmp_path):
    """Forty images of 8x8 pixels, of which 00, 01 and 04 are trained on."""
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(40):
        Image.fromarray(np.full((8, 8), 5 * i, np.uint8)).save(folder / f"{i:02}.png")
    return folder


@pytest.fixture
def config(folder):
    return data.Config(name="folder", dir=str(folder), size=8, channels=1, memory=0.0)


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run" / "checkpoints" / "7").mkdir(parents=True)
    return tmp_path / "run"


def record(run, config):
    """Writes what a run of a configuration records."""
    dataset = data.load(config)
    content = data_record.describe_data(dataset)
    (run / "config.json").write_text(json.dumps({"format": 1, "config": {}} | content))
    data_record.write_files(run, dataset.contents.files)


def compare(run, config, lines=None):
    dataset = data.load(config)
    say = (lambda line: None) if lines is None else lines.append
    return data_record.compare(run, data_record.describe_data(dataset), dataset, say)


def change(folder):
    """Adds an image, removes one and touches one, all of the training split."""
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "new.png")
    (folder / "00.png").unlink()
    os.utime(folder / "01.png", ns=(0, 5))


@pytest.mark.parametrize("memory", [0.0, 1.0])
def test_images_as_they_were_are_taken_without_a_word(run, config, memory):
    config = dataclasses.replace(config, memory=memory)
    record(run, config)
    lines = []
    noted, fields = compare(run, config, lines)
    assert (noted, lines) == ({}, [])
    assert "files_sha256" in fields and "images" not in fields
    # The limit of memory may be another one.
    assert "images_sha256" in compare(run, dataclasses.replace(config, memory=1.0 - memory))[1]


def test_other_images_are_named_and_refused(run, folder, config):
    record(run, config)
    change(folder)
    with pytest.raises(UsageError, match="was trained on other images: ") as caught:
        compare(run, config)
    assert "1 added (new.png), 1 missing (00.png), 1 changed (01.png)" in str(caught.value)
    assert "data.allow_changed" in str(caught.value)


def test_other_images_that_are_allowed_are_noted(run, folder, config):
    record(run, config)
    change(folder)
    lines = []
    noted, fields = compare(run, dataclasses.replace(config, allow_changed=True), lines)
    assert noted == {"data_changes": [{"step": 7, "added": 1, "removed": 1, "changed": 1}]}
    assert set(fields) == {"images", "images_sha256", "files_sha256", "class_names"}
    assert "goes on with other images: 1 added (new.png)" in lines[0]


def test_a_set_in_memory_is_compared_by_its_pixels(run, folder, config):
    config = dataclasses.replace(config, memory=1.0)
    record(run, config)
    os.utime(folder / "01.png", ns=(0, 5))
    assert compare(run, config)[0] == {}
    Image.fromarray(np.full((8, 8), 77, np.uint8)).save(folder / "01.png")
    with pytest.raises(UsageError, match=r"other images: 1 changed \(01\.png\)"):
        compare(run, config)


def test_with_hashes_the_contents_count_and_the_times_do_not(run, folder, config):
    config = dataclasses.replace(config, hash_contents=True)
    record(run, config)
    os.utime(folder / "01.png", ns=(0, 5))
    compare(run, config)
    status = (folder / "04.png").stat()
    content = (folder / "04.png").read_bytes()
    assert data_record.read_files(run)[2].sha256
    (folder / "04.png").write_bytes(content + b" ")
    os.truncate(folder / "04.png", len(content))
    os.utime(folder / "04.png", ns=(0, status.st_mtime_ns))
    compare(run, config)
    (folder / "04.png").write_bytes(content[:-1] + b"\0")
    os.utime(folder / "04.png", ns=(0, status.st_mtime_ns))
    with pytest.raises(UsageError, match=r"1 changed \(04\.png\)"):
        compare(run, config)
    # By sizes and times the other one has.
    with pytest.raises(UsageError, match=r"1 changed \(01\.png\)"):
        compare(run, dataclasses.replace(config, hash_contents=False))


def test_images_of_another_shape_are_left_to_the_comparison_of_options(run, config):
    record(run, config)
    assert compare(run, dataclasses.replace(config, size=4)) == ({}, ())


def test_a_damaged_record_is_named(run, config):
    record(run, config)
    (run / "images.tsv.gz").write_bytes(b"damaged")
    with pytest.raises(UsageError, match=r"images\.tsv\.gz is damaged"):
        compare(run, config)


def test_names_of_any_characters_survive(run):
    files = (data.records.File("a\tb\n\udcff.png", 1, 2), data.records.File("ä'\".png", 3, 4, "ab"))
    data_record.write_files(run, files)
    assert data_record.read_files(run) == files


def test_a_run_whose_image_is_destroyed_saves_and_goes_on_without_it(
    toy_experiment, folder, config, tmp_path, monkeypatch
):
    reads, read = [], images.read

    def destroy(path, *white):
        reads.append(path.name)
        if path.name == "04.png" and reads.count(path.name) == 4:
            status = path.stat()
            path.write_bytes(bytes(status.st_size))
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        return read(path, *white)

    run = tmp_path / "toy"
    options = {"run": str(run), "steps": 30, "evaluate_images": 1, "evaluate_every": 0, "sample_every": 0}
    go = lambda say=lambda line: None, **more: train(
        toy_experiment.Config(**options, data=dataclasses.replace(config, **more)), toy_experiment.build, say=say
    )
    monkeypatch.setattr(images, "read", destroy)
    with pytest.raises(UsageError, match=r"04\.png: .*data\.skip_damaged; the run is saved at step \d+$") as caught:
        go()
    step = int(str(caught.value).rpartition(" ")[2])
    assert 0 < step < 30
    assert (run / "checkpoints" / str(step)).is_dir()
    # Its size and its time are those of the image that could be read.
    with pytest.raises(UsageError, match=r"1 of 40 images cannot be read: .*04\.png"):
        go()
    lines = []
    assert int(go(lines.append, skip_damaged=True).step) == 30
    assert any("goes on without damaged images: 1 missing (04.png)" in line for line in lines)
    content = json.loads((run / "config.json").read_text())
    assert content["data_changes"] == [{"step": step, "added": 0, "removed": 1, "changed": 0}]
    # Once more: nothing has changed since.
    assert int(go(skip_damaged=True).step) == 30
    assert json.loads((run / "config.json").read_text())["data_changes"] == content["data_changes"]


def test_a_run_of_before_its_classes_had_names_goes_on(run, config):
    record(run, config)
    assert "class_names" in compare(run, config)[1]
    content = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(content | {"class_names": ["a", "b"]}))
    assert "class_names" not in compare(run, config)[1]
