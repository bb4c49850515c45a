import cv2
import jax
import numpy as np
import pytest
import skimage.data

from jaxgen import filters
from jaxgen.errors import UsageError


@pytest.fixture(scope="module")
def picture():
    """8 bits, 96×112 pixels, with edges long enough to be followed."""
    return np.ascontiguousarray(skimage.data.astronaut()[20:212:2, 100:324:2])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_the_edges_are_opencvs_on_8_bit_pictures(picture, channels, norm):
    pictures = [np.ascontiguousarray(x[..., :channels]) for x in (picture, picture[::-1])]
    images = np.stack(pictures) / np.float32(255)
    for low, high in ((100, 200), (40, 120)):
        expected = np.stack([cv2.Canny(x, low, high, L2gradient=norm == "l2") for x in pictures])
        edges = np.asarray(filters.canny(images, low / 255, high / 255, norm))
        assert expected.any()
        np.testing.assert_array_equal(edges[..., 0] * 255, expected)


def test_weak_edges_are_followed_along_a_spiral_from_one_strong_pixel():
    weak = np.zeros((1, 15, 15, 1), bool)
    row, column, turn, length = 0, 0, (0, 1), 14
    path = [(0, 0)]
    for leg in range(13):
        for _ in range(length):
            row, column = row + turn[0], column + turn[1]
            path.append((row, column))
        turn = (turn[1], -turn[0])
        length -= 2 if leg % 2 and leg > 0 else 0
    weak[0, *np.array(path).T, 0] = True
    strong = np.zeros_like(weak)
    strong[0, 0, 0, 0] = True
    apart = weak.copy()
    apart[0, 0, 7] = False
    from jaxgen.filters.edges import hysteresis

    np.testing.assert_array_equal(hysteresis(strong, weak), weak)
    assert hysteresis(strong, apart).sum() == 7


def test_thresholds_may_be_traced_and_differ_by_image(picture):
    images = np.stack([picture, picture])[..., :1] / np.float32(255)
    low, high = np.array([100, 40], np.float32) / 255, np.array([200, 120], np.float32) / 255
    each = [filters.canny(images[:1], low[i], high[i])[0] for i in range(2)]
    np.testing.assert_array_equal(jax.jit(filters.canny)(images, low, high), each)
    mapped = jax.vmap(lambda image, a, b: filters.canny(image[None], a, b)[0])
    np.testing.assert_array_equal(mapped(images, low, high), each)


def test_an_unknown_norm_is_named(picture):
    with pytest.raises(UsageError, match="unknown norm 'L2': "):
        filters.canny(picture[None] / 255.0, norm="L2")
