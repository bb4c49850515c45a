import jax
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.objectives.neighbours import draw_pairs, make_neighbours, neighbours
from jaxgen.objectives.reconstruction_losses import weighted_sum
from jaxgen.objectives.restoration import Damage

HYPER = {"learning_rate": 3e-2, "b1": 0.9, "b2": 0.999, "ema_decay": 0.0, "clip_norm": 0.0, "sigma": 0.1}
HYPER |= {"mse_weight": 1.0, "consistency_weight": 1.0}
BATCH = {"image": np.float32([0.25, 0.75] * 16)[:, None, None, None] * np.ones((32, 8, 8, 1), np.float32)}


class Mean(nn.Module):
    """A learned mixture of the pixel and of its image's mean: the best one is the mean."""

    @nn.compact
    def __call__(self, images, train):
        weight = self.param("weight", nn.initializers.zeros, ())
        return (1 - weight) * images + weight * images.mean((1, 2), keepdims=True)


@pytest.mark.parametrize(("height", "width"), [(6, 8), (7, 9)])
def test_neighbours_are_two_pixels_of_each_cell_that_touch(height, width, computed):
    keys = jax.random.split(jax.random.key(0), 3)
    positions = np.stack(np.mgrid[:height, :width], -1)
    images = np.broadcast_to(positions, (3, height, width, 2))
    one, other = computed(lambda keys, images: neighbours(images, draw_pairs(keys, height, width)), keys, images)
    np.testing.assert_array_equal(abs(one - other).sum(-1), 1)
    for chosen in (one, other):
        # An odd side's last pixels are in no cell.
        np.testing.assert_array_equal(chosen // 2, np.broadcast_to(positions[:6:2, :8:2] // 2, (3, 3, 4, 2)))


def test_every_ordered_pair_is_as_likely(computed):
    draw = lambda keys: draw_pairs(keys, 128, 128)
    pairs = computed(draw, jax.random.split(jax.random.key(1), 4)).reshape(-1, 2)
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)
    assert len(kinds) == 8
    np.testing.assert_allclose(counts / len(pairs), 1 / 8, atol=0.01)


@pytest.fixture(scope="module")
def trained(train, add_noise):
    objective = make_neighbours(Mean(), degrade=add_noise, loss=weighted_sum(("mse",)), hyper=HYPER)
    return objective, *train(objective, BATCH, 200)


def test_noise_is_removed_without_clean_images(trained, computed):
    objective, state, metrics = trained
    assert float(state.params["model"]["weight"]) == pytest.approx(1, abs=0.05)
    evaluated = computed(objective.evaluate, state, BATCH)
    assert float(evaluated["evaluation/gain"]) > 12
    # Only the noise of the neighbour is left.
    assert float(metrics["model/neighbour"][-1]) == pytest.approx(0.01, rel=0.15)
    expected = metrics["model/neighbour"] + metrics["model/consistency"]
    np.testing.assert_allclose(metrics["model/loss"], expected, rtol=1e-6)


def test_odd_sides_are_trained_on():
    objective = make_neighbours(
        Mean(), degrade=lambda keys, images, hyper: Damage(images), loss=weighted_sum(("mse",)), hyper=HYPER
    )
    batch = {"image": np.zeros((2, 5, 7, 1), np.float32)}
    state = jax.eval_shape(objective.init, jax.random.key(0), batch)
    assert jax.eval_shape(objective.step, state, batch)[1]["model/loss"].shape == ()


def test_without_clean_images_only_the_loss_is_evaluated():
    objective = make_neighbours(
        Mean(),
        degrade=lambda keys, images, hyper: Damage(images),
        loss=weighted_sum(("mse",)),
        hyper=HYPER,
        clean=False,
    )
    state = jax.eval_shape(objective.init, jax.random.key(0), BATCH)
    assert set(jax.eval_shape(objective.evaluate, state, BATCH)) == {objective.selection.metric} == {"evaluation/loss"}
