import numpy as np
import pytest

from jaxgen.restoration.analysis import detection
from jaxgen.restoration.analysis.detection import (
    CANDIDATE,
    FAINT_LINE,
    FAINT_LINE_RADIUS,
    LINE_DILATION,
    SMALL_SIDE,
    candidates,
    damaged_regions,
    detect_damage,
    logit,
    with_faint_lines,
)
from jaxgen.restoration.analysis.regions import FEATURES, MIRRORED, find_regions
from jaxgen.restoration.inference import Settings, halved
from tests.restoration.conftest import LARGE_REGION

PIXELS = np.full((40, 30, 3), 0.8, np.float32)
UNLIKELY = -9.0


def logits(height, width, **parts):
    """Logits that are low except in rectangles, each (rows, columns, probability)."""
    values = np.full((height, width), UNLIKELY)
    for rows, columns, probability in parts.values():
        values[rows, columns] = logit(probability)
    return values


def regions_of(values, pixels):
    """The mask and the confidences of what a network of these logits finds."""
    return damaged_regions("detect", find_regions(values, pixels, logit(CANDIDATE["detect"])))


def test_regions_of_which_the_classifier_is_confident_count(calls):
    values = logits(40, 60, large=(slice(2, 12), slice(2, 12), 0.95), small=(slice(20, 25), slice(30, 36), 0.999))
    pixels = np.full((40, 60, 3), 0.5, np.float32)
    mask, confidence = regions_of(values, pixels)
    assert mask[2:12, 2:12].all() and mask.sum() == 100
    assert confidence == pytest.approx(1, abs=1e-3)
    mask, confidence = regions_of(logits(40, 60, small=(slice(20, 25), slice(30, 36), 0.999)), pixels)
    assert not mask.any() and confidence == pytest.approx(0, abs=1e-3)
    assert not len(regions_of(logits(40, 60), pixels)[1])


def test_less_certain_regions_count_beside_one_that_is_certain(calls, monkeypatch):
    """The classifier is sure of regions of 100 pixels, and less so of 25."""
    sizes = {100: 0.99, 25: 0.85, 20: 0.4}
    confidence = lambda features: logit_of(np.exp(features[:, FEATURES.index("log_area")]))
    logit_of = lambda areas: np.array([logit(sizes.get(round(float(area)), 1e-6)) for area in areas])
    monkeypatch.setattr(detection, "load_classifier", lambda name: confidence)
    pixels = np.full((40, 100, 3), 0.8, np.float32)
    pixels[20:25, 20:25] = pixels[30:34, 60:65] = 1
    alone = detect_damage(pixels)
    assert not alone.mask.any() and alone.confidence == pytest.approx(0.85)
    pixels[2:12, 2:12] = 1
    found = detect_damage(pixels)
    assert found.mask.sum() == 125 and found.mask[20:25, 20:25].all()
    assert found.confidence == pytest.approx(0.99)


@pytest.mark.parametrize(
    ("confidences", "count"),
    [((0.98,), 0), ((0.991,), 1), ((0.96, 0.94), 0), ((0.96, 0.952, 0.6), 3), ((0.91,) * 3, 3)],
)
def test_several_lines_are_as_sure_as_one(calls, networks, monkeypatch, confidences, count):
    left = iter(confidences)
    classify = lambda features: np.array([logit(next(left, 1e-6)) for _ in features])
    monkeypatch.setattr(detection, "load_classifier", lambda name: classify)
    networks["detect"] = (lambda inputs: np.full_like(inputs[..., :1], UNLIKELY), 3, "none")
    networks["detect_lines"] = (lambda inputs: 1000 * (0.1 - inputs[..., :1]), 3, "none")
    pixels = np.full((100, 100, 3), 0.8, np.float32)
    for row in range(len(confidences)):
        pixels[20 + 25 * row, 20:80] = 0
    found = detect_damage(pixels)
    assert found.mask[20::25, 50].sum() == count
    assert found.confidence == pytest.approx(max(confidences), abs=1e-6)


def test_lines_are_measured_in_the_mirrored_picture_too(calls, networks, monkeypatch):
    """A network that is surer at the left side: what it says of the mirror image is mirrored back."""
    ramp = np.linspace(3, 1, 200)
    rule = lambda inputs: np.where(inputs[..., :1] < 0.5, ramp[: inputs.shape[2], None], -9.0).astype(np.float32)
    networks["detect_lines"] = (rule, 3, "none")
    pixels = np.full((40, 100, 3), 0.8, np.float32)
    pixels[30, 20:80] = 0
    _, regions = candidates("detect_lines", pixels, Settings())
    assert regions.features.shape == (1, len(FEATURES) + len(MIRRORED))
    values = dict(zip((*FEATURES, *MIRRORED), regions.features[0], strict=True))
    assert values["peak"] == pytest.approx(ramp[20]) and values["mean"] == pytest.approx(ramp[20:80].mean())
    assert values["mirrored_peak"] == pytest.approx(ramp[20])
    assert values["mirrored_mean"] == pytest.approx(ramp[20:80].mean())
    assert candidates("detect", pixels, Settings())[1].features.shape == (0, len(FEATURES))


def test_pixels_that_share_a_corner_are_one_region(calls):
    diagonal = np.full((120, 120), UNLIKELY)
    np.fill_diagonal(diagonal, logit(CANDIDATE["detect"] + 0.01))
    assert regions_of(diagonal, np.full((120, 120, 1), 0.5, np.float32))[0].sum() == 120


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
