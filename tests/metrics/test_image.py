import jax
import numpy as np
import pytest
import skimage.color
import skimage.data
import skimage.metrics

from jaxgen.metrics import image as metrics


@pytest.fixture(scope="module")
def pair():
    """Two crops of a photograph, and the same with noise, blur and a shift of brightness."""
    photograph = skimage.data.astronaut()[:96] / 255
    reference = np.stack([photograph[:40, 180:228], photograph[30:70, 180:228]]).astype(np.float32)
    rng = np.random.default_rng(0)
    noisy = reference[0] + 0.1 * rng.normal(size=reference[0].shape)
    dull = 0.7 * (reference[1] + np.roll(reference[1], 1, axis=0)) / 2
    return reference, np.stack([noisy, dull]).astype(np.float32)


ssim = jax.jit(metrics.ssim, static_argnames="max_value")
psnr, mse, to_luma = jax.jit(metrics.psnr, static_argnames="max_value"), jax.jit(metrics.mse), jax.jit(metrics.to_luma)
SKIMAGE = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": -1}


def test_ssim_agrees_with_scikit_image(pair):
    expected = [skimage.metrics.structural_similarity(*p, data_range=1.0, **SKIMAGE) for p in zip(*pair, strict=True)]
    np.testing.assert_allclose(ssim(*pair), expected, atol=1e-5)


def test_ssim_and_psnr_scale_with_the_range(pair):
    reference, image = (255 * x for x in pair)
    expected = [
        skimage.metrics.structural_similarity(*p, data_range=255, **SKIMAGE) for p in zip(reference, image, strict=True)
    ]
    np.testing.assert_allclose(ssim(reference, image, max_value=255), expected, atol=1e-5)
    np.testing.assert_allclose(psnr(reference, image, max_value=255), psnr(*pair), rtol=1e-5)


def test_ssim_of_equal_images_is_1(pair):
    np.testing.assert_allclose(ssim(pair[0], pair[0]), 1, atol=1e-6)


def test_psnr_agrees_with_scikit_image(pair):
    expected = [skimage.metrics.peak_signal_noise_ratio(*p, data_range=1.0) for p in zip(*pair, strict=True)]
    np.testing.assert_allclose(psnr(*pair), expected, rtol=1e-5)


@pytest.mark.parametrize("metric", [metrics.psnr, metrics.ssim])
def test_whole_numbers_are_not_taken_for_images_in_0_to_1(metric, pair):
    reference, image = (np.uint8(255 * x.clip(0, 1)) for x in pair)
    with pytest.raises(ValueError, match=r"images of uint8: give floating point in \[0, 1\], or max_value=255"):
        metric(reference, image)
    jitted = jax.jit(metric, static_argnames="max_value")
    np.testing.assert_allclose(
        jitted(reference, image, max_value=255), jitted(np.float32(reference / 255), np.float32(image / 255)), rtol=1e-4
    )


@pytest.mark.parametrize("metric", [metrics.psnr, metrics.ssim])
def test_an_image_without_a_batch_is_refused(metric, pair):
    with pytest.raises(ValueError, match=r"images of shape \(40, 48, 3\): give \[batch, height, width, channel\]"):
        metric(pair[0][0], pair[1][0])


def test_psnr_by_hand():
    black = np.zeros((2, 4, 4, 1), np.float32)
    np.testing.assert_allclose(psnr(black, black + np.float32(0.1)), 20, rtol=1e-5)
    assert np.isposinf(psnr(black, black)).all()


def test_mse_agrees_with_scikit_image(pair):
    expected = [skimage.metrics.mean_squared_error(*p) for p in zip(*pair, strict=True)]
    np.testing.assert_allclose(mse(*pair), expected, rtol=1e-5)


def test_luma_agrees_with_scikit_image(pair):
    expected = skimage.color.rgb2ycbcr(pair[0].astype(np.float64))[..., :1] / 255
    np.testing.assert_allclose(to_luma(pair[0]), expected, rtol=1e-5)


def test_luma_runs_from_16_to_235():
    ends = np.float32([0, 1]).reshape(2, 1, 1, 1) * np.ones((1, 1, 1, 3), "f")
    np.testing.assert_allclose(np.ravel(to_luma(ends)) * 255, [16, 235], rtol=1e-5)


def test_luma_of_a_gray_image_is_refused():
    with pytest.raises(ValueError, match="give three channels, RGB"):
        metrics.to_luma(np.zeros((1, 4, 4, 1), "f"))


def test_shave_crops_every_side():
    images = np.arange(2 * 5 * 7, dtype=np.float32).reshape(2, 5, 7, 1)
    np.testing.assert_array_equal(metrics.shave(images, 2), images[:, 2:3, 2:5])
    np.testing.assert_array_equal(metrics.shave(images, 0), images)


