from functools import partial

import jax
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.models.gan.mlp import Discriminator as MlpDiscriminator
from jaxgen.nn.layers import Conv, ConvTranspose, Dense
from jaxgen.objectives.adversarial import gan_samples
from jaxgen.objectives.adversarial.discriminator import discriminator_input, features
from jaxgen.training.randomness import Stream, example_keys, step_key, stream


def test_one_discriminator_update_sees_real_and_generated_images(tiny, computed):
    objective = tiny.make(hyper={"learning_rate": 0.0})
    state = jax.jit(objective.init)(jax.random.key(0), tiny.BATCH)
    _, metrics = jax.jit(objective.step)(state, tiny.BATCH)
    held = {"params": state.params["discriminator"]}
    real = computed(lambda x: tiny.Discriminator().apply(held, x, True), 2 * tiny.BATCH["image"] - 1)
    np.testing.assert_allclose(metrics["discriminator/real_logit"], real.mean(), rtol=1e-5)
    assert metrics["discriminator/fake_logit"] != metrics["discriminator/real_logit"]


def test_penalties_are_metrics_and_are_weighted_by_hyper(tiny):
    weights = {"gradient_penalty": "penalty_weight", "r1": "r1_weight", "r2": "r2_weight"}
    objective = tiny.make(penalties=tuple(weights))
    state, step = jax.jit(objective.init)(jax.random.key(0), tiny.BATCH), jax.jit(objective.step)
    metrics = step(state, tiny.BATCH)[1]
    for doubled, weight in weights.items():
        doubled_metrics = step(state.replace(hyper=state.hyper | {weight: 2 * state.hyper[weight]}), tiny.BATCH)[1]
        for penalty in weights:
            assert doubled_metrics[f"discriminator/{penalty}"] > 0
            expected = metrics[f"discriminator/{penalty}"] * (2 if penalty == doubled else 1)
            assert float(doubled_metrics[f"discriminator/{penalty}"]) == pytest.approx(float(expected), rel=1e-5)


def test_penalties_of_every_kth_step_have_the_same_mean(tiny):
    values = {}
    for every in (1, 4):
        objective = tiny.make(penalties=("r1",), penalty_every=every, hyper={"learning_rate": 0.0})
        state = jax.jit(objective.init)(jax.random.key(0), tiny.BATCH)
        steps = jax.jit(
            lambda s, step=objective.step: jax.lax.scan(lambda s, _: step(s, tiny.BATCH), s, None, length=8)
        )
        values[every] = np.array(steps(state)[1]["discriminator/r1"])
    np.testing.assert_array_equal(values[4] > 0, [False, False, False, True] * 2)
    np.testing.assert_allclose(values[4].reshape(2, 4).mean(1), values[1][:2], rtol=1e-5)


@pytest.mark.parametrize(("separate", "visible"), [(True, False), (False, True)])
def test_batch_norm_before_the_logit_hides_the_kind_unless_both_share_a_batch(tiny, separate, visible):
    objective = tiny.make(discriminator=tiny.NormBeforeLogit(), separate_batches=separate)
    state = jax.jit(objective.init)(jax.random.key(0), tiny.BATCH)
    _, metrics = jax.jit(objective.step)(state, tiny.BATCH)
    gap = abs(float(metrics["discriminator/real_logit"] - metrics["discriminator/fake_logit"]))
    assert (gap > 1e-2) == visible


def test_smoothed_labels_change_the_discriminators_loss_alone(remedied):
    _, after = remedied
    metrics = [after(label_smoothing=smoothing, learning_rate=0.0)[1] for smoothing in (0.0, 0.25)]
    changed = {name for name in metrics[0] if metrics[0][name] != metrics[1][name]}
    assert changed == {"discriminator/loss", "discriminator/gradient_norm"}


def test_feature_matching_moves_the_generator_down_the_distance_of_mean_features(tiny, remedied, computed):
    state, after = remedied
    new, metrics = after(historical_weight=0.0)
    draw = lambda key: gan_samples.draw_latents(example_keys(stream(step_key(key, 0), Stream.LATENT, 0), 16), 3)
    latents = computed(draw, state.key)
    held = {"params": new.params["discriminator"], "stats": {}}

    @jax.jit
    @jax.value_and_grad
    def distance(params):
        images = 2 * tiny.BATCH["image"] - 1, tiny.Generator().apply({"params": params}, latents, True)
        real, fake = (features(MlpDiscriminator(), held, x, None).mean(0) for x in images)
        return ((real - fake) ** 2).sum()

    value, slope = distance(state.params["generator"])
    assert float(metrics["generator/loss"]) == pytest.approx(float(value), rel=1e-4)
    before, now = jax.device_get((state.params["generator"], new.params["generator"]))
    moved = jax.tree.map(lambda a, b: (a - b) / tiny.RATE, before, now)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-5), moved, slope)


def test_orthogonal_regularisation_sums_over_the_outputs_of_every_kind_of_layer(tiny):
    class Up(nn.Module):
        @nn.compact
        def __call__(self, latent, train):
            x = Dense(8, use_bias=False, name="dense")(latent).reshape(-1, 2, 2, 2)
            return Conv(1, name="same")(ConvTranspose(3, name="up")(x))

    weight = 0.5
    objective = tiny.make(generator=Up(), remedies=("orthogonal_regularisation",), hyper={"orthogonal_weight": weight})
    state = jax.jit(objective.init)(jax.random.key(0), tiny.BATCH)
    penalty = jax.jit(objective.step)(state, tiny.BATCH)[1]["generator/orthogonal_regularisation"]
    kernels = {name: np.asarray(layer["kernel"]) for name, layer in state.params["generator"].items()}
    kernels["up"] = kernels["up"].swapaxes(2, 3)  # (4, 4, outputs, inputs) otherwise
    flat = [kernel.reshape(-1, kernel.shape[-1]) for kernel in kernels.values()]
    expected = sum(((w.T @ w * (1 - np.eye(w.shape[1]))) ** 2).sum() for w in flat)
    assert float(penalty) == pytest.approx(weight * expected, rel=1e-4)


def test_the_discriminator_sees_augmented_packed_and_labelled_images(tiny, conditional, computed):
    _, state, step = conditional
    _, metrics = step(state, tiny.LABELLED)
    labels = tiny.LABELLED["label"]

    def mean_logits(key, params):
        keys = lambda name: example_keys(stream(step_key(key, 0), name, 0), 16)
        latents = gan_samples.with_class(gan_samples.draw_latents(keys(Stream.LATENT), 3), labels, tiny.CLASSES)
        fake = tiny.Generator().apply({"params": params["generator"]}, latents, True)
        logits = {}
        for kind, images, name in (
            ("real", 2 * tiny.BATCH["image"] - 1, Stream.AUGMENT_REAL),
            ("fake", fake, Stream.AUGMENT_FAKE),
        ):
            shown = discriminator_input(images, None, keys(name), ("color", "translation"), 2)
            logits[kind] = MlpDiscriminator(classes=tiny.CLASSES).apply(
                {"params": params["discriminator"]}, shown, True, labels.reshape(8, 2)
            )
        return jax.tree.map(lambda x: x.mean(), logits)

    for kind, expected in computed(mean_logits, state.key, state.params).items():
        assert float(metrics[f"discriminator/{kind}_logit"]) == pytest.approx(float(expected), rel=1e-3, abs=1e-5)
