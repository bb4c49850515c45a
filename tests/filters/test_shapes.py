import cv2
import numpy as np
import pytest

from jaxgen import filters
from jaxgen.errors import UsageError

rng = np.random.default_rng(0)


def drawn(size, *polygon):
    """A mask of one polygon, its corners in parts of the size."""
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.int32(np.multiply(polygon, size))], 1)
    return mask[None, ..., None].astype(np.float32)


BOOT = ((0.2, 0.15), (0.5, 0.2), (0.45, 0.6), (0.85, 0.7), (0.8, 0.85), (0.25, 0.8))
KITE = ((0.3, 0.1), (0.8, 0.4), (0.5, 0.9), (0.2, 0.5))


def close(actual, expected, scale=None):
    """Each invariant is a sum of products: compared to the size they have, not to what is left of it."""
    first = np.abs(np.asarray(expected))[..., :1]
    size = first ** np.array([1, 2, 3, 3, 6, 4, 6]) if scale is None else scale
    assert (np.abs(actual - expected) <= 2e-5 * size).all()


@pytest.mark.parametrize("shape", [(40, 40), (33, 57)])
def test_the_invariants_are_opencvs(shape):
    grey = rng.uniform(size=(2, *shape, 1)).astype(np.float32) ** 4
    grey[:, : shape[0] // 2, shape[1] // 3 :] *= 0.2
    close(filters.hu_moments(grey), np.stack([cv2.HuMoments(cv2.moments(x[..., 0]))[:, 0] for x in grey]))


def test_they_are_those_of_the_shape_turned_and_moved():
    shape = drawn(64, *BOOT)
    invariants = filters.hu_moments(shape)
    for turned in (
        np.rot90(shape, 1, (1, 2)),
        np.rot90(shape, 2, (1, 2)),
        np.pad(shape, ((0, 0), (30, 3), (7, 90), (0, 0))),
    ):
        close(filters.hu_moments(turned), invariants)
    mirrored = np.asarray(invariants) * [1, 1, 1, 1, 1, 1, -1]
    close(filters.hu_moments(shape[:, :, ::-1]), mirrored)


def test_they_hardly_change_with_the_scale():
    small = drawn(64, *BOOT)
    large = small.repeat(3, axis=1).repeat(3, axis=2)
    # A pixel has an extent of its own, 1/12 of its area.
    np.testing.assert_allclose(filters.hu_moments(small)[:, :4], filters.hu_moments(large)[:, :4], rtol=5e-3)


@pytest.mark.parametrize("method", ["I1", "I2", "I3"])
def test_the_distance_is_opencvs(method):
    a, b = np.concatenate([drawn(48, *BOOT), drawn(48, *KITE)]), np.concatenate([drawn(70, *KITE), drawn(70, *KITE)])
    number = getattr(cv2, f"CONTOURS_MATCH_{method}")
    expected = [cv2.matchShapes(x[..., 0], y[..., 0], number, 0) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(filters.match_shapes(a, b, method), expected, rtol=2e-4, atol=1e-6)


def test_a_shape_is_at_no_distance_from_itself_and_infinitely_far_from_nothing():
    boot, nothing = drawn(48, *BOOT), np.zeros((1, 48, 48, 1), np.float32)
    assert (np.asarray(filters.hu_moments(nothing)) == 0).all()
    for method in ("I1", "I2", "I3"):
        assert filters.match_shapes(boot, boot, method) == 0
        assert filters.match_shapes(nothing, nothing, method) == 0
        assert filters.match_shapes(boot, nothing, method) == np.inf


def test_what_does_not_fit_is_refused_in_one_line():
    boot = drawn(16, *BOOT)
    with pytest.raises(ValueError, match="images of 3 channels: give 1, a mask or grey values"):
        filters.hu_moments(np.repeat(boot, 3, -1))
    with pytest.raises(UsageError, match="unknown method 'I4'"):
        filters.match_shapes(boot, boot, "I4")
    with pytest.raises(ValueError, match="1 shapes and 2: give the same number"):
        filters.match_shapes(boot, np.repeat(boot, 2, 0))
