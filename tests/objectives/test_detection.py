import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.losses.segmentation import dice
from jaxgen.objectives.detection import agreement, cross_entropy, make_detection
from jaxgen.objectives.restoration import Damage

HYPER = {"learning_rate": 0.3, "b1": 0.9, "b2": 0.999, "ema_decay": 0.0, "clip_norm": 0.0}
HYPER |= {"cross_entropy_weight": 2.0, "dice_weight": 0.5}
BATCH = {"image": np.full((16, 8, 8, 1), 0.3, np.float32)}


class Bright(nn.Module):
    """Detects pixels brighter than a learned threshold."""

    @nn.compact
    def __call__(self, images, train):
        slope, threshold = (self.param(name, nn.initializers.constant(0.1), ()) for name in ("slope", "threshold"))
        return 20 * slope * (images - threshold)


def spots(keys, images, hyper):
    mask = jax.vmap(lambda key: jax.random.bernoulli(key, 0.2, images.shape[1:]))(keys).astype(images.dtype)
    return Damage(jnp.where(mask > 0, 0.9, images), None, mask)


@pytest.fixture(scope="module")
def trained(train):
    objective = make_detection(Bright(), degrade=spots, hyper=HYPER)
    return objective, *train(objective, BATCH, 60)


def test_the_damage_is_detected(trained, computed):
    objective, state, history = trained
    assert history["model/loss"][-1] < history["model/loss"][0] / 4
    metrics = computed(objective.evaluate, state, BATCH)
    assert {name: float(value) for name, value in metrics.items()} == {
        "evaluation/iou": 1.0,
        "evaluation/precision": 1.0,
        "evaluation/recall": 1.0,
    }


def test_the_loss_is_the_weighted_sum(trained):
    _, _, metrics = trained
    expected = 2 * metrics["model/cross_entropy"] + 0.5 * metrics["model/dice"]
    np.testing.assert_allclose(metrics["model/loss"], expected, rtol=1e-6)


def test_rows_are_damaged_predicted_true(trained, computed):
    objective, state, _ = trained
    rows = computed(objective.visualize, state, BATCH)["masks"]
    assert rows.shape == (8, 3, 8, 8, 1)
    np.testing.assert_array_equal(rows[:, 0] > 0.5, rows[:, 2] > 0.5)
    np.testing.assert_array_equal(rows[:, 1] > 0.5, rows[:, 2] > 0.5)


def test_cross_entropy_is_the_mean_over_pixels(computed):
    logits, mask = np.random.default_rng(0).standard_normal((2, 3, 4, 4, 1)).astype("float32")
    mask = (mask > 0).astype("float32")
    p = 1 / (1 + np.exp(-logits))
    expected = -(mask * np.log(p) + (1 - mask) * np.log(1 - p)).mean((1, 2, 3))
    np.testing.assert_allclose(computed(cross_entropy, logits, mask), expected, rtol=1e-5)
    assert jax.eval_shape(dice, logits, mask).shape == (3,)


def test_agreement_counts_pixels(computed):
    predicted, mask = (np.float32(row).reshape(1, 1, 4, 1) for row in ([0.9, 0.8, 0.1, 0.0], [1, 0, 1, 0]))
    metrics = computed(agreement, predicted, mask)
    assert [float(metrics[f"evaluation/{name}"]) for name in ("iou", "precision", "recall")] == pytest.approx(
        [1 / 3, 0.5, 0.5]
    )
