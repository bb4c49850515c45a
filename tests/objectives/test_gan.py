from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.errors import UsageError
from jaxgen.losses import adversarial
from jaxgen.models.gan_mlp import Discriminator as Telling
from jaxgen.objectives import gan
from jaxgen.objectives.adversary import features, show
from jaxgen.objectives.stability import ALARMS
from jaxgen.step.randomness import Stream, example_keys, step_key, stream

HYPER = {
    "learning_rate": 1e-2,
    "discriminator_scale": 1.0,
    "b1": 0.5,
    "b2": 0.9,
    "ema_decay": 0.9,
    "clip_norm": 0.0,
    "penalty_weight": 10.0,
    "penalty_target": 1.0,
    "r1_weight": 1.0,
    "r2_weight": 1.0,
    "clip_limit": 0.01,
    "label_smoothing": 0.25,
    "historical_weight": 0.5,
}
BATCH = {"image": jnp.asarray(np.random.default_rng(0).uniform(0, 1, (16, 4, 4, 1)), jnp.float32)}


class Generator(nn.Module):
    width: int = 32

    @nn.compact
    def __call__(self, latent, train):
        hidden = nn.tanh(nn.Dense(self.width)(latent))
        return jnp.tanh(nn.Dense(16)(hidden)).reshape(-1, 4, 4, 1)


class Discriminator(nn.Module):
    norm: bool = False

    @nn.compact
    def __call__(self, images, train):
        x = nn.Dense(8)(images.reshape(len(images), -1))
        if self.norm:
            x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(1)(nn.leaky_relu(x))[:, 0]


def make(generator=None, discriminator=None, loss="non_saturating", latent=3, hyper=None, **options):
    return gan.make_gan(
        generator or Generator(),
        discriminator or Discriminator(),
        loss=getattr(adversarial, loss),
        latent=latent,
        hyper=HYPER | (hyper or {}),
        **options,
    )


def differs(a, b):
    return any(not np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_each_player_moves_by_its_own_learning_rate_alone():
    for scale, rate, moved in ((0.0, 1e-2, "generator"), (1e9, 1e-12, "discriminator")):
        objective = make(hyper={"discriminator_scale": scale, "learning_rate": rate})
        state = jax.jit(objective.init)(jax.random.key(0), BATCH)
        after, _ = jax.jit(objective.step)(state, BATCH)
        for player in ("generator", "discriminator"):
            change = max(
                float(jnp.abs(a - b).max())
                for a, b in zip(
                    jax.tree.leaves(state.params[player]), jax.tree.leaves(after.params[player]), strict=True
                )
            )
            assert (change > 1e-4) == (player == moved), (player, change)


def test_the_discriminator_loss_sends_no_gradient_into_the_generator():
    # With sgd the generator's whole movement is the gradient of its own loss through the new discriminator, held.
    objective = make(optimizer="sgd", hyper={"b1": 0.0, "learning_rate": 0.1}, share_latents=False)
    state = jax.jit(objective.init)(jax.random.key(0), BATCH)
    after, metrics = jax.jit(objective.step)(state, BATCH)
    moved = jax.tree.map(lambda a, b: (a - b) / 0.1, state.params["generator"], after.params["generator"])
    norm = jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(moved)))
    np.testing.assert_allclose(norm, metrics["generator/gradient_norm"], rtol=1e-4)

    keys = example_keys(stream(step_key(state.key, 0), Stream.LATENT, 1), 16)
    latents = jax.vmap(lambda key: jax.random.normal(key, (3,)))(keys)

    def own_loss(params):
        fake = Generator().apply({"params": params}, latents, True)
        return jax.nn.softplus(-Discriminator().apply({"params": after.params["discriminator"]}, fake, True)).mean()

    expected = jax.grad(own_loss)(state.params["generator"])
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-6), moved, expected)


def test_one_discriminator_update_sees_real_and_generated_images():
    objective = make(hyper={"learning_rate": 0.0})
    state = jax.jit(objective.init)(jax.random.key(0), BATCH)
    _, metrics = jax.jit(objective.step)(state, BATCH)
    judge = lambda x: Discriminator().apply({"params": state.params["discriminator"]}, x, True)
    real = judge(2 * BATCH["image"] - 1)
    np.testing.assert_allclose(metrics["discriminator/real_logit"], real.mean(), rtol=1e-5)
    assert metrics["discriminator/fake_logit"] != metrics["discriminator/real_logit"]


