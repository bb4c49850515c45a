from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jaxgen.degradations import resampling
from jaxgen.errors import UsageError
from jaxgen.metrics.image import psnr, shave, to_luma

SET5 = Path(__file__).parents[3] / "shared" / "data" / "set5"
RANDOM = np.random.default_rng(0)


def eight_bit(images):
    return jnp.round(jnp.clip(images, 0, 1) * 255) / 255


@jax.jit
def score_there_and_back(picture):
    luma = eight_bit(to_luma(picture))
    enlarged = eight_bit(resampling.upsample(resampling.downsample(luma, 4), 4))
    return psnr(shave(luma, 4), shave(enlarged, 4))[0]


def test_bicubic_has_the_published_score_on_set5():
    """As the tables' authors did: luma in 8 bits, cropped, resized there and back, rounded, a border of 4 shaved."""
    if not SET5.is_dir():
        pytest.skip("no Set5 in ../shared/data")
    scores = []
    for path in SET5.glob("*.png"):
        picture = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
        height, width = (side // 4 * 4 for side in picture.shape[:2])
        scores.append(score_there_and_back(picture[None, :height, :width]))
    assert len(scores) == 5
    assert np.mean(scores) == pytest.approx(28.42, abs=0.005)


@pytest.mark.parametrize("method", ["bicubic", "bilinear"])
def test_the_interior_agrees_with_pytorch(method, computed):
    import torch

    images = RANDOM.random((1, 37, 53, 2), np.float32)
    theirs = torch.nn.functional.interpolate(
        torch.tensor(images).permute(0, 3, 1, 2), size=(11, 70), mode=method, antialias=True
    ).permute(0, 2, 3, 1)
    # At the border PyTorch leaves weights out where MATLAB mirrors.
    inside = np.s_[:, 3:-3, 3:-3]
    np.testing.assert_allclose(
        computed(lambda x: resampling.resize(x, 11, 70, method), images)[inside], theirs[inside], atol=5e-6
    )


@pytest.mark.parametrize(("height", "width"), [(10, 20), (12, 13)])
def test_area_agrees_with_opencv(height, width, computed):
    import cv2

    image = RANDOM.random((36, 52, 3), np.float32)
    theirs = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    ours = computed(lambda x: resampling.resize(x, height, width, "area"), image[None])
    np.testing.assert_allclose(ours[0], theirs, atol=1e-6)


def test_without_antialiasing_bilinear_agrees_with_opencv(computed):
    import cv2

    image = RANDOM.random((36, 52, 3), np.float32)
    theirs = cv2.resize(image, (20, 70), interpolation=cv2.INTER_LINEAR)
    ours = computed(lambda x: resampling.resize(x, 70, 20, "bilinear", False), image[None])
    np.testing.assert_allclose(ours[0], theirs, atol=1e-5)


def test_nearest_takes_the_pixel_under_each_centre(computed):
    line = np.arange(4, dtype=np.float32).reshape(1, 1, 4, 1)
    longer, shorter = computed(lambda x: [resampling.resize(x, 1, width, "nearest").ravel() for width in (8, 2)], line)
    np.testing.assert_array_equal(longer, [0, 0, 1, 1, 2, 2, 3, 3])
    np.testing.assert_array_equal(shorter, [1, 3])


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(resampling.METHODS), st.booleans())
@settings(max_examples=100, deadline=None)
def test_every_new_sample_is_a_weighted_mean_and_left_is_as_right(length, target, method, antialias):
    shares = resampling.matrix(length, target, length / target, method, antialias)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-12)
    if method != "nearest":
        np.testing.assert_allclose(shares, shares[::-1, ::-1], atol=1e-9)
    if length == target:
        np.testing.assert_allclose(shares, np.eye(length), atol=1e-12)


@pytest.mark.parametrize(("side", "scale", "small"), [(36, 4, 9), (37, 4, 10), (5, 2.5, 2), (3, 8, 1)])
def test_sizes_are_matlabs(side, scale, small, computed):
    reduced = computed(lambda x: resampling.downsample(x, scale), np.ones((1, side, 2 * side, 1), np.float32))
    assert reduced.shape == (1, small, -(-2 * side // scale), 1)
    np.testing.assert_allclose(reduced, 1, rtol=1e-6)


def test_upsampling_keeps_the_dtype_and_the_scale():
    images = jax.ShapeDtypeStruct((2, 1, 4, 5, 1), jnp.bfloat16)
    grown = jax.eval_shape(jax.vmap(lambda x: resampling.upsample(x, 3)), images)
    assert (grown.shape, grown.dtype) == ((2, 1, 12, 15, 1), jnp.bfloat16)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 9), (2, 3), (12, 7)])
def test_a_whole_factor_is_magnified_to_the_same_by_shifts(scale, size, computed):
    images = np.random.default_rng(0).random((2, *size, 3), np.float32)
    rows, columns = (resampling.matrix(n, n * scale, 1 / scale, "bicubic", True) for n in size)
    expected = np.einsum("Hh,Ww,bhwc->bHWc", rows, columns, images)
    np.testing.assert_allclose(computed(lambda x: resampling.upsample(x, scale), images), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: resampling.resize(x, 0, 4), "at least 1×1"),
        (lambda x: resampling.downsample(x, 0.5), "use upsample"),
        (lambda x: resampling.upsample(x, 0.5), "use downsample"),
    ],
)
def test_sizes_that_cannot_be_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.zeros((1, 4, 4, 1), np.float32))


def test_an_unknown_method_is_refused():
    with pytest.raises(UsageError, match="unknown resampling method 'cubic': did you mean bicubic"):
        resampling.resize(np.zeros((1, 4, 4, 1), np.float32), 2, 2, "cubic")