@pytest.mark.parametrize("border", [-1, 3])
def test_a_border_that_leaves_nothing_is_refused(border):
    with pytest.raises(ValueError, match=f"a border of {border} pixels on images of 5×7"):
        metrics.shave(np.zeros((1, 5, 7, 1), "f"), border)


def test_registered_metrics_are_best_for_equal_images(pair):
    for metric in (metric for metric in metrics.METRICS.values() if metric.needs_reference and not metric.network):
        repeats = -(-metric.min_side // 40)
        reference, image = (np.tile(x, (1, repeats, repeats, 1)) for x in pair)
        compiled = jax.jit(metric.function)
        same, other = (np.asarray(compiled(reference, x)) for x in (reference, image))
        assert (same > other if metric.direction == "maximize" else same < other).all()


def blocking(image):
    """The paper's blocking effect factor of an image [height, width], by loops over its neighbors."""
    across, inside = [], []
    for rows in (image, image.T):
        for i in range(len(rows) - 1):
            (across if i % 8 == 7 else inside).extend((rows[i + 1] - rows[i]) ** 2)
    return np.log2(8) / np.log2(min(image.shape)) * max(np.mean(across) - np.mean(inside), 0)


def test_psnr_b_adds_the_blocking_effect_to_the_squared_error(pair):
    blocky = pair[0][:, :39]  # Its side is no multiple of 8.
    blocky = blocky + np.where(np.arange(39) // 8 % 2, 0.1, 0)[:, None, None].astype(np.float32)
    for image in (blocky, pair[1][:, :39]):
        reference = pair[0][:, :39]
        expected = [
            np.mean([-10 * np.log10(np.mean((x - y) ** 2) + blocking(y)) for x, y in zip(*channels, strict=True)])
            for channels in zip(*(np.float64(z).transpose(0, 3, 1, 2) for z in (reference, image)), strict=True)
        ]
        ours = jax.jit(metrics.psnr_b)(reference, image)
        np.testing.assert_allclose(ours, expected, rtol=1e-5)
    assert (np.asarray(ours) <= np.asarray(psnr(reference, image)) + 0.5).all()


def test_psnr_b_is_psnr_where_no_block_shows_and_less_where_one_does():
    ramp = np.broadcast_to(np.linspace(0, 0.5, 32, dtype=np.float32)[:, None], (1, 32, 32, 1))
    edge = ramp + np.where(np.arange(32) < 16, 0, 0.1).astype(np.float32)[:, None, None]
    compiled = jax.jit(metrics.psnr_b, static_argnames="max_value")
    np.testing.assert_allclose(compiled(ramp, ramp + np.float32(0.1)), 20, rtol=1e-5)
    np.testing.assert_allclose(compiled(255 * ramp, 255 * edge, max_value=255), compiled(ramp, edge), rtol=1e-5)
    assert float(compiled(ramp, edge)[0]) < float(psnr(ramp, edge)[0])
    with pytest.raises(ValueError, match="images of 8×32 pixels: PSNR-B needs at least 9×9"):
        metrics.psnr_b(ramp[:, :8], ramp[:, :8])


def test_gray_agrees_with_opencv(pair):
    import cv2

    expected = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in pair[0]]
    np.testing.assert_allclose(metrics.to_gray(pair[0])[..., 0], expected, rtol=1e-5)
    np.testing.assert_array_equal(metrics.to_gray(pair[0][..., :1]), pair[0][..., :1])
    with pytest.raises(ValueError, match="give \\[batch, height, width, 1 or 3\\]"):
        metrics.to_gray(pair[0][..., :2])


def test_a_registered_metric_is_in_the_tables(monkeypatch, pair):
    from jaxgen.metrics.metric import Metric
    from jaxgen.metrics.protocols import compare

    largest_error = Metric(lambda reference, image: abs(reference - image).max((1, 2, 3)), "minimize", decimals=3)
    monkeypatch.setitem(metrics.METRICS, "largest_error", largest_error)

    def tables(chosen=None):
        names = []
        jax.eval_shape(lambda *images: names.extend(compare("rgb8", *images, chosen)), *pair)
        return names

    assert tables() == ["psnr", "ssim", "largest_error"]
    monkeypatch.setitem(metrics.METRICS, "largest_error", largest_error._replace(is_default=False))
    assert tables() == ["psnr", "ssim"]
    assert tables(("largest_error", "mse")) == ["largest_error", "mse"]
    with pytest.raises(ValueError, match="lpips needs a network"):
        tables(("psnr", "lpips"))
