"""NIQE and PIQE against transcriptions of the papers' equations, in float64 by loops over blocks."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.special
import skimage.data

from jaxgen.metrics import naturalness
from jaxgen.metrics.image import to_gray
from jaxgen.metrics.piqe import piqe

PHOTOGRAPH = skimage.data.astronaut()[:300, 60:272].astype(np.float32) / 255
SHAPES = np.arange(0.2, 10.0005, 0.001)
gamma = scipy.special.gamma
RATIOS = gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))
rng = np.random.default_rng(0)


def gray_of(image):
    return np.rint(255 * np.asarray(to_gray(image[None]))[0, ..., 0]).astype(np.float64)


def normalized(gray):
    """The paper's contrast normalization, and the local deviation."""
    line = np.exp(-(np.arange(-3, 4) ** 2) / 2 / (7 / 6) ** 2)
    window = np.outer(line, line) / line.sum() ** 2
    mean = scipy.ndimage.correlate(gray, window, mode="nearest")
    deviation = np.sqrt(abs(scipy.ndimage.correlate(gray**2, window, mode="nearest") - mean**2))
    return (gray - mean) / (deviation + 1), deviation


def blocks_of(array, side):
    return [
        array[i : i + side, j : j + side]
        for i in range(0, array.shape[0] - side + 1, side)
        for j in range(0, array.shape[1] - side + 1, side)
    ]


def fitted(x):
    x = x.ravel()
    left, right = np.sqrt(np.mean(x[x < 0] ** 2)), np.sqrt(np.mean(x[x > 0] ** 2))
    ratio = left / right
    target = np.mean(abs(x)) ** 2 / np.mean(x**2) * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shape = SHAPES[np.argmin((RATIOS - target) ** 2)]
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * scale, right * scale


def statistics(block):
    shape, left, right = fitted(block)
    found = [shape, (left + right) / 2]
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        shape, left, right = fitted(block * np.roll(block, shift, (0, 1)))
        found += [shape, (right - left) * gamma(2 / shape) / gamma(1 / shape), left, right]
    return found


def features_of(image):
    gray = gray_of(image)
    gray = gray[: len(gray) // 96 * 96, : gray.shape[1] // 96 * 96]
    # MATLAB's bicubic interpolation by one half, of an even number of samples with a symmetric border.
    taps = np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 256
    half = gray
    for _ in range(2):
        padded = np.pad(half, ((3, 3), (0, 0)), "symmetric")
        half = (np.lib.stride_tricks.sliding_window_view(padded, 8, 0)[::2] @ taps).T
    scales = (gray, 96), (half, 48)
    first, second = ([statistics(x) for x in blocks_of(normalized(g)[0], side)] for g, side in scales)
    sharpness = [block.mean() for block in blocks_of(normalized(gray)[1], 96)]
    return np.concatenate([first, second], 1), sharpness


def test_the_features_are_those_of_the_paper(computed):
    ours, sharpness = computed(naturalness.natural_scene_features, PHOTOGRAPH[None])
    expected, expected_sharpness = features_of(PHOTOGRAPH)
    assert ours.shape == (1, 6, 36)
    # The shape α is one of a table's, 0.001 apart, and all others depend on it.
    np.testing.assert_allclose(ours[0], expected, rtol=3e-3, atol=1e-3)
    assert np.median(abs(ours[0] / expected - 1)) < 1e-5
    np.testing.assert_allclose(sharpness[0], expected_sharpness, rtol=1e-5)


def distance(features, mean, covariance):
    """The paper's distance."""
    difference = features.mean(0) - mean
    return np.sqrt(difference @ np.linalg.pinv((covariance + np.cov(features, rowvar=False)) / 2) @ difference)


def test_niqe_is_the_papers_distance_and_flat_blocks_do_not_count(computed):
    noisy = (PHOTOGRAPH + 0.05 * rng.normal(size=PHOTOGRAPH.shape)).clip(0, 1).astype(np.float32)
    half_flat, flat = PHOTOGRAPH.copy(), np.full_like(PHOTOGRAPH, 0.5)
    half_flat[190:] = 0.5
    found = [features_of(image)[0] for image in (PHOTOGRAPH, noisy, half_flat)]
    # Moments of a size that those of photographs have, from the features of both.
    mean = np.concatenate(found[:2]).mean(0) + 0.1
    covariance = np.cov(np.concatenate(found[:2]), rowvar=False) + 0.05 * np.diag(mean**2)
    images = np.stack([PHOTOGRAPH, noisy, half_flat, flat])
    ours = computed(naturalness.niqe, images, *naturalness.pristine_model(mean, covariance).values())
    # Blocks without contrast have no statistics. Those of the transcription are rounding errors.
    expected = [distance(features, mean, covariance) for features in (*found[:2], found[2][:4])]
    np.testing.assert_allclose(ours[:3], expected, rtol=2e-3)
    assert np.isnan(ours[3])


def piqe_of(image):
    gray = gray_of(image)
    gray = np.pad(gray, [(0, -side % 16) for side in gray.shape], "symmetric")
    score, count = 0.0, 0
    for block in blocks_of(normalized(gray)[0], 16):
        variance = block.var(ddof=1)
        if variance <= 0.1:
            continue
        count += 1
        edges = block[0], block[-1], block[:, 0], block[:, -1]
        segments = np.stack([edge[i : i + 6] for edge in edges for i in range(11)])
        if (segments.std(1, ddof=1) < 0.1).any():
            score += 1 - variance
        deviation, others = np.sqrt(variance), np.delete(block, [7, 8], 1)
        ratio = block[:, 7:9].std(ddof=1) / others.std(ddof=1)
        if deviation > 2 * abs(deviation - ratio) / max(deviation, ratio):
            score += variance
    return 100 * (score + 1) / (count + 1)


def test_piqe_is_the_papers_score(computed):
    noisy = (PHOTOGRAPH + 0.1 * rng.normal(size=PHOTOGRAPH.shape).astype(np.float32)).clip(0, 1)
    images = np.stack([PHOTOGRAPH, noisy])[:, :203]
    ours = computed(piqe, images)
    np.testing.assert_allclose(ours, list(map(piqe_of, images)), rtol=1e-4)
    assert ours[1] > ours[0] + 10
    # An image in which no block has contrast.
    np.testing.assert_array_equal(computed(piqe, np.full((1, 203, 212, 3), 0.5, np.float32)), 100)


def test_what_does_not_fit_is_refused():
    images = np.zeros((1, 191, 300, 1), np.float32)
    with pytest.raises(ValueError, match="images of 191×300 pixels: NIQE needs at least 192×192"):
        naturalness.natural_scene_features(images)
    with pytest.raises(ValueError, match="images of 15×300 pixels: PIQE needs at least 16×16"):
        piqe(images[:, :15])
    with pytest.raises(ValueError, match=r"images of uint8: give floating point in \[0, 1\]"):
        piqe(images.astype(np.uint8))
    with pytest.raises(ValueError, match=r"moments of shapes \(35,\), \(36, 36\): give \[36\] and its covariance"):
        naturalness.pristine_model(np.zeros(35), np.eye(36))
    with pytest.raises(ValueError, match="a covariance with eigenvalues from 0 to 1: all must be positive"):
        naturalness.pristine_model(np.zeros(36), np.diag(np.arange(36) > 0).astype(float))
