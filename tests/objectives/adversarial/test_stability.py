from functools import partial

import jax
import numpy as np
import pytest

from jaxgen.losses import adversarial
from jaxgen.losses.adversarial import LOSSES
from jaxgen.objectives.adversarial.stability import (
    discriminator_alarms,
    discriminator_metrics,
    diversity,
    diversity_alarms,
    nearest,
)

REAL = np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 1)).astype(np.float32)
spread = jax.jit(partial(diversity, axis_name=None))


def metrics_of(loss, real, fake):
    measure = jax.jit(lambda *logits: discriminator_metrics(getattr(adversarial, loss), *logits, None))
    measured = measure(np.float32(real), np.float32(fake))
    return {name: float(value) for name, value in measured.items()}


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss != "wasserstein"])
def test_equal_logits_saturate_nothing(loss):
    level = 0.5 if loss == "least_squares" else 0.0
    assert metrics_of(loss, [level] * 4, [level] * 4)["saturation"] == 0


@pytest.mark.parametrize(
    ("loss", "real", "fake", "saturation"),
    [
        ("minimax", 20, -20, 1),
        ("non_saturating", 20, -20, 1),
        ("least_squares", 1, 0, 1),
        ("hinge", 20, -20, 1),
        ("relativistic", 20, -20, 1),
        # The discriminator is certain and wrong: its gradient is large.
        ("non_saturating", -20, 20, 0),
    ],
)
def test_certain_logits_saturate_where_the_loss_is_flat(loss, real, fake, saturation):
    measured = metrics_of(loss, [real] * 3, [fake] * 3)
    assert measured["saturation"] == saturation


def test_a_loss_of_constant_slope_has_no_saturation():
    assert set(metrics_of("wasserstein", [20], [-20])) == {"real_accuracy", "false_positive"}


def test_saturation_is_the_fraction_of_pairs_without_gradient():
    assert metrics_of("non_saturating", [9, 9, 0, 9], [-9, 0, -9, -9])["saturation"] == 0.5


@pytest.mark.parametrize(
    ("loss", "real", "fake", "accuracy", "wrong"),
    [
        ("non_saturating", [1, 2, -1, 3], [-1, 1, 2, -3], 0.75, 0.5),
        ("hinge", [1, 2, -1, 3], [-1, -1, -2, -3], 0.75, 0.0),
        ("least_squares", [1, 0.6, 0.4, 1], [0.4, 0.1, 0.6, 0.7], 0.75, 0.5),
        # Differences count alone: the boundary is half-way between the means, here at 10.
        ("wasserstein", [11, 12, 9, 12], [9, 9, 9, 9], 0.75, 0.0),
        ("relativistic", [11, 12, 9, 12], [9, 11, 8, 8], 0.75, 0.25),
    ],
)
def test_what_is_called_real(loss, real, fake, accuracy, wrong):
    measured = metrics_of(loss, real, fake)
    assert (measured["real_accuracy"], measured["false_positive"]) == (accuracy, wrong)


def test_the_distance_to_the_nearest_other(computed):
    points = np.float32([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    assert float(computed(nearest, points)) == pytest.approx((1 + 18**0.5 + 1) / 3)


def test_the_same_images_have_the_same_spread():
    measured = spread(REAL, REAL[::-1])
    assert float(measured["variance_ratio"]) == pytest.approx(1, rel=1e-5)
    assert float(measured["neighbour_ratio"]) == pytest.approx(1, rel=1e-4)


def test_duplicates_lower_the_neighbour_ratio_but_not_the_variance():
    measured = spread(REAL, np.concatenate([REAL[:8], REAL[:8]]))
    assert float(measured["neighbour_ratio"]) < 0.01
    assert float(measured["variance_ratio"]) > 0.5


def test_collapse_lowers_the_variance_ratio():
    measured = spread(REAL, REAL[:1] + 0.01 * REAL)
    assert float(measured["variance_ratio"]) < 1e-3


def test_one_image_alone_is_no_reason_to_warn():
    assert {name: float(value) for name, value in spread(REAL[:1], REAL[1:2]).items()} == {
        "variance_ratio": 1,
        "neighbour_ratio": 1,
    }


def test_equal_real_images_give_finite_numbers():
    assert all(np.isfinite(value) for value in spread(np.zeros_like(REAL), REAL).values())


def test_the_spread_of_a_batch_does_not_depend_on_the_devices():
    fake = REAL[::-1] ** 2
    apart = jax.pmap(partial(diversity, axis_name="batch"), axis_name="batch")(
        REAL.reshape(4, 4, 8, 8, 1), fake.reshape(4, 4, 8, 8, 1)
    )
    for name, value in spread(REAL, fake).items():
        np.testing.assert_allclose(apart[name], np.full(4, value), rtol=1e-4)


def test_nothing_here_has_a_gradient():
    metrics = lambda x: sum(jax.tree.leaves(discriminator_metrics(adversarial.hinge, x, -x, None)))
    assert not jax.jit(jax.grad(metrics))(np.ones(3, np.float32)).any()
    assert not jax.jit(jax.grad(lambda x: sum(diversity(REAL, x, None).values())))(REAL * 0.5).any()


def make_alarms(loss, penalties=(), augment=(), packing=1):
    return (*discriminator_alarms(loss, penalties, augment), *diversity_alarms(loss, augment, packing))


@pytest.mark.parametrize("loss", LOSSES)
def test_alarms_go_off_where_training_goes_wrong(loss):
    alarms = {alarm.metric: alarm for alarm in make_alarms(LOSSES[loss])}
    assert ("discriminator/saturation" in alarms) == (loss != "wasserstein")
    wrong = {"discriminator/saturation": 1.0, "discriminator/false_positive": 1.0}
    wrong |= {"generator/variance_ratio": 0.0, "generator/neighbour_ratio": 0.0}
    assert all(alarm.wrong(wrong[name]) and not alarm.wrong(0.5) for name, alarm in alarms.items())


def test_advice_fits_the_options():
    advice = lambda *options: " ".join(alarm.advice for alarm in make_alarms(*options))
    plain = advice(adversarial.non_saturating)
    assert "packing to 2 " in plain and "relativistic" in plain
    assert "augment to color translation cutout" in plain
    assert "weight" not in plain
    full = advice(adversarial.relativistic, ("r1", "r2"), ("color",), 2)
    assert "packing to 4 " in full
    assert "hyper.r1_weight and hyper.r2_weight" in full
    assert not any(word in full for word in ("augment", "relativistic"))
