import jax
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.errors import UsageError
from jaxgen.objectives.deep_image_prior import initial_average, make_deep_image_prior, update_average
from jaxgen.objectives.restoration import Damage

HYPER = {"learning_rate": 0.05, "b1": 0.9, "b2": 0.999, "ema_decay": 0.0, "clip_norm": 0.0, "input_noise": 0.0}
HYPER |= {"held_out": 0.1, "smooth_decay": 0.99, "patience": 20.0}
CLEAN = np.linspace(0.2, 0.8, 64, dtype=np.float32).reshape(1, 8, 8, 1)
BATCH = {"image": CLEAN}


class Free(nn.Module):
    """An image whose pixels are its parameters; it ignores the noise."""

    @nn.compact
    def __call__(self, noise, train):
        return jax.nn.sigmoid(self.param("pixels", nn.initializers.zeros, (1, *noise.shape[1:3], 1)))


@jax.jit
def averages(images, damaged, validation, decay):
    update = lambda watch, image: (update_average(watch, image, damaged, validation, {"smooth_decay": decay}),) * 2
    return jax.lax.scan(update, initial_average(images[0]), images)[1]


def test_the_error_of_the_mean_output_is_that_of_the_held_out_pixels():
    rng = np.random.default_rng(0)
    images, damaged = (rng.normal(size=shape).astype("float32") for shape in ((60, 1, 4, 4, 3), (1, 4, 4, 3)))
    validation = np.zeros((1, 4, 4, 1), "float32")
    validation[0, 1, 2] = validation[0, 3, 0] = 1
    metrics = jax.device_get(averages(images, damaged, validation, 0.9))
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
    images, ones = (0.5 + swing * np.ones((400, 1, 4, 4, 1))).astype("float32"), np.ones((1, 4, 4, 1), "float32")
    metrics = jax.device_get(averages(images, ones / 2, ones, 0.0))
    assert int(metrics["kept_step"][-1]) in (200, 201)
    np.testing.assert_array_equal(metrics["kept"][-1], metrics["smooth"][199])


def test_the_error_held_out_is_the_clean_one_and_the_variance_of_the_noise():
    # Stopping relies on E (f − y)² = (f − x)² + σ², for f independent of y.
    rng = np.random.default_rng(3)
    clean, sigma = rng.uniform(size=(1, 256, 256, 1)).astype("float32"), np.float32(0.2)
    estimate = clean + 0.1 * np.sin(40 * clean)
    damaged = clean + sigma * rng.normal(size=clean.shape).astype("float32")
    validation = (rng.uniform(size=clean.shape) < 0.3).astype("float32")
    metrics = jax.tree.map(lambda x: x[-1], jax.device_get(averages(estimate[None], damaged, validation, 0.99)))
    assert float(metrics["error"]) == pytest.approx(((estimate - clean) ** 2).mean() + sigma**2, rel=0.03)


def make(mask=None, clean=True, module=None, **hyper):
    def degrade(keys, images, _):
        noise = jax.vmap(lambda key: jax.random.normal(key, images.shape[1:]))(keys)
        return Damage(images + 0.1 * noise, None, mask)

    return make_deep_image_prior(module or Free(), degrade=degrade, hyper=HYPER | hyper, clean=clean)


def test_the_damaged_image_is_fitted_except_for_the_held_out_pixels(train):
    objective = make()
    state, _ = train(objective, BATCH, 600)
    held, watch = (jax.device_get(state.stats["model"][name]) for name in ("held", "watch"))
    learned = held["learned"] == 1
    assert 1 <= np.sum(~learned) <= 16
    np.testing.assert_array_equal(held["judges"], ~learned)
    np.testing.assert_allclose(watch["smooth"][learned], held["damaged"][learned], atol=0.02)
    np.testing.assert_allclose(watch["smooth"][~learned], 0.5)
    assert np.std(held["damaged"] - CLEAN) == pytest.approx(0.1, rel=0.3)
    assert jax.eval_shape(objective.visualize, state, BATCH)["result"].shape == (1, 8, 8, 1)


def test_the_run_finishes_after_patience_steps_without_a_better_result(train):
    # Held-out pixels have no gradient: only the input noise changes their error.
    objective = make(module=Shaken(), input_noise=0.1)
    state, metrics = train(objective, BATCH, 600)
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
    state = jax.eval_shape(objective.init, jax.random.key(0), BATCH)
    metrics = jax.eval_shape(objective.evaluate, state, BATCH)
    assert set(metrics) == {objective.selection.metric} == {"evaluation/held_out_error"}
    shown = [jax.eval_shape(make(clean=known).visualize, state, BATCH)["before-after"] for known in (False, True)]
    assert [row.shape for row in shown] == [(1, 3, 8, 8, 1), (1, 4, 8, 8, 1)]


def test_hidden_pixels_do_not_count():
    mask = np.zeros((1, 8, 8, 1), np.float32)
    mask[:, :4] = 1
    objective = make(mask)
    state = jax.jit(objective.init)(jax.random.key(0), BATCH)
    after, metrics = jax.jit(objective.step)(state, BATCH)
    moved = np.asarray(after.params["model"]["pixels"]) != np.asarray(state.params["model"]["pixels"])
    held = jax.device_get(state.stats["model"]["held"])
    np.testing.assert_array_equal(moved, (mask + held["judges"]) == 0)
    assert np.sum(held["judges"]) >= 1 and not (mask * held["judges"]).any()
    expected = (moved * (0.5 - held["damaged"]) ** 2).sum() / 64
    assert float(metrics["model/loss"]) == pytest.approx(float(expected), rel=1e-5)


def test_the_input_noise_has_the_standard_deviation_of_its_option():
    class Show(nn.Module):
        @nn.compact
        def __call__(self, noise, train):
            return noise[..., :1] * self.param("weight", nn.initializers.ones, ())

    degrade = lambda keys, images, hyper: Damage(images)
    objective = make_deep_image_prior(Show(), degrade=degrade, hyper=HYPER | {"input_noise": 0.3, "learning_rate": 0.0})
    image = {"image": np.full((1, 32, 32, 1), 0.5, np.float32)}
    state = jax.jit(objective.init)(jax.random.key(0), image)
    after, _ = jax.jit(objective.step)(state, image)
    smooth, drawn = after.stats["model"]["watch"]["smooth"], state.stats["model"]["held"]["input"]
    assert np.std(np.asarray(smooth) - np.asarray(drawn)[..., :1]) == pytest.approx(0.3, rel=0.05)


def test_a_batch_of_several_images_is_refused():
    with pytest.raises(UsageError, match="batch_size 2: Deep Image Prior is fitted to one image"):
        make().init(jax.random.key(0), {"image": np.zeros((2, 8, 8, 1), np.float32)})
