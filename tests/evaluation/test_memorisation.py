import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.data.loading import from_arrays
from jaxgen.evaluation.features import Features
from jaxgen.evaluation.memorisation import ADVICE, Memorisation, describe, memorisation, nearest_training
from jaxgen.metrics.neighbours import nearer_fraction, nearest

RNG = np.random.default_rng(0)
DRAW = RNG.normal(size=(900, 5)).astype(np.float32)
TRAINING, HELD_OUT, FRESH = DRAW[:300], DRAW[300:600], DRAW[600:]
features = lambda x: Features(x, np.zeros((len(x), 2)), None)


@pytest.mark.parametrize("count", [1, 3, 1500])
def test_nearest_agrees_with_brute_force(count):
    samples = RNG.normal(size=(count, 5)).astype(np.float32) + 50
    others = TRAINING + 50
    distance, index = nearest(samples, others)
    every = ((samples[:, None].astype(np.float64) - others) ** 2).sum(-1)
    np.testing.assert_array_equal(index, every.argmin(1))
    np.testing.assert_allclose(distance, every.min(1), atol=1e-4)


def test_the_nearer_fraction_of_copies_is_one_and_of_new_samples_that_of_the_set_sizes():
    assert nearer_fraction(TRAINING + 1e-3, TRAINING, HELD_OUT) == 1
    assert nearer_fraction(HELD_OUT + 1e-3, TRAINING, HELD_OUT) == 0
    assert abs(nearer_fraction(FRESH, TRAINING, HELD_OUT) - 0.5) < 0.1
    assert abs(nearer_fraction(FRESH, TRAINING, HELD_OUT[:60]) - 300 / 360) < 0.08


def test_equal_distances_count_half():
    assert nearer_fraction(FRESH, TRAINING, TRAINING) == 0.5


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ((FRESH[:, :2], TRAINING, HELD_OUT), "give .samples, features. twice"),
        ((FRESH * np.nan, TRAINING, HELD_OUT), "NaN or infinite"),
    ],
)
def test_sets_that_do_not_compare_are_refused(sets, message):
    with pytest.raises(ValueError, match=message):
        nearer_fraction(*sets)


def test_copies_are_distinguished_from_new_images():
    result = memorisation(features(TRAINING[:200] + 1e-3), features(TRAINING), features(HELD_OUT))
    assert (result.nearer, result.copied, result.copies) == (1, 1, True)
    assert (result.generated, result.training, result.held_out) == (200, 300, 150)
    assert abs(result.real - 2 / 3) < 0.15
    fresh = memorisation(features(FRESH), features(TRAINING[:40]), features(HELD_OUT))
    assert abs(fresh.nearer - 40 / 190) < 0.1 and abs(fresh.copied) < 0.15 and not fresh.copies


@pytest.mark.parametrize(("fraction", "copies"), [(1.0, True), (0.9, True), (0.0, False)])
def test_memorization_of_a_large_set_is_detected(fraction, copies):
    draw = np.random.default_rng(1).normal(size=(9000, 5)).astype(np.float32)
    training, held_out, fresh = draw[:6000], draw[6000:7000], draw[7000:]
    samples = np.where(np.arange(2000)[:, None] < fraction * 2000, training[:2000] + 1e-4, fresh)
    result = memorisation(features(samples), features(training), features(held_out))
    assert result.copied == pytest.approx(fraction, abs=0.25)
    assert result.copies == copies


def test_few_images_give_no_significant_memorization():
    assert not Memorisation(0.8, 0.5, 20, 20, 20).copies
    assert Memorisation(0.8, 0.5, 2000, 2000, 2000).copies
    assert not Memorisation(0.7, 0.5, 10**6, 10**6, 10**6).copies
    assert not Memorisation(1.0, 1.0, 10, 10, 1).copies
    assert memorisation(features(FRESH), features(TRAINING), features(HELD_OUT[:1])) is None


def test_the_nearest_training_image_does_not_depend_on_the_chunk(monkeypatch):
    images = RNG.integers(0, 256, (50, 4, 4, 1), np.uint8)
    dataset = from_arrays(images)
    samples = images[[7, 49, 0]].astype(np.float32) / 255 + 0.004
    monkeypatch.setattr("jaxgen.evaluation.memorisation.CHUNK", 13)
    np.testing.assert_allclose(nearest_training(samples, dataset), images[[7, 49, 0]] / np.float32(255))
    assert nearest_training(np.zeros((1, 8, 8, 1)), dataset) is None


def test_copies_are_detected_by_pixels():
    images = RNG.integers(0, 256, (450, 4, 4, 1), np.uint8)
    training, held_out = from_arrays(images[:200]), from_arrays(images[200:400])
    text = describe(images[:200] / np.float32(255), training, held_out)
    distances, warning = text.splitlines()
    assert distances.startswith("median pixel distance: 0 to the nearest training image, 0.")
    assert warning == f"warning: {ADVICE}"
    assert "warning" not in describe(images[400:] / np.float32(255), training, held_out)


def test_nearest_accepts_traced_arrays():
    result = jax.jit(nearest)(jnp.asarray(FRESH), jnp.asarray(TRAINING))
    np.testing.assert_array_equal(result[1], nearest(FRESH, TRAINING)[1])
