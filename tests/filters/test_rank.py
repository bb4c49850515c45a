import itertools

import cv2
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen import filters
from jaxgen.filters import rank


@given(st.integers(1, 9))
@settings(deadline=None)
def test_the_network_sorts_every_sequence_of_zeros_and_ones(count):
    # A network that sorts these sorts everything (the 0-1 principle).
    for bits in itertools.product((0, 1), repeat=count):
        values = list(bits)
        for low, high in rank.sorting_network(count):
            values[low], values[high] = min(values[low], values[high]), max(values[low], values[high])
        assert values == sorted(values)


@pytest.mark.parametrize("size", [3, 5])
def test_median_agrees_with_opencv_inside(pair, size):
    inside = slice(size // 2, -(size // 2))
    expected = np.stack([cv2.medianBlur(image, size) for image in pair])
    np.testing.assert_array_equal(filters.median(pair, size)[:, inside, inside], expected[:, inside, inside])


@pytest.mark.parametrize("size", [1, 3, 7])
def test_median_is_numpys_of_each_window(pair, size):
    reach = size // 2
    extended = np.pad(pair, ((0, 0), (reach, reach), (reach, reach), (0, 0)), "reflect")
    expected = np.median(np.lib.stride_tricks.sliding_window_view(extended, (size, size), axis=(1, 2)), (-2, -1))
    np.testing.assert_array_equal(filters.median(pair, size), expected)


def test_median_under_vmap(pair):
    mapped = jax.vmap(lambda image: filters.median(image[None], 3)[0])
    np.testing.assert_array_equal(mapped(pair), filters.median(pair, 3))


def test_a_window_without_a_centre_is_refused(pair):
    with pytest.raises(ValueError, match="a window of size 4: give an odd number of pixels, 1 or more"):
        filters.median(pair, 4)


@pytest.mark.parametrize("pixels", [0, 1, 3])
def test_dilate_agrees_with_opencv_to_the_borders(pair, pixels):
    square = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    expected = np.stack([cv2.dilate(image, square) for image in pair])
    np.testing.assert_array_equal(filters.dilate(pair, pixels), expected)
