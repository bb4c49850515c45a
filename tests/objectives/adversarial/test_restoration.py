import jax
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.degradations import noise
from jaxgen.errors import UsageError
from jaxgen.losses import adversarial
from jaxgen.models.gan.discriminators import CropDiscriminator
from jaxgen.objectives.adversarial.restoration import make_adversarial_restoration
from jaxgen.objectives.reconstruction_losses import weighted_sum
from jaxgen.objectives.restoration import Damage

HYPER = {"learning_rate": 1e-2, "b1": 0.5, "b2": 0.999, "ema_decay": 0.5, "clip_norm": 0.0, "mse_weight": 1.0}
HYPER |= {"adversarial_weight": 0.25, "discriminator_scale": 2.0, "sigma": 0.1}
MORE = {"r1_weight": 1.0, "r2_weight": 1.5, "penalty_weight": 1.0, "penalty_target": 1.0, "clip_limit": 0.5}
MORE |= {"label_smoothing": 0.3, "historical_weight": 0.7}
BATCH = {"image": np.random.default_rng(5).random((4, 6, 6, 1), np.float32)}


class Scale(nn.Module):
    """The image times a number."""

    @nn.compact
    def __call__(self, images, train):
        return images * self.param("scale", nn.initializers.constant(0.5), ())


class Critic(nn.Module):
    """A logit for each image, or for each pixel: a number times the mean, or times the pixel, of all channels."""

    patches: bool = False

    @nn.compact
    def __call__(self, images, train):
        slope = self.param("slope", nn.initializers.constant(1.0), (images.shape[-1],))
        logits = images @ slope
        return logits if self.patches else logits.mean((1, 2))


def degrade(keys, images, hyper):
    return Damage(noise.gaussian_noise(keys, images, hyper["sigma"]))


def make(discriminator=None, **options):
    options = {"loss": adversarial.minimax, "degrade": degrade, "reconstruction": weighted_sum(("mse",))} | options
    return make_adversarial_restoration(Scale(), discriminator or Critic(), hyper=HYPER | {"r1_weight": 1.0}, **options)


def one_step(objective):
    @jax.jit
    def run(batch):
        state = objective.init(jax.random.key(0), batch)
        return state, *objective.step(state, batch)

    return run(BATCH)


@pytest.mark.parametrize("name", ["minimax", "relativistic"])
def test_the_generators_loss_is_content_plus_the_weighted_adversarial_one(name):
    loss = getattr(adversarial, name)
    _state, after, metrics = one_step(make(loss=loss))
    clean = BATCH["image"]
    assert float(metrics["generator/loss"]) == pytest.approx(
        float(metrics["generator/content"] + 0.25 * metrics["generator/adversarial"]), rel=1e-5
    )
    slope = float(after.params["discriminator"]["slope"][0])
    real = slope * (2 * clean - 1).mean((1, 2, 3))
    restored = clean * 0.5
    fake = slope * (2 * restored - 1).mean((1, 2, 3))
    # Noise of σ 0.1 moves an image's mean by 0.1 / 6 · 0.5.
    assert float(metrics["generator/adversarial"]) == pytest.approx(float(loss.generator(real, fake).mean()), abs=0.02)
    assert float(metrics["generator/content"]) == pytest.approx(float(((clean - restored) ** 2).mean()), abs=0.01)


def test_each_player_goes_down_its_own_loss():
    _state, after, _ = one_step(make())
    # Adam's first step has the length of the rate, the discriminator's twice that.
    assert float(after.params["discriminator"]["slope"][0]) == pytest.approx(1 + 2e-2, abs=1e-5)
    assert float(after.params["generator"]["scale"]) == pytest.approx(0.5 + 1e-2, abs=1e-5)
    assert float(after.ema["generator"]["params"]["scale"]) > 0.5


def test_patches_have_their_own_logits():
    _state, _, metrics = one_step(make(Critic(patches=True)))
    assert metrics["discriminator/loss"].shape == ()
    clean = 2 * BATCH["image"] - 1
    assert float(metrics["discriminator/real_logit"]) == pytest.approx(float(clean.mean()), abs=1e-5)


def test_a_conditional_discriminator_sees_the_damaged_image_too():
    state, _, _ = one_step(make(conditional=True))
    assert state.params["discriminator"]["slope"].shape == (2,)


def test_it_restores_and_is_evaluated_as_every_restorer():
    objective = make()
    _state, after, _ = one_step(objective)
    results = jax.eval_shape(objective.evaluate, after, BATCH)
    assert {"evaluation/psnr", "evaluation/psnr_input", "evaluation/gain"} <= set(results)
    variables = {"params": {"scale": np.float32(0.25)}, "stats": {}}
    np.testing.assert_allclose(objective.restoring.restore(variables, BATCH["image"]), BATCH["image"] / 4)
    assert jax.eval_shape(objective.visualize, after, BATCH)["before-after"].shape == (4, 3, 6, 6, 1)


WITHOUT_EFFECT = {"loss": adversarial.least_squares, "reconstruction": weighted_sum(("mse",)), "degrade": degrade}
OPTIONS = {
    "penalties": {"penalties": ("gradient_penalty",)},
    "penalty_every": {"penalties": ("r1",), "penalty_every": 2},
    "clip_weights": {"clip_weights": True},
    "augment": {"augment": ("translation", "cutout")},
    "packing": {"packing": 2},
    "critic_steps": {"critic_steps": 2},
    "label_smoothing": {"remedies": ("label_smoothing",)},
    "historical_averaging": {"remedies": ("historical_averaging",)},
    "optimizer and loss": {"discriminator_optimizer": "sgd", "loss": adversarial.wasserstein},
}


def discriminator_after(train, conditional=False, **options):
    """The discriminator's parameters after two steps, and the generator's loss."""
    batch = {"image": np.random.default_rng(5).random((8, 6, 6, 1), np.float32)}
    objective = make_adversarial_restoration(
        Scale(), Critic(), hyper=HYPER | MORE, conditional=conditional, **WITHOUT_EFFECT | options
    )
    _, metrics = train(objective, batch, 2)
    return float(metrics["discriminator/gradient_norm"][1]), float(metrics["generator/loss"][1])


def test_every_option_of_a_gan_has_an_effect_of_its_own(train):
    results = [discriminator_after(train), *(discriminator_after(train, **options) for options in OPTIONS.values())]
    assert np.isfinite(results).all()
    assert len(set(results)) == len(OPTIONS) + 1


def test_options_have_an_effect_where_the_input_image_is_seen_too(train):
    options = ({}, OPTIONS["penalties"], OPTIONS["augment"] | OPTIONS["packing"] | OPTIONS["critic_steps"])
    results = [discriminator_after(train, conditional=True, **chosen) for chosen in options]
    assert np.isfinite(results).all()
    assert len(set(results)) == len(options)


def test_penalties_and_feature_matching_need_a_discriminator_that_allows_them():
    with pytest.raises(UsageError, match="unknown penalty 'r3'"):
        make(penalties=("r3",))
    objective = make(CropDiscriminator((4,), 4), penalties=("r1",))
    with pytest.raises(UsageError, match="penalties r1 are per example, and batch norm in the discriminator"):
        jax.eval_shape(objective.init, jax.random.key(0), BATCH)


def test_a_failing_discriminator_is_warned_of_as_in_a_gan():
    assert {alarm.metric for alarm in make().alarms} == {"discriminator/saturation", "discriminator/false_positive"}
    _state, _after, metrics = one_step(make())
    assert {alarm.metric for alarm in make().alarms} <= set(metrics)
