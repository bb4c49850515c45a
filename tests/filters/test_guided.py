import jax
import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from jaxgen import filters


def box(x, radius):
    return uniform_filter(x, 2 * radius + 1, mode="mirror")


def by_definition(image, guide, radius, eps):
    """One channel by a guide of any number, each window's ridge regression by NumPy's solver, in double precision."""
    image, guide = image.astype(float), np.moveaxis(guide.astype(float), -1, 0)
    mean, means = box(image, radius), np.stack([box(part, radius) for part in guide])
    covariance = np.stack([box(part * image, radius) for part in guide]) - means * mean
    spread = np.stack([[box(a * b, radius) for a in guide] for b in guide]) - means[:, None] * means
    spread = np.moveaxis(spread, (0, 1), (-2, -1)) + eps * np.eye(len(guide))
    slopes = np.moveaxis(np.linalg.solve(spread, np.moveaxis(covariance, 0, -1)[..., None])[..., 0], -1, 0)
    offset = mean - (slopes * means).sum(0)
    return sum(box(slope, radius) * part for slope, part in zip(slopes, guide, strict=True)) + box(offset, radius)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("radius", "eps"), [(2, 1e-2), (5, 1e-4)])
def test_it_is_the_ridge_regression_of_each_window(pair, channels, radius, eps):
    guide = pair[..., :channels]
    images = np.sqrt(pair[:, ::-1])
    expected = [
        [by_definition(x[..., c], g, radius, eps) for c in range(3)] for x, g in zip(images, guide, strict=True)
    ]
    found = filters.guided(images, guide, radius, eps)
    np.testing.assert_allclose(found, np.moveaxis(expected, 1, -1), atol=2e-4)


def test_what_is_linear_in_the_guide_is_kept(pair):
    linear = (pair @ np.array([[0.2], [-0.5], [0.9]], np.float32)) + 0.1
    np.testing.assert_allclose(filters.guided(linear, pair, 3, 1e-7), linear, atol=5e-3)


def test_where_the_guide_is_flat_it_is_a_mean_of_means(pair):
    flat = np.full((*pair.shape[:3], 1), 0.4, np.float32)
    expected = filters.mean(filters.mean(pair, 5), 5)
    np.testing.assert_allclose(jax.jit(filters.guided, static_argnums=2)(pair, flat, 2, 0.1), expected, atol=1e-5)


def test_what_does_not_fit_is_refused_in_one_line(pair):
    with pytest.raises(
        ValueError, match=r"a guide of shape \(2, 44, 52, 2\) for images of shape .*: give one of their"
    ):
        filters.guided(pair, pair[..., :2], 2, 0.1)
    with pytest.raises(ValueError, match="a radius of 0 pixels: give 1 or more"):
        filters.guided(pair, pair, 0, 0.1)
