import numpy as np
import pytest

from jaxgen.restoration.detection import (
    CANDIDATE,
    FAINT_LINE,
    FAINT_LINE_RADIUS,
    LINE_DILATION,
    SMALL_SIDE,
    damaged_regions,
    detect_damage,
    logit,
    with_faint_lines,
)
from jaxgen.restoration.inference import halved
from tests.restoration.conftest import LARGE_REGION

PIXELS = np.full((40, 30, 3), 0.8, np.float32)
UNLIKELY = -9.0


def logits(height, width, **parts):
    """Logits that are low except in rectangles, each (rows, columns, probability)."""
    values = np.full((height, width), UNLIKELY)
    for rows, columns, probability in parts.values():
        values[rows, columns] = logit(probability)
    return values


def test_regions_of_which_the_classifier_is_confident_count(calls):
    values = logits(40, 60, large=(slice(2, 12), slice(2, 12), 0.95), small=(slice(20, 25), slice(30, 36), 0.999))
    pixels = np.full((40, 60, 3), 0.5, np.float32)
    mask, confidence = damaged_regions("detect", values, pixels)
    assert mask[2:12, 2:12].all() and mask.sum() == 100
    assert confidence == pytest.approx(1, abs=1e-3)
    mask, confidence = damaged_regions("detect", logits(40, 60, small=(slice(20, 25), slice(30, 36), 0.999)), pixels)
    assert not mask.any() and confidence == pytest.approx(0, abs=1e-3)
    assert damaged_regions("detect", logits(40, 60), pixels)[1] == 0


def test_pixels_that_share_a_corner_are_one_region(calls):
    diagonal = np.full((120, 120), UNLIKELY)
    np.fill_diagonal(diagonal, logit(CANDIDATE["detect"] + 0.01))
    assert damaged_regions("detect", diagonal, np.full((120, 120, 1), 0.5, np.float32))[0].sum() == 120


def test_faint_lines_count_near_a_certain_line():
    short = (10, slice(0, 8), FAINT_LINE + 0.01)
    lines = np.zeros((40, 700), bool)
    assert not with_faint_lines(lines, logits(40, 700, short=short)).any()
    lines[30, 100 : 100 + LARGE_REGION] = True
    long = (30, slice(100, 100 + LARGE_REGION), 0.9)
    far = (30, slice(500, 520), FAINT_LINE + 0.01)
    mask = with_faint_lines(lines, logits(40, 700, short=short, long=long, far=far))
    assert mask[10 - LINE_DILATION : 11 + LINE_DILATION, : 8 + LINE_DILATION].all()
    assert mask[30 - LINE_DILATION : 31 + LINE_DILATION, 100 - LINE_DILATION : 100 + LARGE_REGION].all()
    assert mask.sum() == (1 + 2 * LINE_DILATION) * (8 + LINE_DILATION + LARGE_REGION + 2 * LINE_DILATION)
    assert 500 - (100 + LARGE_REGION) > FAINT_LINE_RADIUS


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