def test_shared_latents_save_a_pass_through_the_generator():
    wide = Generator(width=2048)
    costs = {}
    for share in (True, False):
        objective = make(generator=wide, share_latents=share)
        state = jax.eval_shape(objective.init, jax.random.key(0), BATCH)
        costs[share] = jax.jit(objective.step).lower(state, BATCH).compile().cost_analysis()["flops"]
    forward = 2 * 16 * 2048 * (3 + 16)
    assert costs[False] - costs[True] == pytest.approx(forward, rel=0.2)


def test_clipping_holds_every_critic_parameter():
    objective = make(loss="wasserstein", clip_weights=True, critic_steps=2)
    state = jax.jit(objective.init)(jax.random.key(0), BATCH)
    state, _ = jax.jit(objective.step)(state, BATCH)
    assert max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(state.params["discriminator"])) <= 0.01 + 1e-9
    assert max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(state.params["generator"])) > 0.01


def test_every_critic_step_sees_its_own_images():
    objective = make(critic_steps=2, hyper={"b1": 0.0})
    state = jax.jit(objective.init)(jax.random.key(0), BATCH)
    swapped = {"image": jnp.concatenate([BATCH["image"][8:], BATCH["image"][:8]])}
    step = jax.jit(objective.step)
    assert differs(step(state, BATCH)[0].params, step(state, swapped)[0].params)


@pytest.mark.parametrize("penalty", ["gradient_penalty", "r1", "r2"])
def test_penalties_are_metrics_and_are_weighted_by_hyper(penalty):
    weight = {"gradient_penalty": "penalty_weight", "r1": "r1_weight", "r2": "r2_weight"}[penalty]
    values = []
    for factor in (1.0, 2.0):
        objective = make(penalties=(penalty,), hyper={weight: factor})
        state = jax.jit(objective.init)(jax.random.key(0), BATCH)
        _, metrics = jax.jit(objective.step)(state, BATCH)
        values.append(float(metrics[f"discriminator/{penalty}"]))
    assert values[0] > 0
    assert values[1] == pytest.approx(2 * values[0], rel=1e-5)


def test_batch_norm_under_a_per_example_penalty_is_refused():
    objective = make(discriminator=Discriminator(norm=True), penalties=("gradient_penalty",))
    with pytest.raises(UsageError, match="batch norm in the discriminator couples"):
        jax.eval_shape(objective.init, jax.random.key(0), BATCH)


def test_unknown_penalty_names_the_nearest():
    with pytest.raises(UsageError, match=r"unknown penalty 'gradient': did you mean gradient_penalty"):
        make(penalties=("gradient",))


def test_data_of_another_size_is_refused_with_both_sizes():
    with pytest.raises(UsageError, match=r"makes images of \(4, 4, 1\) and the data has \(8, 8, 3\)"):
        jax.eval_shape(make().init, jax.random.key(0), {"image": jnp.zeros((2, 8, 8, 3))})


def test_samples_are_pictures_of_the_averaged_generator():
    objective = make()
    state = jax.jit(objective.init)(jax.random.key(0), BATCH)
    state, _ = jax.jit(objective.step)(state, BATCH)
    pictures = objective.pictures(state, BATCH)["samples"]
    assert pictures.shape == (64, 4, 4, 1)
    assert 0 <= float(pictures.min()) < float(pictures.max()) <= 1
    other = objective.pictures(
        state.replace(ema={"generator": jax.tree.map(jnp.zeros_like, state.ema["generator"])}), BATCH
    )
    assert differs(pictures, other["samples"])


def test_pixel_frechet_ranks_near_before_far():
    real = BATCH["image"]
    near, far = jnp.clip(real + 0.01, 0, 1), 1 - real**4
    assert float(gan.pixel_frechet(real, near)) < float(gan.pixel_frechet(real, far))


def test_a_gan_learns_the_mean_of_a_constant_image():
    target = jnp.full((16, 4, 4, 1), 0.8)
    objective = make(loss="relativistic", penalties=("r1", "r2"), hyper={"b1": 0.0, "ema_decay": 0.9})
    state = jax.jit(objective.init)(jax.random.key(0), {"image": target})
    step = jax.jit(
        lambda state: jax.lax.scan(lambda s, _: objective.step(s, {"image": target}), state, None, length=400)
    )
    state, _ = step(state)
    samples = objective.sample(state.ema["generator"], jax.random.key(1), 64)
    np.testing.assert_allclose(samples.mean((0, 3)), 0.8, atol=0.1)


