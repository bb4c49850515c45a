import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.data.sources import from_arrays
from jaxgen.evaluation.features import Features
from jaxgen.evaluation.memorisation import ADVICE, Memorisation, describe, memorisation, nearest_training
from jaxgen.metrics.neighbours import nearer_share, nearest

RNG = np.random.default_rng(0)
DRAW = RNG.normal(size=(900, 5)).astype(np.float32)
TRAINING, HELD_OUT, FRESH = DRAW[:300], DRAW[300:600], DRAW[600:]
features = lambda x: Features(x, np.zeros((len(x), 2)), None)


@pytest.mark.parametrize("count", [1, 3, 1500])
def test_the_nearest_is_the_one_that_looking_at_all_finds(count):
    samples = RNG.normal(size=(count, 5)).astype(np.float32) + 50
    others = TRAINING + 50
    distance, index = nearest(samples, others)
    every = ((samples[:, None].astype(np.float64) - others) ** 2).sum(-1)
    np.testing.assert_array_equal(index, every.argmin(1))
    np.testing.assert_allclose(distance, every.min(1), atol=1e-4)


def test_copies_are_all_nearer_and_new_samples_as_often_as_there_are_training_ones():
    assert nearer_share(TRAINING + 1e-3, TRAINING, HELD_OUT) == 1
    assert nearer_share(HELD_OUT + 1e-3, TRAINING, HELD_OUT) == 0
    assert abs(nearer_share(FRESH, TRAINING, HELD_OUT) - 0.5) < 0.1
    assert abs(nearer_share(FRESH, TRAINING, HELD_OUT[:60]) - 300 / 360) < 0.08


def test_what_is_equally_near_counts_half():
    assert nearer_share(FRESH, TRAINING, TRAINING) == 0.5


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ((FRESH[:, :2], TRAINING, HELD_OUT), "give .samples, features. twice"),
        ((FRESH * np.nan, TRAINING, HELD_OUT), "NaN or infinite"),
    ],
)
def test_sets_that_do_not_compare_are_refused(sets, message):
    with pytest.raises(ValueError, match=message):
        nearer_share(*sets)


def test_copies_are_told_from_new_images_beside_what_real_ones_give():
    found = memorisation(features(TRAINING[:200] + 1e-3), features(TRAINING), features(HELD_OUT))
    assert (found.nearer, found.copied, found.copies) == (1, 1, True)
    assert (found.generated, found.training, found.held_out) == (200, 300, 150)
    assert abs(found.real - 2 / 3) < 0.15
    fresh = memorisation(features(FRESH), features(TRAINING[:40]), features(HELD_OUT))
    assert abs(fresh.nearer - 40 / 190) < 0.1 and abs(fresh.copied) < 0.15 and not fresh.copies


@pytest.mark.parametrize(("share", "copies"), [(1.0, True), (0.9, True), (0.0, False)])
def test_who_remembers_all_of_a_large_set_is_found(share, copies):
    draw = np.random.default_rng(1).normal(size=(9000, 5)).astype(np.float32)
    training, held_out, fresh = draw[:6000], draw[6000:7000], draw[7000:]
    made = np.where(np.arange(2000)[:, None] < share * 2000, training[:2000] + 1e-4, fresh)
    found = memorisation(features(made), features(training), features(held_out))
    assert found.copied == pytest.approx(share, abs=0.25)
    assert found.copies == copies


def test_of_few_images_chance_alone_is_no_memorisation():
    assert not Memorisation(0.8, 0.5, 20, 20, 20).copies
    assert Memorisation(0.8, 0.5, 2000, 2000, 2000).copies
    assert not Memorisation(0.7, 0.5, 10**6, 10**6, 10**6).copies
    assert not Memorisation(1.0, 1.0, 10, 10, 1).copies
    assert memorisation(features(FRESH), features(TRAINING), features(HELD_OUT[:1])) is None


def test_the_nearest_training_image_is_found_whatever_the_slab(monkeypatch):
    images = RNG.integers(0, 256, (50, 4, 4, 1), np.uint8)
    dataset = from_arrays(images)
    samples = images[[7, 49, 0]].astype(np.float32) / 255 + 0.004
    monkeypatch.setattr("jaxgen.evaluation.memorisation.SLAB", 13)
    np.testing.assert_allclose(nearest_training(samples, dataset), images[[7, 49, 0]] / np.float32(255))
    assert nearest_training(np.zeros((1, 8, 8, 1)), dataset) is None


def test_copies_are_told_by_their_pixels_too():
    images = RNG.integers(0, 256, (450, 4, 4, 1), np.uint8)
    training, held_out = from_arrays(images[:200]), from_arrays(images[200:400])
    told = describe(images[:200] / np.float32(255), training, held_out)
    away, warning = told.splitlines()
    assert away.startswith("away by pixels, in the median: nearest training image 0, nearest held-out one 0.")
    assert warning == f"warning: {ADVICE}"
    assert "warning" not in describe(images[400:] / np.float32(255), training, held_out)


def test_it_runs_on_traced_arrays():
    found = jax.jit(nearest)(jnp.asarray(FRESH), jnp.asarray(TRAINING))
    np.testing.assert_array_equal(found[1], nearest(FRESH, TRAINING)[1])
