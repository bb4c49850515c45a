import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxgen import degradations
from jaxgen.degradations import noise

KEY = jax.random.key(0)


def test_noise_is_normal_with_the_given_deviation_and_unclipped(computed):
    images = np.ones((4, 64, 64, 1), np.float32)
    added = (computed(noise.gaussian_noise, KEY, images, 25 / 255) - images).ravel()
    assert scipy.stats.kstest(added / (25 / 255), "norm").pvalue > 1e-3
    assert (added > 0).mean() == pytest.approx(0.5, abs=0.02)


def test_each_image_may_have_its_own_sigma(computed):
    images = np.zeros((3, 32, 32, 2), np.float32)
    added = computed(noise.gaussian_noise, KEY, images, np.float32([0.0, 0.1, 1.0]))
    np.testing.assert_allclose(added.std((1, 2, 3)), [0, 0.1, 1], rtol=0.1)
    np.testing.assert_array_equal(added[2], computed(noise.gaussian_noise, KEY, images, 1.0)[2])


def test_the_noise_of_an_image_depends_on_its_own_key_alone(computed):
    images, keys = np.zeros((6, 4, 4, 1), np.float32), jax.random.split(KEY, 6)
    of_one_key, whole = (computed(noise.gaussian_noise, key, images, 1.0) for key in (KEY, keys))
    np.testing.assert_array_equal(of_one_key[:2], computed(noise.gaussian_noise, KEY, images[:2], 1.0))
    np.testing.assert_array_equal(whole[4:], computed(noise.gaussian_noise, keys[4:], images[4:], 1.0))
    assert len(np.unique(whole)) == whole.size


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_the_images_keep_their_dtype(dtype):
    with jax.enable_x64(True):
        images = jax.ShapeDtypeStruct((2, 4, 4, 1), dtype)
        assert jax.eval_shape(lambda x: noise.gaussian_noise(KEY, x, np.float32(0.1)), images).dtype == dtype


def test_a_sigma_that_belongs_to_no_image_is_refused():
    with pytest.raises(ValueError, match="for 2 images: give one, or one for each image"):
        noise.gaussian_noise(KEY, np.zeros((2, 4, 4, 3), np.float32), np.ones(3))


def test_images_of_bytes_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        noise.gaussian_noise(KEY, np.zeros((2, 4, 4, 3), np.uint8), 0.1)


def flat(values, side=100):
    return np.broadcast_to(np.float32(values)[:, None, None, None], (len(values), side, side, 1))


def test_blind_noise_has_the_level_it_tells(computed):
    images = np.zeros((4, 40, 40, 3), np.float32)
    noisy, sigma = computed(noise.blind_gaussian_noise, KEY, images, 0.1, 0.5)
    assert np.all((sigma >= 0.1) & (sigma < 0.5))
    assert len(np.unique(sigma)) == 4
    np.testing.assert_allclose(noisy.std((1, 2, 3)), sigma, rtol=0.05)


@pytest.mark.parametrize("peak", [2.0, 40.0, 3000.0])
def test_poisson_noise_has_the_mean_and_the_variance_of_light(peak, computed):
    values = np.array([0, 0.1, 0.5, 1])
    noisy = np.float64(computed(noise.poisson_noise, KEY, flat(values), peak))
    deviation = np.sqrt(values / peak)
    assert np.all(abs(noisy.mean((1, 2, 3)) - values) <= 4 * deviation / 100)
    np.testing.assert_allclose(noisy.var((1, 2, 3)), values / peak, rtol=0.08)
    np.testing.assert_allclose(noisy * peak, np.rint(noisy * peak), atol=1e-3)


def test_darkness_below_zero_sends_no_photons(computed):
    np.testing.assert_array_equal(computed(noise.poisson_noise, KEY, flat([-1.0]), 100.0), 0)


def test_speckle_grows_with_the_light(computed):
    values = np.array([0, 0.2, 1])
    noisy = computed(noise.speckle, KEY, flat(values), 0.3)
    np.testing.assert_allclose(noisy.std((1, 2, 3)), 0.3 * values, rtol=0.05)
    np.testing.assert_allclose(noisy.mean((1, 2, 3)), values, atol=0.015)


