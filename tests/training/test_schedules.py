import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.training import schedules

HYPER = {
    "learning_rate": jnp.float32(1.0),
    "learning_rate_final": jnp.float32(0.25),
    "schedule_steps": jnp.float32(10),
    "warmup_steps": jnp.float32(0),
}
STEPS = np.arange(15)


def rates(schedule, hyper):
    return jax.vmap(lambda step: schedule(hyper, step)["learning_rate"])(STEPS)


@pytest.mark.parametrize(
    ("shape", "reference"),
    [
        ("constant", optax.constant_schedule(1.0)),
        ("linear", optax.linear_schedule(1.0, 0.25, 10)),
        ("cosine", optax.cosine_decay_schedule(1.0, 10, alpha=0.25)),
    ],
)
def test_shapes_agree_with_optax(shape, reference):
    np.testing.assert_allclose(rates(schedules.make_learning_rate(shape), HYPER), reference(STEPS), rtol=1e-6)


def test_warm_up_reaches_the_rate_at_its_length():
    warm = rates(schedules.make_learning_rate("constant"), HYPER | {"warmup_steps": jnp.float32(4)})
    np.testing.assert_allclose(warm[:6], [0.25, 0.5, 0.75, 1.0, 1.0, 1.0], rtol=1e-6)


def test_lengths_may_be_traced_and_differ_between_members():
    lengths = jnp.array([1.0, 10.0, 0.0])
    member = lambda length: rates(schedules.make_linear("learning_rate"), HYPER | {"schedule_steps": length})
    result = jax.jit(jax.vmap(member))(lengths)
    np.testing.assert_allclose(result[:, 0], [1.0, 1.0, 0.25], rtol=1e-6)
    np.testing.assert_allclose(result[:, 1], [0.25, 0.925, 0.25], rtol=1e-6)


def test_any_number_can_be_scheduled():
    hyper = HYPER | {"kl_weight": jnp.float32(0), "kl_weight_final": jnp.float32(1)}
    assert float(schedules.make_linear("kl_weight")(hyper, 5)["kl_weight"]) == pytest.approx(0.5)


def test_a_half_life_halves_after_that_many_images():
    decay = lambda half_life: schedules.make_half_life(50)({"ema_half_life": jnp.float32(half_life)}, 0)["ema_decay"]
    assert float(decay(1000) ** 20) == pytest.approx(0.5, rel=1e-4)
    assert float(decay(50)) == 0.5
    assert float(decay(0)) == 0


def test_a_half_life_may_be_scheduled_itself():
    hyper = HYPER | {"ema_half_life": jnp.float32(0), "ema_half_life_final": jnp.float32(100), "ema_decay": 0.7}
    schedule = schedules.compose(schedules.make_linear("ema_half_life"), schedules.make_half_life(50))
    result = [float(schedule(hyper, step)["ema_decay"]) for step in (0, 5, 20)]
    assert result == pytest.approx([0, 0.5, 0.5**0.5])
