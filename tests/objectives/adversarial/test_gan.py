from functools import partial

import jax
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.models.gan import growing
from jaxgen.training.randomness import Stream, example_keys, step_key, stream


def test_each_player_moves_by_its_own_learning_rate_alone(tiny):
    objective = tiny.make()
    state, step = jax.jit(objective.init)(jax.random.key(0), tiny.BATCH), jax.jit(objective.step)
    for scale, rate, moved in ((0.0, 1e-2, "generator"), (1e9, 1e-12, "discriminator")):
        rates = {"discriminator_scale": np.float32(scale), "learning_rate": np.float32(rate)}
        after, _ = step(state.replace(hyper=state.hyper | rates), tiny.BATCH)
        for player in ("generator", "discriminator"):
            change = max(
                abs(np.asarray(a) - np.asarray(b)).max()
                for a, b in zip(
                    jax.tree.leaves(state.params[player]), jax.tree.leaves(after.params[player]), strict=True
                )
            )
            assert (change > 1e-4) == (player == moved), (player, change)


def test_the_discriminator_loss_sends_no_gradient_into_the_generator(tiny, computed):
    # With sgd the generator's whole movement is the gradient of its own loss through the new discriminator, held.
    objective = tiny.make(optimizer="sgd", hyper={"b1": 0.0, "learning_rate": 0.1}, share_latents=False)
    state = jax.jit(objective.init)(jax.random.key(0), tiny.BATCH)
    after, metrics = jax.jit(objective.step)(state, tiny.BATCH)
    before, now = jax.device_get((state.params["generator"], after.params["generator"]))
    moved = jax.tree.map(lambda a, b: (a - b) / 0.1, before, now)
    norm = np.sqrt(sum((leaf**2).sum() for leaf in jax.tree.leaves(moved)))
    np.testing.assert_allclose(norm, metrics["generator/gradient_norm"], rtol=1e-4)

    def own_loss(params):
        keys = example_keys(stream(step_key(state.key, 0), Stream.LATENT, 1), 16)
        latents = jax.vmap(lambda key: jax.random.normal(key, (3,)))(keys)
        fake = tiny.Generator().apply({"params": params}, latents, True)
        return jax.nn.softplus(
            -tiny.Discriminator().apply({"params": after.params["discriminator"]}, fake, True)
        ).mean()

    expected = computed(jax.grad(own_loss), state.params["generator"])
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-6), moved, expected)


@pytest.mark.parametrize(("norm", "critic_steps"), [("batch", 1), ("none", 3)])
def test_both_players_fade_a_block_in_by_the_training_step(tiny, norm, critic_steps):
    batch = {"image": np.zeros((2 * critic_steps, 16, 16, 1), np.float32)}
    networks = growing.Generator(16, 1, 2, fade_steps=4), growing.Critic(norm, 2, fade_steps=4)
    objective = tiny.make(*networks, critic_steps=critic_steps)
    state, step = jax.jit(objective.init)(jax.random.key(0), batch), jax.jit(objective.step)
    for expected in (0, 1, 2):
        state, _ = step(state, batch)
        held = (*state.stats.values(), state.ema["generator"]["stats"])
        assert [float(stats["growth"]["fade_16"]["step"]) for stats in held] == [expected] * 3


def test_shared_latents_save_a_pass_through_the_generator(tiny):
    wide = tiny.Generator(width=2048)
    costs = {}
    for share in (True, False):
        objective = tiny.make(generator=wide, share_latents=share)
        state = jax.eval_shape(objective.init, jax.random.key(0), tiny.BATCH)
        costs[share] = jax.jit(objective.step).lower(state, tiny.BATCH).compile().cost_analysis()["flops"]
    forward = 2 * 16 * 2048 * (3 + 16)
    assert costs[False] - costs[True] == pytest.approx(forward, rel=0.2)


def test_clipping_holds_every_critic_parameter(tiny):
    objective = tiny.make(loss="wasserstein", clip_weights=True, critic_steps=2)
    state = jax.jit(objective.init)(jax.random.key(0), tiny.BATCH)
    state, _ = jax.jit(objective.step)(state, tiny.BATCH)
    assert max(abs(np.asarray(leaf)).max() for leaf in jax.tree.leaves(state.params["discriminator"])) <= 0.01 + 1e-9
    assert max(abs(np.asarray(leaf)).max() for leaf in jax.tree.leaves(state.params["generator"])) > 0.01


def test_every_critic_step_sees_its_own_images(tiny):
    objective = tiny.make(critic_steps=2, hyper={"b1": 0.0})
    state = jax.jit(objective.init)(jax.random.key(0), tiny.BATCH)
    swapped = {"image": np.concatenate([tiny.BATCH["image"][8:], tiny.BATCH["image"][:8]])}
    step = jax.jit(objective.step)
    assert tiny.differs(step(state, tiny.BATCH)[0].params, step(state, swapped)[0].params)


