import inspect

import jax
import numpy as np
import pytest

from jaxgen import degradations
from jaxgen.degradations import DEGRADATIONS, compression, registry, resampling

IMAGES = np.random.default_rng(0).random((2, 16, 20, 3), np.float32)
SLOW = {"bsrgan", "real_esrgan", "torn", "worn", "ruined", "old_photo"}
"""Compositions, which have tests of their own."""
OVERLAYS = {"rust", "foxing", "stain", "holes", "tears", "scratches"}
"""Their bits are tested in damage/test_overlays.py."""


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_every_degradation_takes_key_and_images_first_and_is_exported(name):
    function = DEGRADATIONS[name].function
    assert list(inspect.signature(function).parameters)[:2] == ["key", "images"]
    assert getattr(degradations, function.__name__) is function


@pytest.mark.parametrize("name", sorted(set(DEGRADATIONS) - SLOW - OVERLAYS))
def test_the_key_decides_the_bits_under_jit(name):
    entry = DEGRADATIONS[name]
    degrade = jax.jit(lambda key, images: entry.function(key, images, **entry.example))
    first, again, other = (jax.tree.leaves(jax.device_get(degrade(jax.random.key(k), IMAGES))) for k in (1, 1, 2))
    assert len(first) == (2 if entry.returns == "opacity" else 1)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (abs(first[0] - other[0]).max() > 0) == entry.random


@pytest.mark.parametrize("name", sorted(OVERLAYS))
def test_an_overlay_is_registered_as_random_and_with_its_opacity(name):
    assert DEGRADATIONS[name].random and DEGRADATIONS[name].returns == "opacity"


def test_a_name_and_a_hyperparameter_belong_to_one_entry(monkeypatch):
    monkeypatch.setattr(registry, "DEGRADATIONS", dict(DEGRADATIONS))
    with pytest.raises(ValueError, match="'blur' is registered already"):
        registry.register(degradations.blur, "blur again", sample=degradations.blur)
    other = type("Other", (DEGRADATIONS["blur"].hyper,), {})
    with pytest.raises(ValueError, match="'blur_high' of degradation 'again' belongs to 'blur'"):
        registry.register(degradations.blur, "blur again", sample=degradations.blur, name="again", hyper=other)


def test_deterministic_degradations_compute_what_their_modules_do(computed):
    key = jax.random.key(0)
    for wrapped, function in (
        (lambda x: degradations.downsample(key, x, 2), lambda x: resampling.downsample(x, 2)),
        (
            lambda x: degradations.jpeg(key, x, 50, subsampling="4:4:4"),
            lambda x: compression.jpeg(x, 50, subsampling="4:4:4"),
        ),
    ):
        np.testing.assert_array_equal(computed(wrapped, IMAGES), computed(function, IMAGES))


def test_degradations_compose(computed):
    degrade = degradations.compose(
        lambda key, images: degradations.blur(key, images, 1.0),
        lambda key, images: degradations.gaussian_noise(key, images, 0.1),
    )
    degraded = computed(degrade, jax.random.key(3), IMAGES)
    assert degraded.shape == IMAGES.shape
    blurred = computed(degradations.blur, jax.random.key(0), IMAGES, 1.0)
    assert np.std(degraded - blurred) == pytest.approx(0.1, rel=0.1)
