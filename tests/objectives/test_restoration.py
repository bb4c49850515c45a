import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.objectives.reconstruction_losses import weighted_sum
from jaxgen.objectives.restoration import Damage, make_restoration, quality

HYPER = {"learning_rate": 1e-2, "b1": 0.9, "b2": 0.999, "ema_decay": 0.0, "clip_norm": 0.0, "sigma": 0.1}
HYPER |= {"mse_weight": 1.0}
BATCH = {"image": np.float32([0.25, 0.75] * 16)[:, None, None, None] * np.ones((32, 8, 8, 1), np.float32)}

mse = weighted_sum(("mse",))


class Mean(nn.Module):
    """A learned mixture of the pixel and of its image's mean: the best one is the mean."""

    @nn.compact
    def __call__(self, images, train):
        weight = self.param("weight", nn.initializers.zeros, ())
        mean = images.mean((1, 2), keepdims=True)
        return (1 - weight) * images + weight * mean


@pytest.fixture(scope="module")
def trained(train, add_noise):
    objective = make_restoration(Mean(), degrade=add_noise, loss=mse, hyper=HYPER)
    return objective, *train(objective, BATCH, 300)


@pytest.fixture(scope="module")
def evaluate(trained):
    objective, _, _ = trained
    compiled = jax.jit(objective.evaluate)
    return lambda state, batch: jax.device_get(compiled(state, batch))


def test_the_network_learns_the_best_estimate(trained):
    _, state, metrics = trained
    assert float(state.params["model"]["weight"]) == pytest.approx(1, abs=0.02)
    assert metrics["model/psnr"][-1] > metrics["model/psnr"][0] + 10


def test_evaluation_reports_input_result_and_gain(trained, evaluate):
    _, state, _ = trained
    evaluation = evaluate(state, BATCH)
    assert float(evaluation["evaluation/psnr_input"]) == pytest.approx(20, abs=0.3)
    assert float(evaluation["evaluation/gain"]) == pytest.approx(
        float(evaluation["evaluation/psnr"] - evaluation["evaluation/psnr_input"]), abs=1e-4
    )
    assert float(evaluation["evaluation/gain"]) > 14


def test_ssim_is_evaluated_where_its_window_fits(trained, evaluate):
    _, state, _ = trained
    assert "evaluation/ssim" not in evaluate(state, BATCH)
    larger = {"image": np.tile(BATCH["image"], (1, 2, 2, 1))}
    evaluation = evaluate(state, larger)
    assert 0 < float(evaluation["evaluation/ssim_input"]) < float(evaluation["evaluation/ssim"]) < 1


def test_the_network_receives_the_conditioning(computed):
    class Reveal(nn.Module):
        """Adds the second channel."""

        @nn.compact
        def __call__(self, inputs, train):
            weight = self.param("weight", nn.initializers.ones, ())
            return inputs[..., :1] + weight * inputs[..., 1:]

    objective = make_restoration(
        Reveal(),
        degrade=lambda keys, x, hyper: Damage(x - 0.5, jnp.full_like(x, 0.5)),
        loss=mse,
        hyper=HYPER,
    )
    state = jax.jit(objective.init)(jax.random.key(0), BATCH)
    variables = {"params": state.params["model"], "stats": {}}
    level = np.full_like(BATCH["image"], 0.25)
    restored = computed(objective.restoring.restore, variables, BATCH["image"], level)
    np.testing.assert_allclose(restored, BATCH["image"] + 0.25, rtol=1e-6)
    assert jax.jit(objective.step)(state, BATCH)[1]["model/loss"] == 0
    rows = computed(objective.visualize, state, BATCH)["before-after"]
    np.testing.assert_allclose(rows[:, 1], BATCH["image"][:8], rtol=1e-6)


def test_every_step_draws_new_noise_and_evaluation_always_the_same(trained, evaluate):
    _, state, metrics = trained
    assert len(np.unique(np.asarray(metrics["model/loss"])[-20:])) == 20
    again = evaluate(state.replace(step=state.step + 1), BATCH)
    np.testing.assert_array_equal(again["evaluation/psnr"], evaluate(state, BATCH)["evaluation/psnr"])


