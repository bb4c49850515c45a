from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen import keys
from jaxgen.degradations import draws, geometry, scattering
from jaxgen.degradations.damage import corrosion, masks, overlays, stains
from jaxgen.degradations.damage.wear import scratches, tears
from jaxgen.io.images import LUMA

KEY = jax.random.key(0)
COUNT, HEIGHT, WIDTH = 24, 15, 22
KEYS = keys.per_example(KEY, COUNT)
LAYERS = {
    "rust": corrosion.rust,
    "foxing": stains.foxing,
    "stain": stains.stain,
    "holes": partial(masks.holes, fill=0.5),
    "tears": tears,
    "scratches": partial(scratches, dust=0.1),
}
everywhere = lambda images: jnp.ones((*images.shape[:3], 1), jnp.float32)
# Damage without opacity affects all pixels.
ALL = LAYERS | {
    "haze": lambda key, images: (scattering.haze(key, images), everywhere(images)),
    "warp": lambda key, images: (geometry.warp(key, images, 0.1, 0.2, 0.1), everywhere(images)),
}
every_layer, everything = pytest.mark.parametrize("name", LAYERS), pytest.mark.parametrize("name", ALL)


@cache
def compiled(name):
    degrade = jax.jit(ALL[name])
    return lambda *arguments: jax.device_get(degrade(*arguments))


@cache
def pictures():
    return np.random.default_rng(0).random((COUNT, HEIGHT, WIDTH, 3), np.float32)


@every_layer
def test_opacity_is_in_0_to_1_and_pixels_of_opacity_0_keep_their_bits(name):
    damaged, mask = compiled(name)(KEYS, pictures())
    assert mask.shape == (COUNT, HEIGHT, WIDTH, 1) and mask.dtype == jnp.float32
    assert float(mask.min()) == 0 and 0.3 < float(mask.max()) <= 1
    sound = np.broadcast_to(mask == 0, damaged.shape)
    np.testing.assert_array_equal(damaged[sound], pictures()[sound])
    hidden = np.broadcast_to(mask > 0.2, damaged.shape)
    assert (damaged != pictures())[hidden].mean() > 0.98


@everything
def test_images_stay_in_0_to_1(name):
    damaged, _ = compiled(name)(KEYS, pictures())
    assert damaged.dtype == jnp.float32 and float(damaged.min()) >= 0 and float(damaged.max()) <= 1 + 1e-6


@everything
def test_the_damage_of_an_image_depends_on_its_own_key_alone(name):
    once, again = (compiled(name)(KEYS, pictures()) for _ in range(2))
    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(once, compiled(name)(KEYS[::-1], pictures()[::-1]), strict=True):
        np.testing.assert_array_equal(a, b[::-1])


@everything
def test_different_keys_give_uncorrelated_damage(name):
    first, second = (
        compiled(name)(jax.random.split(jax.random.key(seed), COUNT), np.repeat(pictures()[:1], COUNT, 0))[0]
        for seed in (1, 2)
    )
    first, second = (x - (first.mean(0) + second.mean(0)) / 2 for x in (first, second))
    assert (first**2).mean() > 1e-5
    assert abs((first * second).mean() / np.sqrt((first**2).mean() * (second**2).mean())) < 0.2


@every_layer
def test_the_overlay_does_not_depend_on_the_image(name):
    damaged, mask = compiled(name)(KEYS, pictures())
    on_black, same_mask = compiled(name)(KEYS, np.zeros_like(pictures()))
    np.testing.assert_array_equal(mask, same_mask)
    np.testing.assert_allclose(damaged, pictures() * (1 - mask) + on_black, atol=1e-6)


def test_a_gray_image_gets_the_luma_of_a_texture_and_a_color_image_a_gray_texture(computed):
    texture, alpha = pictures()[::-1], pictures()[..., 1:2]
    colour = computed(overlays.composite, np.repeat(pictures()[..., :1], 3, -1), texture, alpha)
    grey = computed(overlays.composite, pictures()[..., :1], texture, alpha)
    np.testing.assert_allclose(grey[..., 0], colour @ LUMA, atol=1e-6)
    single = computed(overlays.composite, pictures(), texture[..., :1], alpha)
    threefold = computed(overlays.composite, pictures(), np.repeat(texture[..., :1], 3, -1), alpha)
    np.testing.assert_array_equal(single, threefold)


@everything
@given(st.integers(1, 40), st.integers(1, 900), st.sampled_from([1, 3]))
@settings(max_examples=2, deadline=None)
def test_any_size_keeps_its_size(name, height, width, channels):
    shape = (1, height, width, channels)
    damaged, mask = jax.eval_shape(ALL[name], KEY, jax.ShapeDtypeStruct(shape, jnp.float32))
    assert damaged.shape == shape and mask.shape == (*shape[:3], 1)


@everything
def test_arrays_that_are_no_images_are_refused(name):
    for images in (np.zeros((2, 8, 8, 3), np.uint8), np.zeros((8, 8, 3)), np.zeros((2, 8, 8, 4))):
        with pytest.raises(ValueError, match=r"give float\[batch, height, width, 1 or 3\]"):
            ALL[name](KEY, images)


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_the_images_keep_their_dtype(dtype):
    with jax.enable_x64(True):
        images = jax.ShapeDtypeStruct((2, 4, 4, 3), dtype)
        for degrade in ALL.values():
            damaged, mask = jax.eval_shape(degrade, KEY, images)
            assert damaged.dtype == dtype and mask.dtype == jnp.float32


compiled_composite = jax.jit(overlays.composite)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
@settings(deadline=None)
def test_the_composite_is_a_mean_weighted_by_alpha(x, texture, alpha):
    image, *rest = (np.full((1, 1, 1, 1), v, np.float32) for v in (x, texture, alpha))
    composite = compiled_composite(image, *rest).item()
    assert composite == pytest.approx(x + alpha * (texture - x), abs=1e-6)


def test_a_colormap_is_linear_between_its_colors(computed):
    place = np.linspace(-0.5, 1.5, 41, dtype=np.float32)
    colors = np.random.default_rng(0).random((4, 3))
    expected = np.stack([np.interp(place, np.linspace(0, 1, 4), c) for c in colors.T], -1)
    np.testing.assert_allclose(computed(lambda x: overlays.colormap(x, colors), place), expected, atol=1e-6)


def test_numbers_drawn_between_limits_are_uniform(computed):
    keys = jax.random.split(KEY, 500)
    low = np.linspace(0, 1, 500, dtype=np.float32)
    drawn = computed(lambda keys: draws.uniform_between("beta", (low, low + 2), keys), keys)
    assert ((drawn >= low) & (drawn < low + 2)).all()
    assert np.std(drawn - low) == pytest.approx(2 / np.sqrt(12), rel=0.1)


def test_invalid_strengths_limits_and_counts_are_refused():
    images = np.zeros((2, 8, 8, 3), np.float32)
    with pytest.raises(ValueError, match=r"coverage of shape \(3,\) for 2 images: give one, or one for each image"):
        jax.eval_shape(lambda x: corrosion.rust(KEY, x, coverage=np.ones(3)), images)
    with pytest.raises(ValueError, match=r"beta = 1.0: give \(low, high\)"):
        jax.eval_shape(lambda x: scattering.haze(KEY, x, beta=1.0), images)
    for counts in ((3, 1), (-1, 2), (0.5, 1)):
        with pytest.raises(ValueError, match="integers from 0"):
            tears(KEY, images, count=counts)
