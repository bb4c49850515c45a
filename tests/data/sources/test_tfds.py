import dataclasses
import json
import logging
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxgen import data
from jaxgen.errors import UsageError


@pytest.fixture(scope="module")
def config(shared_tfds):
    return data.Config(name="mnist", dir=shared_tfds, split="test[:500]", seed=1)


def test_fashion_mnist_is_all_there(shared_tfds):
    loaded = data.load(data.Config(name="fashion_mnist", dir=shared_tfds, split="test"))
    assert loaded.arrays["image"].shape == (10_000, 28, 28, 1)
    np.testing.assert_array_equal(np.bincount(loaded.arrays["label"]), np.full(10, 1000))
    assert loaded.contents.class_names[:2] == ("T-shirt/top", "Trouser")


def test_mnist_has_the_published_mean_without_tensorflow(shared_tfds):
    program = (
        "import json, sys; from jaxgen import data;"
        f"loaded = data.load(data.Config(name='mnist', dir={shared_tfds!r}, split='train[:12000]'));"
        "mean = float(loaded.arrays['image'].mean() / 255);"
        "print(json.dumps([len(loaded), mean, 'tensorflow' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    count, mean, tensorflow = json.loads(done.stdout)
    assert count == 12_000
    assert abs(mean - 0.1307) < 0.002
    assert not tensorflow


def test_streamed_batches_have_the_bits_of_those_in_memory(config):
    config = dataclasses.replace(config, size=32, channels=3, fit="pad")
    in_memory, streamed = data.load(config), data.load(dataclasses.replace(config, memory=0))
    assert streamed.arrays == {}
    payload = streamed.feed(64).fetch(6, 3)
    for k in range(3):
        expected = in_memory.batch(1, 6 + k)
        np.testing.assert_array_equal(payload["label"][k], expected["label"])
        for name, x in streamed.batch(1, 6 + k).items():
            np.testing.assert_array_equal(x, expected[name])


@pytest.mark.parametrize("key", ["pythonClassName", "type"])
@pytest.mark.parametrize("name", ["mine", "mine/config:1.0.0"])
def test_no_module_that_a_set_names_is_imported(tmp_path, monkeypatch, key, name):
    pytest.importorskip("tensorflow_datasets")
    folder = tmp_path / "sets" / "mine" / "config" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text('{"name": "mine", "version": "1.0.0", "fileFormat": "array_record"}')
    inner = {"features": {"image": {key: "module_of_an_attacker.Image"}}}
    own = "tensorflow_datasets.core.features.features_dict.FeaturesDict"
    (folder / "features.json").write_text(json.dumps({"pythonClassName": own, "featuresDict": inner}))
    (tmp_path / "module_of_an_attacker.py").write_text("raise SystemExit('executed')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match=r"features\.json names module_of_an_attacker\.Image"):
        data.load(data.Config(name=name, dir=str(tmp_path / "sets")))
    assert "module_of_an_attacker" not in sys.modules


def copied(shared_tfds, folder, **changes):
    """The test images of MNIST, as a data set with only those splits and that file format."""
    version = folder / "mnist" / "3.0.1"
    shutil.copytree(Path(shared_tfds) / "mnist" / "3.0.1", version, ignore=shutil.ignore_patterns("*train*"))
    for path in (version, *version.iterdir()):
        path.chmod(0o755)
    info = json.loads((version / "dataset_info.json").read_text())
    info["splits"] = [split | {"name": "train"} for split in info["splits"] if split["name"] == "test"]
    (version / "dataset_info.json").write_text(json.dumps(info | changes))
    (version / "mnist-test.array_record-00000-of-00001").rename(version / "mnist-train.array_record-00000-of-00001")
    return str(folder)


def test_a_set_without_test_images_holds_out_every_tenth(shared_tfds, tmp_path):
    folder = copied(shared_tfds, tmp_path)
    load = lambda split: data.load(data.Config("mnist", folder, split=split, memory=0))
    assert {split: len(load(split)) for split in ("train", "test")} == {"train": 9000, "test": 1000}


def test_a_set_prepared_without_random_access(shared_tfds, tmp_path):
    folder = copied(shared_tfds, tmp_path, fileFormat="tfrecord")
    with pytest.raises(UsageError, match=r"mnist is prepared as tfrecord, which has no random access: .*array_record"):
        data.load(data.Config("mnist", folder))


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_damaged_files_are_reported(shared_tfds, tmp_path, damage):
    folder = copied(shared_tfds, tmp_path)
    path = Path(folder) / "mnist" / "3.0.1" / "mnist-train.array_record-00000-of-00001"
    whole = path.read_bytes()
    changed = {"truncated": whole[:2_000_000], "flipped": whole[:100_000] + bytes(100) + whole[100_100:]}
    path.write_bytes(changed[damage])
    with pytest.raises(UsageError, match="the files of mnist are damaged, prepare it again: Corrupted") as caught:
        data.load(data.Config("mnist", folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "mnits",
            "unknown data set 'mnits': did you mean mnist or .*allowed: digits, .*stacked_mnist",
        ),
        ("digit", "did you mean digits"),
        ("facez", "did you mean faces"),
        ("../mnist", "unknown data set '../mnist'"),
        ("", "unknown data set ''"),
        ("cifar10", "cifar10 is not prepared under .*python -c .*tfds.builder.'cifar10', data_dir=.*download_and_prep"),
        ("mnist:1.0.0", "mnist:1.0.0 is not prepared under"),
    ],
)
def test_sets_that_are_not_there_are_reported_without_a_network(tmp_path, monkeypatch, name, message):
    monkeypatch.setattr(socket, "socket", None)
    with pytest.raises(UsageError, match=message) as caught:
        data.load(data.Config(name=name, dir=str(tmp_path)))
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(
        UsageError, match=r"no folder .*absent.: set data.dir to the folder under which TFDS prepared mnist"
    ):
        data.load(data.Config(name="mnist", dir=str(tmp_path / "absent")))


def test_a_folder_above_the_one_of_tfds(shared_tfds):
    above = Path(shared_tfds).parent
    with pytest.raises(
        UsageError, match=rf"mnist is not in {above} but in {shared_tfds}: set data.dir to {shared_tfds}"
    ):
        data.load(data.Config(name="mnist", dir=str(above)))


def test_reading_with_pillow_gives_no_advice(shared_tfds, monkeypatch, caplog):
    from tensorflow_datasets.core.features import image_feature

    monkeypatch.setattr(image_feature, "cv2", None)
    monkeypatch.setattr(logging.getLogger("absl"), "propagate", True)
    monkeypatch.setattr(
        image_feature.logging, "log_first_n", lambda level, text, n: image_feature.logging.log(level, text)
    )
    data.load(data.Config(name="mnist", dir=shared_tfds, split="test[:2]"))
    assert "OpenCV" not in caplog.text
    image_feature.logging.warning("a line that stays")
    assert "a line that stays" in caplog.text


def test_splits_that_are_not_there(shared_tfds):
    for split in ("tset", "train[:", "validation"):
        with pytest.raises(UsageError, match=r"mnist has no split '.*': it has train, test, all, and slices") as caught:
            data.load(data.Config(name="mnist", dir=shared_tfds, split=split))
        assert "\n" not in str(caught.value)