def test_salt_and_pepper_strike_whole_pixels_in_their_shares(computed):
    images = np.full((3, 100, 100, 3), 0.5, np.float32)
    amounts, salt = np.float32([0.0, 0.2, 1.0]), np.float32([0.5, 0.25, 1.0])
    noisy = computed(noise.salt_and_pepper, KEY, images, amounts, salt)
    assert np.all(noisy == noisy[..., :1])
    np.testing.assert_allclose((noisy == 1).mean((1, 2, 3)), [0, 0.05, 1], atol=0.01)
    np.testing.assert_allclose((noisy == 0).mean((1, 2, 3)), [0, 0.15, 0], atol=0.015)
    assert set(np.unique(noisy)) == {0, 0.5, 1}


def test_rician_noise_is_rices_distribution(computed):
    values = [0.0, 0.1, 0.8]
    noisy = computed(noise.rician_noise, KEY, flat(values), 0.2)
    for x, sample in zip(values, noisy, strict=True):
        rice = scipy.stats.rice(x / 0.2, scale=0.2)
        assert scipy.stats.kstest(sample.ravel(), rice.cdf).pvalue > 1e-3
        assert sample.mean() == pytest.approx(rice.mean(), abs=4 * rice.std() / 100)


def test_the_gradient_of_a_magnitude_is_finite_at_zero(computed):
    slope = jax.grad(lambda x: noise.rician_noise(KEY, x, 0.0).sum())
    gradient = computed(slope, np.zeros((1, 2, 2, 1), np.float32))
    np.testing.assert_array_equal(gradient, 0)


def test_channels_share_noise_as_far_as_they_are_correlated(computed):
    images = np.full((3, 50, 50, 3), 0.5, np.float32)
    noisy = computed(noise.shared_noise, KEY, images, 0.05, np.float32([0.0, 0.5, 1.0])) - 0.5
    for sample, share in zip(noisy, (0, 0.5, 1), strict=True):
        correlation = np.corrcoef(sample.reshape(-1, 3).T)
        np.testing.assert_allclose(correlation[np.triu_indices(3, 1)], share, atol=0.06)
    np.testing.assert_allclose(noisy.std((1, 2, 3)), 0.05, rtol=0.05)


NOISES = {
    "film_grain": 0.2,
    "photo_noise": 0.2,
    "shared_noise": 0.2,
    "poisson_noise": 30.0,
    "speckle": 0.2,
    "salt_and_pepper": 0.3,
    "rician_noise": 0.2,
}


@pytest.mark.parametrize("name", NOISES)
def test_every_noise_depends_on_the_key_and_the_strength_of_its_image_alone(name):
    compiled, keys = jax.jit(getattr(degradations, name)), jax.random.split(KEY, 5)
    degrade = lambda *arguments: jax.device_get(compiled(*arguments))
    images = np.random.default_rng(1).random((5, 7, 9, 3), np.float32)
    strengths = np.float32(NOISES[name] * np.arange(1, 6) / 5)
    whole = degrade(keys, images, strengths)
    np.testing.assert_array_equal(whole, degrade(keys, images, strengths))
    np.testing.assert_allclose(whole[3:], degrade(keys[3:], images[3:], strengths[3:]), rtol=1e-6)
    assert abs(whole[4] - degrade(keys, images, NOISES[name])[4]).max() < 1e-6
    assert not np.allclose(whole, degrade(keys[::-1], images, strengths))


@pytest.mark.parametrize("name", NOISES)
def test_split_keys_give_uncorrelated_noise(name, computed):
    images = np.full((2, 64, 64, 1), 0.5, np.float32)
    added = computed(getattr(degradations, name), jax.random.split(KEY), images, NOISES[name]) - images
    assert abs(np.corrcoef(added.reshape(2, -1))[0, 1]) < 4 / 64


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_every_noise_keeps_the_dtype(name, dtype):
    images = jax.ShapeDtypeStruct((1, 4, 4, 1), dtype)
    degraded = jax.eval_shape(lambda x: getattr(degradations, name)(KEY, x, np.float32(NOISES[name])), images)
    assert (degraded.shape, degraded.dtype) == (images.shape, images.dtype)


@pytest.mark.parametrize("damage", [noise.gaussian_noise, noise.speckle])
def test_bfloat16_has_the_tails_too(damage, computed):
    images = np.ones((1, 200, 200, 1), jnp.bfloat16)
    found = computed(lambda x: damage(KEY, x, 0.5).astype(jnp.float32), images) - 1
    assert abs(found.mean()) < 5 * 0.5 / 200
    assert found.std() == pytest.approx(0.5, rel=0.02)
    assert abs(found).max() > 3.5 * 0.5
