import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxgen.degradations import noise

KEY = jax.random.key(0)


def test_noise_is_normal_with_the_given_deviation_and_unclipped():
    images = jnp.ones((4, 64, 64, 1))
    added = np.asarray(noise.gaussian_noise(KEY, images, 25 / 255) - images).ravel()
    assert scipy.stats.kstest(added / (25 / 255), "norm").pvalue > 1e-3
    assert (added > 0).mean() == pytest.approx(0.5, abs=0.02)


def test_each_image_may_have_its_own_sigma():
    images = jnp.zeros((3, 32, 32, 2))
    added = noise.gaussian_noise(KEY, images, jnp.array([0.0, 0.1, 1.0]))
    np.testing.assert_allclose(added.std((1, 2, 3)), [0, 0.1, 1], rtol=0.1)
    np.testing.assert_array_equal(added[2], noise.gaussian_noise(KEY, images, 1.0)[2])


def test_the_noise_of_an_image_depends_on_its_own_key_alone():
    images, keys = jnp.zeros((6, 4, 4, 1)), jax.random.split(KEY, 6)
    np.testing.assert_array_equal(
        noise.gaussian_noise(KEY, images, 1.0)[:2], noise.gaussian_noise(KEY, images[:2], 1.0)
    )
    whole = noise.gaussian_noise(keys, images, 1.0)
    np.testing.assert_array_equal(whole[4:], noise.gaussian_noise(keys[4:], images[4:], 1.0))
    assert len(np.unique(whole)) == whole.size


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_the_images_keep_their_dtype(dtype):
    with jax.enable_x64(True):
        images = jnp.full((2, 4, 4, 1), 0.5, dtype)
        assert noise.gaussian_noise(KEY, images, jnp.float32(0.1)).dtype == dtype


def test_a_sigma_that_belongs_to_no_image_is_refused():
    with pytest.raises(ValueError, match="for 2 images: give one, or one for each image"):
        noise.gaussian_noise(KEY, jnp.zeros((2, 4, 4, 3)), jnp.ones(3))


def test_images_of_bytes_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        noise.gaussian_noise(KEY, jnp.zeros((2, 4, 4, 3), jnp.uint8), 0.1)
