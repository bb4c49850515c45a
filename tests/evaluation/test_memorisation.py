import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.data.sources import from_arrays
from jaxgen.evaluation.features import Features
from jaxgen.evaluation.memorisation import Memorisation, memorisation, nearest_training
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


def test_copies_are_all_nearer_and_new_samples_half_of_the_time():
    assert nearer_share(TRAINING + 1e-3, TRAINING, HELD_OUT) == 1
    assert nearer_share(HELD_OUT + 1e-3, TRAINING, HELD_OUT) == 0
    assert abs(nearer_share(FRESH, TRAINING, HELD_OUT) - 0.5) < 0.1


def test_what_is_equally_near_counts_half():
    assert nearer_share(FRESH, TRAINING, TRAINING) == 0.5


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ((FRESH, TRAINING, HELD_OUT[:5]), "300 training and 5 held-out samples: give as many of both"),
        ((FRESH[:, :2], TRAINING, HELD_OUT), "give .samples, features. twice"),
        ((FRESH * np.nan, TRAINING, HELD_OUT), "NaN or infinite"),
    ],
)
def test_sets_that_do_not_compare_are_refused(sets, message):
    with pytest.raises(ValueError, match=message):
        nearer_share(*sets)


def test_copies_are_told_from_new_images_beside_what_real_ones_give():
    found = memorisation(features(TRAINING[:200] + 1e-3), features(TRAINING), features(HELD_OUT))
    assert (found.nearer, found.images, found.copies) == (1, 300, True)
    assert abs(found.real - 0.5) < 0.15
    fresh = memorisation(features(FRESH), features(TRAINING[:40]), features(HELD_OUT))
    assert fresh.images == 40 and not fresh.copies


def test_of_few_images_chance_alone_is_no_memorisation():
    assert not Memorisation(0.7, 0.5, 20).copies
    assert Memorisation(0.7, 0.5, 2000).copies
    assert not Memorisation(0.55, 0.5, 100_000).copies


def test_the_nearest_training_image_is_found_whatever_the_slab(monkeypatch):
    images = RNG.integers(0, 256, (50, 4, 4, 1), np.uint8)
    dataset = from_arrays(images)
    samples = images[[7, 49, 0]].astype(np.float32) / 255 + 0.004
    monkeypatch.setattr("jaxgen.evaluation.memorisation.SLAB", 13)
    np.testing.assert_allclose(nearest_training(samples, dataset), images[[7, 49, 0]] / np.float32(255))
    assert nearest_training(np.zeros((1, 8, 8, 1)), dataset) is None


def test_it_runs_on_traced_arrays():
    found = jax.jit(nearest)(jnp.asarray(FRESH), jnp.asarray(TRAINING))
    np.testing.assert_array_equal(found[1], nearest(FRESH, TRAINING)[1])
