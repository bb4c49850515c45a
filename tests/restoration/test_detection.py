import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import label, regionprops

from jaxgen.restoration.detection import (
    ANY_LINE,
    AREA,
    COMPANY,
    EDGE,
    LINE,
    TYPICAL,
    Evidence,
    find,
    lines,
    logit,
    places,
)
from jaxgen.restoration.inference import Settings, halved

PIXELS = np.full((40, 30, 3), 0.8, np.float32)
UNLIKELY = -9.0


def logits(height, width, **parts):
    """Logits that nothing is likely by but rectangles, each (rows, columns, probability)."""
    made = np.full((height, width), UNLIKELY)
    for rows, columns, probability in parts.values():
        made[rows, columns] = logit(probability)
    return made


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_places_are_the_regions_that_are_large_and_somewhere_sure(seed, pixels):
    values = np.random.default_rng(seed).normal(size=(12, 15))
    evidence = Evidence(likely=0.6, sure=0.8, pixels=pixels)
    expected = np.zeros(values.shape, bool)
    for region in regionprops(label(values >= logit(0.6), connectivity=2), values):
        expected[tuple(region.coords.T)] = region.area >= pixels and region.intensity_max >= logit(0.8)
    np.testing.assert_array_equal(places(values, evidence), expected)


def test_a_place_counts_if_it_is_large_and_a_network_is_sure_of_some_of_it():
    likely, sure = AREA.likely + 0.01, AREA.sure + 0.0001
    large, small = (slice(2, 12), slice(2, 12)), (slice(2, 11), slice(20, 31))
    assert not places(logits(20, 40, a=(*large, likely)), AREA).any()
    assert not places(logits(20, 40, a=(*small, sure)), AREA).any()
    found = places(logits(20, 40, a=(*large, likely), b=(*small, sure), c=(5, 5, sure)), AREA)
    assert found[large].all()
    assert found.sum() == 100
    assert not places(np.full((5, 5), UNLIKELY), AREA).any()
    assert places(np.full((20, 20), 9.0), AREA).all()


def test_pixels_that_touch_by_a_corner_are_one_place():
    diagonal = np.full((120, 120), UNLIKELY)
    np.fill_diagonal(diagonal, logit(0.9995))
    assert places(diagonal, AREA).sum() == 120


def test_short_lines_count_in_the_company_of_one_that_is_sure():
    short = (10, slice(0, 8), ANY_LINE + 0.01)
    assert not lines(logits(40, 700, short=short)).any()
    long = (30, slice(100, 100 + LINE.pixels), LINE.sure + 0.01)
    found = lines(logits(40, 700, short=short, long=long, far=(30, slice(500, 520), ANY_LINE + 0.01)))
    assert found[10 - EDGE : 11 + EDGE, : 8 + EDGE].all()
    assert found[30 - EDGE : 31 + EDGE, 100 - EDGE : 100 + LINE.pixels + EDGE].all()
    assert found.sum() == (1 + 2 * EDGE) * (8 + EDGE + LINE.pixels + 2 * EDGE)
    assert 500 - (100 + LINE.pixels) > COMPANY


def test_areas_and_lines_are_found_by_networks_of_their_own(told, networks):
    pixels = np.full((40, 100, 3), 0.8, np.float32)
    pixels[3:13, 2:12] = 1
    networks["detect_lines"] = (lambda inputs: 1000 * (0.1 - inputs[..., :1]), 3, "nothing")
    pixels[30, 20:80] = 0
    assert find(pixels, Settings()).sum() == 100 + (60 + 2 * EDGE) * (1 + 2 * EDGE)


def test_damage_is_looked_for_at_several_sizes(told):
    dotted = np.full((2 * TYPICAL, 2 * TYPICAL + 1, 3), 0.85, np.float32)
    dotted[::2, ::2] = dotted[1::2, 1::2] = 1
    found = find(dotted, Settings())
    assert told["names"] == ["detect", "detect_lines"] * 2
    assert found[:, :-1].all()
    assert find(dotted[:-1], Settings()).mean() == pytest.approx(0.5, abs=0.01)


def test_half_the_size_is_rounded_up():
    values = np.arange(15, dtype=np.float32).reshape(5, 3, 1)
    assert halved(values, np.mean).shape == (3, 2, 1)
    np.testing.assert_array_equal(halved(values, np.max)[..., 0], [[4, 5], [10, 11], [13, 14]])
    assert halved(values, np.mean)[0, 0, 0] == 2
