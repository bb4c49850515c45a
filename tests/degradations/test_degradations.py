import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import degradations
from jaxgen.degradations import blurring, compression, resampling

IMAGES = jax.random.uniform(jax.random.key(0), (2, 16, 20, 3))
STRENGTHS = {
    "anisotropic_blur": (3.0, 0.5, 0.3),
    "blind_gaussian_noise": (0.1, 0.2),
    "blur": (1.5,),
    "bsrgan": (2,),
    "downsample": (2,),
    "gaussian_noise": (0.1,),
    "jpeg": (50,),
    "motion_blur": (5.0, 0.3),
    "poisson_noise": (50.0,),
    "real_esrgan": (2,),
    "rician_noise": (0.1,),
    "salt_and_pepper": (0.1,),
    "speckle": (0.1,),
}
OF_DEGRADATIONS = {"apply_if", "compose", "shuffled"}


def test_every_degradation_takes_key_and_images_first():
    for name in set(degradations.__all__) - OF_DEGRADATIONS:
        assert list(inspect.signature(getattr(degradations, name)).parameters)[:2] == ["key", "images"], name


@pytest.mark.parametrize("name", sorted(set(degradations.__all__) - OF_DEGRADATIONS - {"bsrgan", "real_esrgan"}))
def test_the_key_decides_the_bits_under_jit(name):
    damage = jax.jit(lambda key, images: getattr(degradations, name)(key, images, *STRENGTHS.get(name, ())))
    first, again, other = (jax.tree.leaves(damage(jax.random.key(k), IMAGES)) for k in (1, 1, 2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    without_chance = {"anisotropic_blur", "blur", "downsample", "jpeg", "motion_blur"}
    assert (abs(first[0] - other[0]).max() == 0) == (name in without_chance)


def test_those_without_chance_are_what_they_name():
    key, wide = jax.random.key(0), (3.0, 0.5, 0.3, 9)
    for found, expected in (
        (degradations.blur(key, IMAGES, 1.5, 9), blurring.gaussian_blur(IMAGES, 1.5, 9)),
        (degradations.anisotropic_blur(key, IMAGES, *wide), blurring.anisotropic_blur(IMAGES, *wide)),
        (degradations.motion_blur(key, IMAGES, 5.0, 0.3, 9), blurring.motion_blur(IMAGES, 5.0, 0.3, 9)),
        (degradations.downsample(key, IMAGES, 2), resampling.downsample(IMAGES, 2)),
        (degradations.jpeg(key, IMAGES, 50, subsampling="4:4:4"), compression.jpeg(IMAGES, 50, subsampling="4:4:4")),
    ):
        np.testing.assert_array_equal(found, expected)


def test_they_compose():
    damage = degradations.compose(
        lambda key, images: degradations.blur(key, images, 1.0),
        lambda key, images: degradations.gaussian_noise(key, images, 0.1),
    )
    found = damage(jax.random.key(3), IMAGES)
    assert found.shape == IMAGES.shape
    assert float(jnp.std(found - blurring.gaussian_blur(IMAGES, 1.0))) == pytest.approx(0.1, rel=0.1)
