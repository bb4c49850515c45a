import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import label, regionprops

from jaxgen.restoration.detection import (
    AREA,
    FAINT_LINE,
    FAINT_LINE_RADIUS,
    LINE,
    LINE_DILATION,
    SMALL_SIDE,
    Thresholds,
    detect_damage,
    detected_lines,
    detected_regions,
    logit,
)
from jaxgen.restoration.inference import halved

PIXELS = np.full((40, 30, 3), 0.8, np.float32)
UNLIKELY = -9.0


def logits(height, width, **parts):
    """Logits that are low except in rectangles, each (rows, columns, probability)."""
    values = np.full((height, width), UNLIKELY)
    for rows, columns, probability in parts.values():
        values[rows, columns] = logit(probability)
    return values


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_large_regions_that_are_certain_somewhere_count(seed, pixels):
    values = np.random.default_rng(seed).normal(size=(12, 15))
    thresholds = Thresholds(low=0.6, high=0.8, pixels=pixels)
    expected = np.zeros(values.shape, bool)
    for region in regionprops(label(values >= logit(0.6), connectivity=2), values):
        expected[tuple(region.coords.T)] = region.area >= pixels and region.intensity_max >= logit(0.8)
    np.testing.assert_array_equal(detected_regions(values, thresholds), expected)


def test_small_or_uncertain_regions_do_not_count():
    low, high = AREA.low + 0.01, AREA.high + 0.0001
    large, small = (slice(2, 12), slice(2, 12)), (slice(2, 11), slice(20, 31))
    assert not detected_regions(logits(20, 40, a=(*large, low)), AREA).any()
    assert not detected_regions(logits(20, 40, a=(*small, high)), AREA).any()
    mask = detected_regions(logits(20, 40, a=(*large, low), b=(*small, high), c=(5, 5, high)), AREA)
    assert mask[large].all()
    assert mask.sum() == 100
    assert not detected_regions(np.full((5, 5), UNLIKELY), AREA).any()
    assert detected_regions(np.full((20, 20), 9.0), AREA).all()


def test_pixels_that_share_a_corner_are_one_region():
    diagonal = np.full((120, 120), UNLIKELY)
    np.fill_diagonal(diagonal, logit(0.9995))
    assert detected_regions(diagonal, AREA).sum() == 120


def test_faint_lines_count_near_a_certain_line():
    short = (10, slice(0, 8), FAINT_LINE + 0.01)
    assert not detected_lines(logits(40, 700, short=short)).any()
    long = (30, slice(100, 100 + LINE.pixels), LINE.high + 0.01)
    mask = detected_lines(logits(40, 700, short=short, long=long, far=(30, slice(500, 520), FAINT_LINE + 0.01)))
    assert mask[10 - LINE_DILATION : 11 + LINE_DILATION, : 8 + LINE_DILATION].all()
    assert mask[30 - LINE_DILATION : 31 + LINE_DILATION, 100 - LINE_DILATION : 100 + LINE.pixels + LINE_DILATION].all()
    assert mask.sum() == (1 + 2 * LINE_DILATION) * (8 + LINE_DILATION + LINE.pixels + 2 * LINE_DILATION)
    assert 500 - (100 + LINE.pixels) > FAINT_LINE_RADIUS


def test_areas_and_lines_are_detected_by_separate_networks(calls, networks):
    pixels = np.full((40, 100, 3), 0.8, np.float32)
    pixels[3:13, 2:12] = 1
    networks["detect_lines"] = (lambda inputs: 1000 * (0.1 - inputs[..., :1]), 3, "none")
    pixels[30, 20:80] = 0
    assert detect_damage(pixels).mask.sum() == 100 + (60 + 2 * LINE_DILATION) * (1 + 2 * LINE_DILATION)


def test_damage_is_detected_at_several_sizes(calls):
    dotted = np.full((2 * SMALL_SIDE, 2 * SMALL_SIDE + 1, 3), 0.85, np.float32)
    dotted[::2, ::2] = dotted[1::2, 1::2] = 1
    mask = detect_damage(dotted).mask
    assert calls["names"] == ["detect", "detect_lines"] * 2
    assert mask[:, :-1].all()
    assert detect_damage(dotted[:-1]).mask.mean() == pytest.approx(0.5, abs=0.01)


def test_half_of_an_odd_size_is_rounded_up():
    values = np.arange(15, dtype=np.float32).reshape(5, 3, 1)
    assert halved(values, np.mean).shape == (3, 2, 1)
    np.testing.assert_array_equal(halved(values, np.max)[..., 0], [[4, 5], [10, 11], [13, 14]])
    assert halved(values, np.mean)[0, 0, 0] == 2
