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
    """An image whose pixels are its parameters; it ignores the noise."""

    @nn.compact
    def __call__(self, noise, train):
        return jax.nn.sigmoid(self.param("pixels", nn.initializers.zeros, (1, *noise.shape[1:3], 1)))


def averages(images, damaged, validation, decay):
    update = jax.jit(
        lambda watch, image: (update_average(watch, image, damaged, validation, {"smooth_decay": decay}),) * 2
    )
    return jax.lax.scan(update, initial_average(images[0]), images)[1]


def test_the_error_of_the_mean_output_is_that_of_the_held_out_pixels():
    rng = np.random.default_rng(0)
    images, damaged = rng.normal(size=(60, 1, 4, 4, 3)).astype("float32"), rng.normal(size=(1, 4, 4, 3))
    validation = np.zeros((1, 4, 4, 1))
    validation[0, 1, 2] = validation[0, 3, 0] = 1
    metrics = averages(jnp.asarray(images), jnp.asarray(damaged), jnp.asarray(validation), 0.9)
    # The newest output has weight 1/n at first, then 0.1.
    mean = np.zeros_like(images[0])
    for n, image in enumerate(images):
        weight = max(0.1, 1 / (n + 1))
        mean = (1 - weight) * mean + weight * image
        error = ((mean - damaged)[:, [1, 3], [2, 0]] ** 2).mean()
        np.testing.assert_allclose(metrics["error"][n], error, rtol=1e-4)
    np.testing.assert_allclose(metrics["smooth"][-1], mean, rtol=1e-4, atol=1e-6)


def test_the_image_of_the_least_error_is_the_result():
    swing = np.concatenate([np.linspace(1, 0.01, 200), np.linspace(0.01, 1, 200)])[:, None, None, None, None]
    images = jnp.asarray((0.5 + swing * np.ones((400, 1, 4, 4, 1))).astype("float32"))
    metrics = averages(images, jnp.full((1, 4, 4, 1), 0.5), jnp.ones((1, 4, 4, 1)), 0.0)
    assert int(metrics["kept_step"][-1]) in (200, 201)
    np.testing.assert_array_equal(metrics["kept"][-1], metrics["smooth"][199])


def test_the_error_held_out_is_the_clean_one_and_the_variance_of_the_noise():
    # Stopping relies on E (f − y)² = (f − x)² + σ², for f independent of y.
    rng = np.random.default_rng(3)
    clean, sigma = rng.uniform(size=(1, 256, 256, 1)), 0.2
    estimate = clean + 0.1 * np.sin(40 * clean)
    damaged = clean + sigma * rng.normal(size=clean.shape)
    validation = (rng.uniform(size=clean.shape) < 0.3).astype(float)
    metrics = update_average(
        initial_average(jnp.asarray(estimate)),
        *map(jnp.asarray, (estimate, damaged, validation)),
        {"smooth_decay": 0.99},
    )
    assert float(metrics["error"]) == pytest.approx(((estimate - clean) ** 2).mean() + sigma**2, rel=0.03)


def make(mask=None, clean=True, module=None, **hyper):
    def degrade(keys, images, _):
        noise = jax.vmap(lambda key: jax.random.normal(key, images.shape[1:]))(keys)
        return Damage(images + 0.1 * noise, None, mask)

    return make_deep_image_prior(module or Free(), degrade=degrade, hyper=HYPER | hyper, clean=clean)


def trained(objective):
    """The state after 600 steps, and the metrics of each."""
    run = lambda state: jax.lax.scan(lambda s, _: objective.step(s, {"image": CLEAN}), state, None, length=600)
    return jax.jit(run)(jax.jit(objective.init)(jax.random.key(0), {"image": CLEAN}))


def test_the_damaged_image_is_fitted_except_for_the_held_out_pixels():
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


def test_the_run_finishes_after_patience_steps_without_a_better_result():
    # Held-out pixels have no gradient: only the input noise changes their error.
    objective = make(module=Shaken(), input_noise=0.1)
    state, metrics = trained(objective)
    best = 1 + np.argmin(metrics["model/held_out_error"])
    assert int(state.stats["model"]["watch"]["kept_step"]) == best
    assert 600 - best >= 20
    stopped = metrics[objective.finished][best - 1 :]
    np.testing.assert_array_equal(stopped, np.arange(len(stopped)) >= 20)


class Shaken(Free):
    """Free pixels plus the input noise."""

    @nn.compact
    def __call__(self, noise, train):
        return super().__call__(noise, train) + noise[..., :1]


def test_without_a_clean_image_only_the_held_out_error_is_evaluated():
    objective = make(clean=False)
    state = jax.jit(objective.init)(jax.random.key(0), {"image": CLEAN})
    metrics = objective.evaluate(state, {"image": CLEAN})
    assert set(metrics) == {objective.selection.metric} == {"evaluation/held_out_error"}
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
    expected = (moved * (0.5 - held["damaged"]) ** 2).sum() / 64
    assert float(metrics["model/loss"]) == pytest.approx(float(expected), rel=1e-5)


def test_the_input_noise_has_the_standard_deviation_of_its_option():
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


def test_a_batch_of_several_images_is_refused():
    with pytest.raises(UsageError, match="batch_size 2: Deep Image Prior is fitted to one image"):
        make().init(jax.random.key(0), {"image": jnp.zeros((2, 8, 8, 1))})