def test_rows_are_damaged_restored_clean(trained, computed):
    objective, state, _ = trained
    rows = computed(objective.visualize, state, BATCH)["before-after"]
    assert rows.shape == (8, 3, 8, 8, 1)
    np.testing.assert_array_equal(rows[:, 2], BATCH["image"][:8])
    assert abs(rows[:, 1] - rows[:, 2]).mean() < abs(rows[:, 0] - rows[:, 2]).mean() / 3


def test_pairs_come_damaged(trained, evaluate, computed):
    objective, state, _ = trained
    batch = {"image": BATCH["image"], "target": BATCH["image"] + 0.25}
    evaluation = evaluate(state, batch)
    assert float(evaluation["evaluation/psnr_input"]) == pytest.approx(20 * np.log10(4), rel=1e-5)
    rows = computed(objective.visualize, state, batch)["before-after"]
    np.testing.assert_array_equal(rows[:, 0], batch["image"][:8])
    np.testing.assert_array_equal(rows[:, 2], batch["target"][:8])
    assert float(jax.jit(objective.step)(state, batch)[1]["model/loss"]) == pytest.approx(0.25**2, rel=1e-3)


def test_what_is_hidden_is_judged_by_itself_and_small_images_in_the_size_of_the_clean(computed):
    class Same(nn.Module):
        """Makes an image twice as large, pixel by pixel."""

        @nn.compact
        def __call__(self, images, train):
            weight = self.param("weight", nn.initializers.ones, ())
            return weight * images.repeat(2, 1).repeat(2, 2)

    def degrade(keys, images, hyper):
        mask = jnp.zeros_like(images).at[:, :2, :2].set(1)
        return Damage((images - 0.1 * mask)[:, ::2, ::2], None, mask)

    objective = make_restoration(Same(), degrade=degrade, loss=mse, hyper=HYPER)
    state = jax.jit(objective.init)(jax.random.key(0), BATCH)
    evaluation = computed(objective.evaluate, state, BATCH)
    assert float(evaluation["evaluation/masked_psnr"]) == pytest.approx(20, abs=1e-3)
    assert float(evaluation["evaluation/psnr"]) == pytest.approx(20 + 10 * np.log10(16), abs=1e-3)
    assert jax.eval_shape(objective.visualize, state, BATCH)["before-after"].shape == (8, 3, 8, 8, 1)


@pytest.mark.parametrize("masked", [False, True])
def test_unchanged_images_do_not_count(masked, computed):
    class Halve(nn.Module):
        """Brings every image halfway to 0.25, which is the first half of the clean ones."""

        @nn.compact
        def __call__(self, images, train):
            return self.param("weight", nn.initializers.constant(0.5), ()) * (images - 0.25) + 0.25

    def degrade(keys, images, hyper):
        mask = jnp.zeros_like(images).at[0, :4].set(1)
        return Damage(images + 0.1 * mask, None, mask if masked else None)

    objective = make_restoration(Halve(), degrade=degrade, loss=mse, hyper=HYPER)
    batch = {"image": np.repeat(BATCH["image"][:1], 3, 0)}
    batch["image"][1] = 0.75
    evaluation = computed(lambda batch: objective.evaluate(objective.init(jax.random.key(0), batch), batch), batch)
    assert float(evaluation["evaluation/psnr_input"]) == pytest.approx(20 + 10 * np.log10(2), abs=1e-3)
    assert float(evaluation["evaluation/gain"]) == pytest.approx(20 * np.log10(2), abs=1e-3)
    if masked:
        assert float(evaluation["evaluation/masked_psnr_input"]) == pytest.approx(20, abs=1e-3)
        assert float(evaluation["evaluation/masked_psnr"]) == pytest.approx(20 + 20 * np.log10(2), abs=1e-3)


@pytest.mark.parametrize("broken", [0, 1])
def test_an_image_that_is_nan_shows_whether_it_counts_or_not(broken, computed):
    clean = np.full((2, 11, 11, 1), 0.5, np.float32)
    image, changed = clean.copy(), np.array([True, False])
    image[0] += 0.1
    image[broken, 0, 0] = np.nan
    evaluation = computed(lambda *images: quality(*images, None, "", changed), clean, image)
    assert set(evaluation) == {"evaluation/psnr", "evaluation/ssim"} and all(np.isnan(list(evaluation.values())))
    masks = np.ones_like(clean)
    masks[1], image[0, 0, 0] = 0, np.nan
    assert np.isnan(computed(quality, clean, image, masks)["evaluation/masked_psnr"])