class NormBeforeLogit(nn.Module):
    @nn.compact
    def __call__(self, images, train):
        x = nn.BatchNorm(use_running_average=not train)(nn.relu(nn.Dense(8)(images.reshape(len(images), -1))))
        return nn.Dense(1)(x)[:, 0]


@pytest.mark.parametrize(("apart", "told"), [(True, False), (False, True)])
def test_batch_norm_before_the_logit_hides_the_kind_unless_both_share_a_batch(apart, told):
    objective = make(discriminator=NormBeforeLogit(), judge_apart=apart)
    state = jax.jit(objective.init)(jax.random.key(0), BATCH)
    _, metrics = jax.jit(objective.step)(state, BATCH)
    gap = abs(float(metrics["discriminator/real_logit"] - metrics["discriminator/fake_logit"]))
    assert (gap > 1e-2) == told


REMEDIES = ("feature_matching", "label_smoothing", "historical_averaging")
RATE = 0.1


@pytest.fixture(scope="module")
def remedied():
    """All remedies at once under plain descent: the state, and the step as a function of changes to it."""
    objective = make(
        discriminator=Telling(), remedies=REMEDIES, optimizer="sgd", hyper={"b1": 0.0, "learning_rate": RATE}
    )
    state, step = jax.jit(objective.init)(jax.random.key(0), BATCH), jax.jit(objective.step)

    def after(history=None, **hyper):
        changed = {name: jnp.float32(value) for name, value in hyper.items()}
        ema = state.ema | {"history": state.ema["history"] | (history or {})}
        return step(state.replace(hyper=state.hyper | changed, ema=ema), BATCH)

    return state, after


def test_smoothed_labels_change_the_discriminators_loss_alone(remedied):
    _, after = remedied
    told = [after(label_smoothing=smoothing, learning_rate=0.0)[1] for smoothing in (0.0, 0.25)]
    changed = {name for name in told[0] if told[0][name] != told[1][name]}
    assert changed == {"discriminator/loss", "discriminator/gradient_norm"}


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_historical_averaging_pulls_each_player_towards_its_past(remedied, player):
    state, after = remedied
    past = {player: jax.tree.map(lambda x: x + 0.1, state.params[player])}
    free, held = (after(past, historical_weight=weight) for weight in (0.0, 0.5))
    pulled = jax.tree.map(lambda a, b: b - a, free[0].params[player], held[0].params[player])
    # Of w ‖θ − mean‖² the gradient is −2 w · 0.1 at every number.
    jax.tree.map(lambda x: np.testing.assert_allclose(x, RATE * 2 * 0.5 * 0.1, rtol=1e-2), pulled)
    count = sum(leaf.size for leaf in jax.tree.leaves(past))
    assert float(held[1][f"{player}/historical_averaging"]) == pytest.approx(0.5 * count * 0.01, rel=1e-3)


def test_the_past_is_the_mean_of_all_parameters_up_to_now(remedied):
    state, after = remedied
    new, _ = after()
    expected = jax.tree.map(lambda a, b: (a + b) / 2, state.params, new.params)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-7), new.ema["history"], expected)


def test_feature_matching_moves_the_generator_down_the_distance_of_mean_features(remedied):
    state, after = remedied
    new, told = after(historical_weight=0.0)
    keys = example_keys(stream(step_key(state.key, 0), Stream.LATENT, 0), 16)
    latents = gan.draw_latents(keys, 3)
    judge = {"params": new.params["discriminator"], "stats": {}}

    @jax.jit
    @jax.value_and_grad
    def distance(params):
        images = 2 * BATCH["image"] - 1, Generator().apply({"params": params}, latents, True)
        real, fake = (features(Telling(), judge, x, None).mean(0) for x in images)
        return ((real - fake) ** 2).sum()

    value, slope = distance(state.params["generator"])
    assert float(told["generator/loss"]) == pytest.approx(float(value), rel=1e-4)
    moved = jax.tree.map(lambda a, b: (a - b) / RATE, state.params["generator"], new.params["generator"])
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-5), moved, slope)


CLASSES = 3
LABELLED = BATCH | {"label": jnp.arange(16) % CLASSES}


@pytest.fixture(scope="module")
def conditional():
    """Classes, packing and augmentation at once, standing still."""
    objective = make(
        discriminator=Telling(classes=CLASSES),
        loss="relativistic",
        classes=CLASSES,
        packing=2,
        augment=("color", "translation"),
        hyper={"learning_rate": 0.0},
    )
    return objective, jax.jit(objective.init)(jax.random.key(0), LABELLED), jax.jit(objective.step)


