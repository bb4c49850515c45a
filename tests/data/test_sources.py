import sys
import typing
from types import ModuleType

import numpy as np
import pytest

from jaxgen import data
from jaxgen.data import sources
from jaxgen.errors import UsageError
from jaxgen.io import images

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)


def test_arrays_are_taken_whole():
    loaded = data.from_arrays(IMAGE, np.arange(6), data.Config(split="test"))
    np.testing.assert_array_equal(loaded.arrays["image"], IMAGE)
    assert data.from_arrays(IMAGE[..., 0]).image_shape == (8, 8, 1)


def test_floating_point_images_are_rounded_to_grey_levels():
    np.testing.assert_array_equal(data.from_arrays(IMAGE / 255).arrays["image"], IMAGE)
    np.testing.assert_array_equal(data.from_arrays((IMAGE / 255).astype(np.float16)).arrays["image"], IMAGE)


@pytest.mark.parametrize(
    ("image", "label", "message"),
    [
        (IMAGE / 127.5 - 1, None, r"image has values from -1 to 1: floating point must be in .*\(image \+ 1\) / 2"),
        (IMAGE * 1.0, None, "image has values from 0 to 255: floating point must be in .*image / 255"),
        (np.full((1, 2, 2, 1), np.nan), None, "image has values from nan"),
        (IMAGE.astype(np.int32), None, "image has type int32: give uint8"),
        (IMAGE[0, 0], None, "image has shape"),
        (IMAGE[:0], None, r"image has shape \(0, 8, 8, 3\)"),
        (IMAGE, np.arange(5), r"label has shape \(5,\) for 6 images"),
        (IMAGE, np.eye(6), r"label has shape \(6, 6\)"),
        (IMAGE, np.linspace(0, 1, 6), "label has type float64: give integers"),
    ],
)
def test_arrays_that_are_no_images(image, label, message):
    with pytest.raises(UsageError, match=message):
        data.from_arrays(image, label)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size": -8}, "size is -8: give at least 0"),
        ({"channels": 2}, "channels 2: give 1"),
        ({"fit": "stretch"}, "unknown fit 'stretch': .*allowed: crop, pad, resize"),
        ({"seed": -1}, "seed is -1: give at least 0 and less than 4294967296"),
        ({"seed": 2**32}, "seed is 4294967296: give at least 0 and less than 4294967296"),
        ({"memory": -1.0}, "memory is -1: give a finite number of at least 0"),
        ({"memory": float("nan")}, "memory is nan: give a finite number"),
        ({"split": "tset"}, "unknown split 'tset': did you mean test"),
        ({"samples": 5}, "samples 5 is of a generator's run: set from_run to it"),
        ({"name": "pairs", "from_run": "RUN"}, "from_run RUN: a run does not produce pairs"),
        ({"name": "stacked_mnist", "from_run": "RUN"}, "from_run RUN: a run does not produce stacked_mnist"),
        ({"name": "picture", "from_run": "RUN"}, "from_run RUN: a run does not produce picture"),
    ],
)
def test_configurations_that_no_set_could_have(fields, message):
    with pytest.raises(UsageError, match=message):
        data.load(data.Config(**{"name": "digits"} | fields))


@pytest.fixture
def toy_source(monkeypatch):
    """A source that a test has registered."""
    toy = ModuleType("jaxgen.data.sources.toy")
    toy.load_toy = lambda config: data.from_arrays(IMAGE, None, config)
    monkeypatch.setitem(sys.modules, "jaxgen.data.sources.toy", toy)
    monkeypatch.setitem(sources.SOURCES, "toy_images", sources.Source("toy:load_toy", "images of a test"))


def test_a_registered_source_is_found_in_help_and_in_errors(toy_source):
    assert len(data.load(data.Config(name="toy_images"))) == 6
    assert "toy_images: images of a test" in sources.describe()
    with pytest.raises(UsageError, match="did you mean toy_images"):
        data.load(data.Config(name="toy_imagez"))


def test_the_help_names_every_source():
    about = typing.get_type_hints(data.Config, include_extras=True)["name"].__metadata__[0].documentation
    assert all(f"{name}: {source.about}" in about for name, source in sources.SOURCES.items())


def test_without_tfds_the_nearest_source_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(UsageError, match=r"unknown data set 'facez': did you mean faces.*pip install 'jaxgen\[data\]'"):
        data.load(data.Config(name="facez"))
    with pytest.raises(UsageError, match=r"unknown data set 'mnist': allowed: "):
        data.load(data.Config(name="mnist"))


def test_a_fraction_of_the_training_images_and_all_of_the_held_out_ones():
    whole, part = data.load(data.Config(name="digits")), data.load(data.Config(name="digits", fraction=0.1, seed=5))
    assert len(part) == -(-len(whole) // 10)
    stored = {image.tobytes(): label for image, label in zip(*whole.arrays.values(), strict=True)}
    assert all(stored[image.tobytes()] == label for image, label in zip(*part.arrays.values(), strict=True))
    assert len(data.load(data.Config(name="digits", fraction=0.1, split="test"))) == len(
        data.load(data.Config(name="digits", split="test"))
    )


def test_a_fraction_that_leaves_out_a_class_is_reported():
    with pytest.raises(UsageError, match=r"fraction 0.003 leaves 5 images and none of class \d: raise data.fraction"):
        data.load(data.Config(name="digits", fraction=0.003, classes=10))


def test_of_what_is_streamed_a_fraction_is_taken_too(tmp_path):
    for i in range(30):
        images.write(tmp_path / f"{i:02}.png", np.full((4, 4, 1), i / 30, np.float32))
    config = data.Config(name="folder", dir=str(tmp_path), split="all", memory=0.0, fraction=0.5)
    assert len(data.load(config)) == 15


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"fraction": 0.0}, "fraction is 0: give more than 0 and at most 1"),
        ({"fraction": 1.5}, "fraction is 1.5: give more than 0 and at most 1"),
        ({"with_real": True}, "with_real adds real images to those of a generator's run: set from_run"),
    ],
)
def test_a_fraction_that_is_none_is_refused(fields, message):
    with pytest.raises(UsageError, match=message):
        data.load(data.Config(name="digits", **fields))
