import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.errors import UsageError
from jaxgen.objectives.deep_image_prior import initial_average, make_deep_image_prior, update_average
from jaxgen.objectives.restoration import Damage

HYPER = {"learning_rate": 0.05, "b1": 0.9, "b2": 0.999, "ema_decay": 0.0, "clip_norm": 0.0, "input_noise": 0.0}
HYPER |= {"held_out": 0.1, "smooth_decay": 0.99, "patience": 20.0}
CLEAN = jnp.linspace(0.2, 0.8, 64).reshape(1, 8, 8, 1)


class Free(nn.Module):
    """A picture of free pixels, whatever the noise."""

    @nn.compact
    def __call__(self, noise, train):
        return jax.nn.sigmoid(self.param("pixels", nn.initializers.zeros, (1, *noise.shape[1:3], 1)))


def watched(pictures, damaged, judges, decay):
    look_on = jax.jit(
        lambda watch, picture: (update_average(watch, picture, damaged, judges, {"smooth_decay": decay}),) * 2
    )
    return jax.lax.scan(look_on, initial_average(pictures[0]), pictures)[1]


def test_the_mean_of_the_outputs_is_judged_by_the_pixels_held_out():
    rng = np.random.default_rng(0)
    pictures, damaged = rng.normal(size=(60, 1, 4, 4, 3)).astype("float32"), rng.normal(size=(1, 4, 4, 3))
    judges = np.zeros((1, 4, 4, 1))
    judges[0, 1, 2] = judges[0, 3, 0] = 1
    found = watched(jnp.asarray(pictures), jnp.asarray(damaged), jnp.asarray(judges), 0.9)
    # Shares 1/n while the past is short, then 0.1 for the newest.
    mean = np.zeros_like(pictures[0])
    for n, picture in enumerate(pictures):
        share = max(0.1, 1 / (n + 1))
        mean = (1 - share) * mean + share * picture
        error = ((mean - damaged)[:, [1, 3], [2, 0]] ** 2).mean()
        np.testing.assert_allclose(found["error"][n], error, rtol=1e-4)
    np.testing.assert_allclose(found["smooth"][-1], mean, rtol=1e-4, atol=1e-6)


def test_the_picture_of_the_least_error_is_kept():
    swing = np.concatenate([np.linspace(1, 0.01, 200), np.linspace(0.01, 1, 200)])[:, None, None, None, None]
    pictures = jnp.asarray((0.5 + swing * np.ones((400, 1, 4, 4, 1))).astype("float32"))
    found = watched(pictures, jnp.full((1, 4, 4, 1), 0.5), jnp.ones((1, 4, 4, 1)), 0.0)
    assert int(found["kept_step"][-1]) in (200, 201)
    np.testing.assert_array_equal(found["kept"][-1], found["smooth"][199])


def test_the_error_held_out_is_the_clean_one_and_the_variance_of_the_noise():
    # The identity that stopping stands on: E (f − y)² = (f − x)² + σ², for f that has not seen y.
    rng = np.random.default_rng(3)
    clean, sigma = rng.uniform(size=(1, 256, 256, 1)), 0.2
    made = clean + 0.1 * np.sin(40 * clean)
    damaged = clean + sigma * rng.normal(size=clean.shape)
    judges = (rng.uniform(size=clean.shape) < 0.3).astype(float)
    found = update_average(
        initial_average(jnp.asarray(made)), *map(jnp.asarray, (made, damaged, judges)), {"smooth_decay": 0.99}
    )
    assert float(found["error"]) == pytest.approx(((made - clean) ** 2).mean() + sigma**2, rel=0.03)


def make(mask=None, clean=True, module=None, **numbers):
    def degrade(keys, images, hyper):
        noise = jax.vmap(lambda key: jax.random.normal(key, images.shape[1:]))(keys)
        return Damage(images + 0.1 * noise, None, mask)

    return make_deep_image_prior(module or Free(), degrade=degrade, hyper=HYPER | numbers, clean=clean)


def trained(objective):
    """The state after 600 steps, and the metrics of each."""
    run = lambda state: jax.lax.scan(lambda s, _: objective.step(s, {"image": CLEAN}), state, None, length=600)
    return jax.jit(run)(jax.jit(objective.init)(jax.random.key(0), {"image": CLEAN}))


def test_the_damaged_picture_is_learned_but_for_the_pixels_that_judge():
    objective = make()
    state, _ = trained(objective)
    held, watch = (state.stats["model"][name] for name in ("held", "watch"))
    learned = held["learned"] == 1
    assert 1 <= jnp.sum(~learned) <= 16
    np.testing.assert_array_equal(held["judges"], ~learned)
    np.testing.assert_allclose(watch["smooth"][learned], held["damaged"][learned], atol=0.02)
    np.testing.assert_allclose(watch["smooth"][~learned], 0.5)
    assert float(jnp.std(held["damaged"] - CLEAN)) == pytest.approx(0.1, rel=0.3)
    assert objective.visualize(state, {"image": CLEAN})["result"].shape == (1, 8, 8, 1)


def test_the_run_finishes_once_nothing_better_has_come_for_as_long_as_is_asked_for():
    # Free pixels that judge are never learned: they stay where they began, and only what shakes them changes the error.
    objective = make(module=Shaken(), input_noise=0.1)
    state, metrics = trained(objective)
    best = 1 + np.argmin(metrics["model/held_out_error"])
    assert int(state.stats["model"]["watch"]["kept_step"]) == best
    assert 600 - best >= 20
    stopped = metrics[objective.finished][best - 1 :]
    np.testing.assert_array_equal(stopped, np.arange(len(stopped)) >= 20)


class Shaken(Free):
    """Free pixels and the input's noise over them."""

    @nn.compact
    def __call__(self, noise, train):
        return super().__call__(noise, train) + noise[..., :1]


def test_a_picture_that_comes_damaged_is_not_what_the_result_is_judged_by():
    objective = make(clean=False)
    state = jax.jit(objective.init)(jax.random.key(0), {"image": CLEAN})
    found = objective.evaluate(state, {"image": CLEAN})
    assert set(found) == {objective.selection.metric} == {"evaluation/held_out_error"}
    shown = [make(clean=known).visualize(state, {"image": CLEAN})["before-after"] for known in (False, True)]
    assert [row.shape for row in shown] == [(1, 3, 8, 8, 1), (1, 4, 8, 8, 1)]


def test_hidden_pixels_do_not_count():
    mask = jnp.zeros((1, 8, 8, 1)).at[:, :4].set(1)
    objective = make(mask)
    state = jax.jit(objective.init)(jax.random.key(0), {"image": CLEAN})
    after, metrics = jax.jit(objective.step)(state, {"image": CLEAN})
    moved = after.params["model"]["pixels"] != state.params["model"]["pixels"]
    held = state.stats["model"]["held"]
    np.testing.assert_array_equal(moved, (mask + held["judges"]) == 0)
    assert jnp.sum(held["judges"]) >= 1 and not (mask * held["judges"]).any()
    lost = (moved * (0.5 - held["damaged"]) ** 2).sum() / 64
    assert float(metrics["model/loss"]) == pytest.approx(float(lost), rel=1e-5)


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
    shaken = after.stats["model"]["watch"]["smooth"] - state.stats["model"]["held"]["input"][..., :1]
    assert float(jnp.std(shaken)) == pytest.approx(0.3, rel=0.05)


def test_it_is_fitted_to_one_picture():
    with pytest.raises(UsageError, match="batch_size 2: Deep Image Prior is fitted to one image"):
        make().init(jax.random.key(0), {"image": jnp.zeros((2, 8, 8, 1))})