def test_the_discriminator_is_shown_augmented_packed_and_labelled_images(conditional):
    _, state, step = conditional
    _, told = step(state, LABELLED)
    key, labels = step_key(state.key, 0), LABELLED["label"]
    keys = lambda name: example_keys(stream(key, name, 0), 16)
    latents = gan.with_class(gan.draw_latents(keys(Stream.LATENT), 3), labels, CLASSES)
    fake = Generator().apply({"params": state.params["generator"]}, latents, True)
    for kind, images, name in (
        ("real", 2 * BATCH["image"] - 1, Stream.AUGMENT_REAL),
        ("fake", fake, Stream.AUGMENT_FAKE),
    ):
        shown = show(images, keys(name), ("color", "translation"), 2)
        logits = Telling(classes=CLASSES).apply(
            {"params": state.params["discriminator"]}, shown, True, labels.reshape(8, 2)
        )
        assert float(told[f"discriminator/{kind}_logit"]) == pytest.approx(float(logits.mean()), rel=1e-3, abs=1e-5)


def test_labels_outside_the_classes_stop_a_run_instead_of_passing_for_one(conditional):
    _, state, step = conditional
    _, told = step(state, BATCH | {"label": LABELLED["label"].at[5].set(CLASSES)})
    assert np.isnan(told["discriminator/loss"])


def test_data_without_labels_are_refused(conditional):
    objective, state, _ = conditional
    with pytest.raises(UsageError, match="classes is 3 and the data has no labels"):
        jax.eval_shape(objective.step, state, BATCH)


def test_samples_have_the_classes_asked_for_and_else_each_in_turn(conditional):
    objective, state, _ = conditional
    draw = jax.jit(objective.sample, static_argnums=2)
    turns = draw(state.ema["generator"], jax.random.key(1), 7)
    asked = draw(state.ema["generator"], jax.random.key(1), 7, jnp.arange(7) % CLASSES)
    np.testing.assert_array_equal(turns, asked)
    assert differs(turns, draw(state.ema["generator"], jax.random.key(1), 7, jnp.zeros(7, int)))
    assert jax.eval_shape(objective.pictures, state, LABELLED)["samples"].shape == (21, CLASSES, 4, 4, 1)


def test_the_class_beside_a_latent_has_mean_square_one():
    told = gan.with_class(jnp.zeros((4, 2)), jnp.arange(4), 4)[:, 2:]
    np.testing.assert_allclose((told**2).mean(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(told.argmax(1), range(4))


def test_penalties_of_every_kth_step_weigh_the_same_in_the_mean():
    told = {}
    for every in (1, 4):
        objective = make(penalties=("r1",), penalty_every=every, hyper={"learning_rate": 0.0})
        state = jax.jit(objective.init)(jax.random.key(0), BATCH)
        steps = jax.jit(lambda s, step=objective.step: jax.lax.scan(lambda s, _: step(s, BATCH), s, None, length=8))
        told[every] = np.array(steps(state)[1]["discriminator/r1"])
    np.testing.assert_array_equal(told[4] > 0, [False, False, False, True] * 2)
    np.testing.assert_allclose(told[4].reshape(2, 4).mean(1), told[1][:2], rtol=1e-5)


def test_alarms_watch_metrics_that_a_step_tells():
    objective = make()
    state = jax.eval_shape(objective.init, jax.random.key(0), BATCH)
    _, told = jax.eval_shape(objective.step, state, BATCH)
    assert objective.alarms == ALARMS
    assert {alarm.metric for alarm in ALARMS} <= set(told)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "hinge", "remedies": ("label_smoothing",)}, "label smoothing moves the target of real images"),
        ({"remedies": ("label_smooth",)}, "unknown remedy 'label_smooth': did you mean label_smoothing"),
        ({"penalty_every": 2}, "penalty_every is 2 and there is no penalty"),
        ({"augment": ("cut",)}, "unknown augmentation 'cut'"),
    ],
)
def test_options_without_sense_are_refused_before_anything_is_built(options, message):
    with pytest.raises(UsageError, match=message):
        make(**options)


def test_packing_that_does_not_come_out_even_is_refused():
    objective = make(packing=3)
    state = jax.eval_shape(objective.init, jax.random.key(0), BATCH)
    with pytest.raises(UsageError, match="packing 3 does not divide the 16 images that one device has"):
        jax.eval_shape(objective.step, state, BATCH)
