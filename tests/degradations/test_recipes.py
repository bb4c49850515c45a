import jax
import numpy as np
import pytest

from jaxgen.degradations import recipes
from jaxgen.metrics.image import psnr

KEY = jax.random.key(0)
KEYS = jax.random.split(KEY, 4)
y, x = np.mgrid[:24, :32] / 24
SMOOTH = np.float32(np.stack([x / 2, y, (x + y) / 3], -1))[None].repeat(4, 0)


@pytest.fixture(scope="module", params=["bsrgan", "real_esrgan"])
def degrade(request):
    return jax.jit(getattr(recipes, request.param), static_argnums=2)


def test_a_damaged_small_image_of_the_same_picture_comes_back(degrade):
    small = np.asarray(degrade(KEYS, SMOOTH, 2))
    assert small.shape == (4, 12, 16, 3)
    assert small.min() >= 0
    assert small.max() <= 1
    np.testing.assert_allclose(small * 255, np.rint(small * 255), atol=1e-3)
    clean = SMOOTH.reshape(4, 12, 2, 16, 2, 3).mean((2, 4))
    quality = np.asarray(psnr(clean, small))
    assert np.all((quality > 12) & (quality < 45))
    assert np.ptp(quality) > 0.5
    np.testing.assert_allclose(small.mean((1, 2)), clean.mean((1, 2)), atol=0.12)


def test_an_image_meets_the_same_alone_and_among_others(degrade):
    whole = np.asarray(degrade(KEYS, SMOOTH, 2))
    np.testing.assert_array_equal(whole, degrade(KEYS, SMOOTH, 2))
    swapped = np.asarray(degrade(KEYS[::-1], SMOOTH, 2))
    # A value that falls on the edge of two grey levels may fall to either by round-off.
    assert (abs(whole - swapped[::-1]) > 1e-3).mean() < 0.02
    assert (abs(whole - swapped) > 1e-3).mean() > 0.5


@pytest.mark.parametrize("recipe", [recipes.bsrgan, recipes.real_esrgan])
def test_sides_that_the_scale_does_not_divide_are_refused(recipe):
    with pytest.raises(ValueError, match="24×32 for a scale of 5: crop their sides"):
        recipe(KEY, SMOOTH, 5)


def test_random_kernels_are_of_all_kinds_and_odd_sides(computed):
    kernels = np.asarray(jax.jit(recipes.random_kernels, static_argnums=1)(KEY, 300, 3.0))
    np.testing.assert_allclose(kernels.sum((1, 2)), 1, atol=1e-4)
    assert 0.04 < (kernels.min((1, 2)) < -1e-4).mean() < 0.2
    sides = computed(lambda key: recipes.odd_sides(key, 800, 21), KEY)
    assert set(sides) == {7, 9, 11, 13, 15, 17, 19, 21}


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("recipe", [recipes.bsrgan, recipes.real_esrgan])
def test_the_images_dtype_is_kept(recipe, dtype):
    images = jax.ShapeDtypeStruct((2, 16, 16, 3), dtype)
    assert jax.eval_shape(lambda x: recipe(jax.random.key(0), x, 2), images).dtype == dtype