def test_batch_norm_under_a_per_example_penalty_is_refused(tiny):
    objective = tiny.make(discriminator=tiny.Discriminator(norm=True), penalties=("gradient_penalty",))
    with pytest.raises(UsageError, match="batch norm in the discriminator couples"):
        jax.eval_shape(objective.init, jax.random.key(0), tiny.BATCH)


def test_unknown_penalty_names_the_nearest(tiny):
    with pytest.raises(UsageError, match=r"unknown penalty 'gradient': did you mean gradient_penalty"):
        tiny.make(penalties=("gradient",))


def test_data_of_another_size_is_refused_with_both_sizes(tiny):
    with pytest.raises(UsageError, match=r"makes images of \(4, 4, 1\) and the data has \(8, 8, 3\)"):
        jax.eval_shape(tiny.make().init, jax.random.key(0), {"image": np.zeros((2, 8, 8, 3), np.float32)})


def test_a_gan_learns_the_mean_of_a_constant_image(tiny, train):
    target = {"image": np.full((16, 4, 4, 1), 0.8, np.float32)}
    objective = tiny.make(loss="relativistic", penalties=("r1", "r2"), hyper={"b1": 0.0, "ema_decay": 0.9})
    state, _ = train(objective, target, 400)
    samples = jax.jit(objective.generative.sample, static_argnums=2)(state.ema["generator"], jax.random.key(1), 64)
    np.testing.assert_allclose(np.asarray(samples).mean((0, 3)), 0.8, atol=0.1)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_historical_averaging_pulls_each_player_towards_its_past(tiny, remedied, player):
    state, after = remedied
    past = {player: jax.tree.map(lambda x: np.asarray(x) + np.float32(0.1), state.params[player])}
    steps = (after(past, historical_weight=weight) for weight in (0.0, 0.5))
    free, held = (jax.tree.map(np.asarray, (new.params, metrics)) for new, metrics in steps)
    pulled = jax.tree.map(lambda a, b: b - a, free[0][player], held[0][player])
    # Of w ‖θ − mean‖² the gradient is −2 w · 0.1 at every number.
    jax.tree.map(lambda x: np.testing.assert_allclose(x, tiny.RATE * 2 * 0.5 * 0.1, rtol=1e-2), pulled)
    count = sum(leaf.size for leaf in jax.tree.leaves(past))
    assert float(held[1][f"{player}/historical_averaging"]) == pytest.approx(0.5 * count * 0.01, rel=1e-3)


def test_the_past_is_the_mean_of_all_parameters_up_to_now(remedied):
    state, after = remedied
    new, _ = after()
    expected = jax.tree.map(lambda a, b: (np.asarray(a) + np.asarray(b)) / 2, state.params, new.params)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-7), new.ema["history"], expected)


def test_labels_outside_the_classes_stop_a_run_instead_of_passing_for_one(tiny, conditional):
    _, state, step = conditional
    labels = tiny.LABELLED["label"].copy()
    labels[5] = tiny.CLASSES
    _, metrics = step(state, tiny.BATCH | {"label": labels})
    assert np.isnan(metrics["discriminator/loss"])


def test_data_without_labels_are_refused(tiny, conditional):
    objective, state, _ = conditional
    with pytest.raises(UsageError, match="classes is 3 and the data has no labels"):
        jax.eval_shape(objective.step, state, tiny.BATCH)


@pytest.mark.parametrize("loss", ["non_saturating", "wasserstein"])
def test_alarms_watch_metrics_that_a_step_tells(tiny, loss):
    objective = tiny.make(loss=loss)
    state = jax.eval_shape(objective.init, jax.random.key(0), tiny.BATCH)
    _, metrics = jax.eval_shape(objective.step, state, tiny.BATCH)
    assert {alarm.metric for alarm in objective.alarms} <= set(metrics)
    assert len(objective.alarms) == (3 if loss == "wasserstein" else 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "hinge", "remedies": ("label_smoothing",)}, "label smoothing moves the target of real images"),
        ({"remedies": ("label_smooth",)}, "unknown remedy 'label_smooth': did you mean label_smoothing"),
        ({"penalty_every": 2}, "penalty_every is 2 and there is no penalty"),
        ({"augment": ("cut",)}, "unknown augmentation 'cut'"),
    ],
)
def test_options_without_sense_are_refused_before_anything_is_built(tiny, options, message):
    with pytest.raises(UsageError, match=message):
        tiny.make(**options)


def test_packing_that_does_not_come_out_even_is_refused(tiny):
    objective = tiny.make(packing=3)
    state = jax.eval_shape(objective.init, jax.random.key(0), tiny.BATCH)
    with pytest.raises(UsageError, match="packing 3 does not divide the 16 images that one device has"):
        jax.eval_shape(objective.step, state, tiny.BATCH)
