import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.nn.padding import crop, pad_to_multiple

SETTINGS = settings(deadline=None, max_examples=15, derandomize=True)
side = st.integers(1, 20)


def mode(side, multiple):
    return "reflect" if -side % multiple < side else "edge"


@SETTINGS
@given(height=side, width=side, multiple=st.sampled_from([1, 2, 8]))
def test_each_axis_is_numpys_reflection_or_its_edge(height, width, multiple):
    images = np.random.default_rng(0).normal(size=(1, height, width, 2)).astype("float32")
    ours = pad_to_multiple(images, multiple)
    theirs = np.pad(images, ((0, 0), (0, -height % multiple), (0, 0), (0, 0)), mode(height, multiple))
    theirs = np.pad(theirs, ((0, 0), (0, 0), (0, -width % multiple), (0, 0)), mode(width, multiple))
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(crop(ours, (height, width)), images)
    assert ours.shape[1] % multiple == ours.shape[2] % multiple == 0


def test_edges_can_be_repeated():
    images = np.arange(3.0).reshape(1, 3, 1, 1)
    np.testing.assert_array_equal(pad_to_multiple(images, 5, "edge")[0, :, 0, 0], [0, 1, 2, 2, 2])


def test_what_fits_is_left_alone():
    images = np.zeros((1, 8, 4, 1))
    assert pad_to_multiple(images, 4) is images


@pytest.mark.parametrize(("side", "padded"), [(1, [0, 0, 0, 0]), (3, [0, 1, 2, 1]), (4, [0, 1, 2, 3])])
def test_small_images(side, padded):
    images = np.arange(float(side)).reshape(1, side, 1, 1)
    np.testing.assert_array_equal(pad_to_multiple(images, 4)[0, :, 0, 0], padded)
