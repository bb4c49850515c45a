import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.errors import UsageError
from jaxgen.objectives.deep_image_prior import EARLY, begin_watch, look, make_deep_image_prior
from jaxgen.objectives.restoration import Damage

HYPER = {"learning_rate": 0.05, "b1": 0.9, "b2": 0.999, "ema_decay": 0.0, "clip_norm": 0.0, "input_noise": 0.0}
HYPER |= {"variance_decay": 0.9, "smooth_decay": 0.99, "patience": 20.0}
DECAYS = {"variance_decay": 0.9, "smooth_decay": 0.99}
CLEAN = jnp.linspace(0.2, 0.8, 64).reshape(1, 8, 8, 1)


class Free(nn.Module):
    """A picture of free pixels, whatever the noise."""

    @nn.compact
    def __call__(self, noise, train):
        return jax.nn.sigmoid(self.param("pixels", nn.initializers.zeros, (1, *noise.shape[1:3], 1)))


def watched(pictures):
    step = jax.jit(lambda watch, picture: (look(watch, picture, DECAYS),) * 2)
    return jax.lax.scan(step, begin_watch(pictures[0]), pictures)[1]


def test_the_variance_is_that_of_an_exponential_window():
    pictures = np.random.default_rng(0).normal(size=(300, 1, 2, 2, 1)).astype("float32")
    found = watched(jnp.asarray(pictures))
    # Shares 1/n while the past is short, then 0.1 for the newest.
    mean, variance = np.zeros_like(pictures[0]), 0.0
    for n, picture in enumerate(pictures):
        share = max(0.1, 1 / (n + 1))
        variance = (1 - share) * (variance + share * ((picture - mean) ** 2).mean())
        mean = (1 - share) * mean + share * picture
    np.testing.assert_allclose(found["variance"][-1], variance, rtol=1e-4)
    np.testing.assert_allclose(found["mean"][-1], mean, rtol=1e-4, atol=1e-6)


def test_the_picture_of_the_calmest_time_is_kept():
    rng = np.random.default_rng(1)
    swing = np.concatenate([np.linspace(1, 0.01, 200), np.linspace(0.01, 1, 200)])[:, None, None, None, None]
    pictures = jnp.asarray((0.5 + swing * rng.normal(size=(400, 1, 4, 4, 1))).astype("float32"))
    found = watched(pictures)
    calmest = int(found["kept_step"][-1])
    assert 195 <= calmest <= 225
    np.testing.assert_array_equal(found["kept"][-1], found["smooth"][calmest - 1])
    # Before it counts, the newest smooth picture is the result.
    np.testing.assert_array_equal(found["kept"][EARLY - 1], found["smooth"][EARLY - 1])


def make(mask=None, clean=True, module=None, **numbers):
    def degrade(keys, images, hyper):
        noise = jax.vmap(lambda key: jax.random.normal(key, images.shape[1:]))(keys)
        return Damage(images + 0.1 * noise, None, mask)

    return make_deep_image_prior(module or Free(), degrade=degrade, hyper=HYPER | numbers, clean=clean)


def trained(objective):
    """The state after 600 steps, and the metrics of each."""
    run = lambda state: jax.lax.scan(lambda s, _: objective.step(s, {"image": CLEAN}), state, None, length=600)
    return jax.jit(run)(jax.jit(objective.init)(jax.random.key(0), {"image": CLEAN}))


def test_the_damaged_picture_is_learned():
    objective = make()
    state, _ = trained(objective)
    held, watch = (state.stats["model"][name] for name in ("held", "watch"))
    np.testing.assert_allclose(watch["smooth"], held["damaged"], atol=0.02)
    assert float(jnp.std(held["damaged"] - CLEAN)) == pytest.approx(0.1, rel=0.3)
    found = objective.evaluate(state, {"image": CLEAN})
    # It has learned the noise, there being no structure in free pixels.
    assert float(found["evaluation/gain"]) == pytest.approx(0, abs=1)
    assert objective.pictures(state, {"image": CLEAN})["result"].shape == (1, 8, 8, 1)


class Shaken(Free):
    """Free pixels and the input's noise over them: what it makes is never at rest, and calmest by chance."""

    @nn.compact
    def __call__(self, noise, train):
        return super().__call__(noise, train) + noise[..., :1]


def test_the_run_finishes_once_nothing_calmer_has_come_for_as_long_as_is_asked_for():
    objective = make(module=Shaken(), input_noise=0.1)
    state, metrics = trained(objective)
    calmest = int(state.stats["model"]["watch"]["kept_step"])
    assert calmest == 1 + EARLY + np.argmin(metrics["model/variance"][EARLY:])
    assert 600 - calmest >= 20
    stopped = metrics[objective.finished][calmest - 1 :]
    np.testing.assert_array_equal(stopped, np.arange(len(stopped)) >= 20)


def test_a_picture_that_comes_damaged_is_not_what_the_result_is_judged_by():
    objective = make(clean=False)
    state = jax.jit(objective.init)(jax.random.key(0), {"image": CLEAN})
    found = objective.evaluate(state, {"image": CLEAN})
    assert set(found) == {objective.selection.metric} == {"evaluation/least_variance"}
    shown = [make(clean=known).pictures(state, {"image": CLEAN})["before-after"] for known in (False, True)]
    assert [row.shape for row in shown] == [(1, 3, 8, 8, 1), (1, 4, 8, 8, 1)]


def test_hidden_pixels_do_not_count():
    mask = jnp.zeros((1, 8, 8, 1)).at[:, :4].set(1)
    objective = make(mask)
    state = jax.jit(objective.init)(jax.random.key(0), {"image": CLEAN})
    after, metrics = jax.jit(objective.step)(state, {"image": CLEAN})
    moved = after.params["model"]["pixels"] != state.params["model"]["pixels"]
    np.testing.assert_array_equal(moved, mask == 0)
    damaged = state.stats["model"]["held"]["damaged"]
    assert float(metrics["model/loss"]) == pytest.approx(float(((0.5 - damaged) ** 2)[:, 4:].sum() / 64), rel=1e-5)


def test_the_input_changes_from_step_to_step_as_much_as_is_asked_for():
    class Show(nn.Module):
        @nn.compact
        def __call__(self, noise, train):
            return noise[..., :1] * self.param("weight", nn.initializers.ones, ())

    degrade = lambda keys, images, hyper: Damage(images)
    objective = make_deep_image_prior(Show(), degrade=degrade, hyper=HYPER | {"input_noise": 0.3, "learning_rate": 0.0})
    image = {"image": jnp.full((1, 32, 32, 1), 0.5)}
    state = jax.jit(objective.init)(jax.random.key(0), image)
    after, _ = jax.jit(objective.step)(state, image)
    shaken = after.stats["model"]["watch"]["mean"] - state.stats["model"]["held"]["input"][..., :1]
    assert float(jnp.std(shaken)) == pytest.approx(0.3, rel=0.05)


def test_it_is_fitted_to_one_picture():
    with pytest.raises(UsageError, match="batch_size 2: Deep Image Prior is fitted to one picture"):
        make().init(jax.random.key(0), {"image": jnp.zeros((2, 8, 8, 1))})
