import inspect
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import degradations
from jaxgen.degradations import DEGRADATIONS, compression, registry, resampling

IMAGES = jax.random.uniform(jax.random.key(0), (2, 16, 20, 3))
README = Path(__file__).parents[2] / "jaxgen" / "degradations" / "README.md"
SLOW = {"bsrgan", "real_esrgan", "torn", "worn", "ruined"}
"""Compositions, which have tests of their own."""


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_every_degradation_takes_key_and_images_first_and_is_exported(name):
    function = DEGRADATIONS[name].function
    assert list(inspect.signature(function).parameters)[:2] == ["key", "images"]
    assert getattr(degradations, function.__name__) is function


@pytest.mark.parametrize("name", sorted(set(DEGRADATIONS) - SLOW))
def test_the_key_decides_the_bits_under_jit(name):
    entry = DEGRADATIONS[name]
    degrade = jax.jit(lambda key, images: entry.function(key, images, **entry.example))
    first, again, other = (jax.tree.leaves(degrade(jax.random.key(k), IMAGES)) for k in (1, 1, 2))
    assert len(first) == (2 if entry.returns == "opacity" else 1)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (abs(first[0] - other[0]).max() > 0) == entry.random


def test_a_name_and_a_hyperparameter_belong_to_one_entry(monkeypatch):
    monkeypatch.setattr(registry, "DEGRADATIONS", dict(DEGRADATIONS))
    with pytest.raises(ValueError, match="'blur' is registered already"):
        registry.register(degradations.blur, "blur again")
    other = type("Other", (DEGRADATIONS["blur"].hyper,), {})
    with pytest.raises(ValueError, match="'blur_high' of degradation 'again' belongs to 'blur'"):
        registry.register(degradations.blur, "blur again", name="again", hyper=other)


def test_the_readme_has_the_table_of_the_registry():
    assert registry.markdown_table() in README.read_text(encoding="utf-8"), (
        f"{README} differs from the registry: replace its table by the output of "
        "python -c 'from jaxgen.degradations import registry; print(registry.markdown_table())'"
    )


def test_deterministic_degradations_compute_what_their_modules_do():
    key = jax.random.key(0)
    for found, expected in (
        (degradations.downsample(key, IMAGES, 2), resampling.downsample(IMAGES, 2)),
        (degradations.jpeg(key, IMAGES, 50, subsampling="4:4:4"), compression.jpeg(IMAGES, 50, subsampling="4:4:4")),
    ):
        np.testing.assert_array_equal(found, expected)


def test_degradations_compose():
    degrade = degradations.compose(
        lambda key, images: degradations.blur(key, images, 1.0),
        lambda key, images: degradations.gaussian_noise(key, images, 0.1),
    )
    degraded = degrade(jax.random.key(3), IMAGES)
    assert degraded.shape == IMAGES.shape
    assert float(jnp.std(degraded - degradations.blur(jax.random.key(0), IMAGES, 1.0))) == pytest.approx(0.1, rel=0.1)
