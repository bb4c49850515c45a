import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from flax import linen as nn

from jaxgen.errors import UsageError
from jaxgen.losses import variational
from jaxgen.metrics.likelihood import importance_sampling
from jaxgen.objectives import vae
from jaxgen.objectives.vae import make_vae
from jaxgen.training import memory

HYPER = {
    "learning_rate": 1e-2,
    "b1": 0.9,
    "b2": 0.999,
    "ema_decay": 0.0,
    "clip_norm": 0.0,
    "kl_weight": 1.0,
    "free_bits": 0.0,
    "likelihood_scale": 0.5,
}
IMAGES = np.random.default_rng(0).uniform(0, 1, (64, 2, 2, 1)).astype(np.float32)
BATCH = {"image": IMAGES}
GRAY = {"image": np.full_like(IMAGES, 0.5)}


class Vae(nn.Module):
    def setup(self):
        self.encoder, self.decoder = nn.Dense(4), nn.Dense(4)

    def encode(self, images, train):
        return jnp.split(self.encoder(images.reshape(len(images), -1)), 2, -1)

    def decode(self, latent, train):
        return self.decoder(latent).reshape(-1, 2, 2, 1)

    def __call__(self, images, noise, train):
        mean, log_variance = self.encode(images, train)
        codes = mean[:, None] + jnp.exp(log_variance / 2)[:, None] * noise
        return self.decode(codes.reshape(-1, 2), train).reshape(*noise.shape[:2], 2, 2, 1), mean, log_variance


def make(**options):
    return make_vae(Vae(), latent=2, hyper=HYPER | options.pop("hyper", {}), **options)


def with_hyper(state, hyper):
    return state.replace(hyper=state.hyper | {name: np.float32(value) for name, value in hyper.items()})


@pytest.fixture(scope="module")
def gaussian():
    """The objective of Gaussian pixels, and its training as a function of the batch and of changes to hyper."""
    objective = make(likelihood="gaussian")

    @jax.jit
    def run(batch, hyper):
        state = objective.init(jax.random.key(0), batch)
        state = state.replace(hyper=state.hyper | hyper)
        return jax.lax.scan(lambda s, _: objective.step(s, batch), state, length=300)

    def train(batch=BATCH, **hyper):
        state, metrics = run(batch, {name: np.float32(value) for name, value in hyper.items()})
        return state, jax.device_get(metrics)

    return objective, train


@pytest.fixture(scope="module")
def trained(gaussian):
    objective, train = gaussian
    return objective, *train()


@pytest.fixture(scope="module")
def pictures(trained):
    objective, state, _ = trained
    return jax.device_get(jax.jit(objective.visualize)(state, BATCH))


@pytest.fixture(scope="module")
def reconstruct(trained):
    objective, state, _ = trained
    compiled = jax.jit(objective.latent.reconstruct)
    return lambda images: np.asarray(compiled(state.ema["model"], images))


@pytest.fixture(scope="module")
def evaluate(gaussian):
    objective, _ = gaussian
    compiled = jax.jit(objective.evaluate)
    return lambda state: jax.device_get(compiled(state, BATCH))


@pytest.fixture(scope="module")
def bernoulli():
    """A fresh state of the objective of binary pixels, and the metrics of a step as a function of it."""
    objective = make()
    step = jax.jit(objective.step)
    return jax.jit(objective.init)(jax.random.key(0), BATCH), lambda state: jax.device_get(step(state, BATCH)[1])


def log_likelihood(params, images):
    """Computes the exact log p(x) of a linear Gaussian model of scale 0.5 with the decoder's weights."""
    weights, bias = (np.float64(params["decoder"][name]) for name in ("kernel", "bias"))
    return scipy.stats.multivariate_normal.logpdf(images.reshape(-1, 4), bias, weights.T @ weights + 0.25 * np.eye(4))


def test_loss_is_reconstruction_plus_weighted_kl_in_nats(bernoulli, computed):
    state, step = bernoulli
    metrics = step(with_hyper(state, {"kl_weight": 0.25}))
    total = metrics["model/reconstruction"] + 0.25 * metrics["model/kl"]
    np.testing.assert_allclose(metrics["model/loss"], total, rtol=1e-6)

    def divergence(params):
        return variational.kl_standard_normal(*Vae().apply({"params": params}, IMAGES, True, method="encode")).mean()

    np.testing.assert_allclose(metrics["model/kl"], computed(divergence, state.params["model"]), rtol=1e-5)


def test_training_raises_the_bound(trained):
    _, _, metrics = trained
    assert metrics["model/loss"][-1] < metrics["model/loss"][0] - 1


def test_the_bound_is_below_the_exact_likelihood_of_a_linear_gaussian_model(trained, evaluate):
    _, state, _ = trained
    exact = log_likelihood(state.params["model"], IMAGES).mean()
    gap = float(exact + evaluate(state)["evaluation/negative_elbo"])
    assert -0.05 < gap < 0.6


def test_samples_and_reconstructions_are_images(pictures, reconstruct):
    assert pictures["samples"].shape == (64, 2, 2, 1)
    rows = pictures["reconstructions"]
    assert rows.shape == (8, 8, 2, 2, 1)
    np.testing.assert_array_equal(rows[::2].reshape(-1, 2, 2, 1), IMAGES[:32])
    again = reconstruct(IMAGES)[:32]
    np.testing.assert_allclose(rows[1::2].reshape(-1, 2, 2, 1), again, rtol=1e-5, atol=1e-6)


def test_an_image_generated_from_its_code_is_its_reconstruction(trained, reconstruct, computed):
    objective, state, _ = trained

    def encode_and_generate(held):
        code, _ = Vae().apply({"params": held["params"]}, IMAGES, False, method="encode")
        return code, objective.generative.generate(held, code, None)

    code, generated = computed(encode_and_generate, state.ema["model"])
    assert code.shape[1] == objective.generative.latent_size
    np.testing.assert_allclose(generated, reconstruct(IMAGES), atol=1e-6)


def test_the_reconstruction_is_a_sum_over_pixels_and_a_mean_over_images(bernoulli):
    state, step = bernoulli
    # A decoder that gives 0 for every logit: log 2 nats for each of the four pixels.
    state = state.replace(params=jax.tree.map(np.zeros_like, state.params))
    metrics = step(with_hyper(state, {"kl_weight": 0.0}))
    np.testing.assert_allclose(metrics["model/reconstruction"], 4 * np.log(2), rtol=1e-5)


def test_the_divergence_is_added_and_so_holds_the_code_to_the_prior(gaussian):
    _, train = gaussian
    free, held = (train(kl_weight=weight)[1]["model/kl"][-1] for weight in (0.0, 50.0))
    assert held < 0.05
    assert free > 1


def test_the_gradient_through_the_code_is_that_of_the_expectation(bernoulli, computed):
    params = bernoulli[0].params["model"]
    image, many = IMAGES[:1], 100_000

    def expected(params):
        weights, bias = params["decoder"]["kernel"], params["decoder"]["bias"]
        mean, log_variance = Vae().apply({"params": params}, image, False, method="encode")
        error = mean @ weights + bias - image.reshape(1, 4)
        return (error**2).sum() / 2 + (jnp.exp(log_variance) @ weights**2).sum() / 2

    def sampled(params):
        noise = jax.random.normal(jax.random.key(1), (1, many, 2))
        decoded, *_ = Vae().apply({"params": params}, image, noise, False)
        return variational.gaussian_nll(decoded[0], jnp.repeat(image, many, 0), 1.0).mean()

    exact, estimate = (computed(jax.grad(f), params)["encoder"] for f in (expected, sampled))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=0.02), exact, estimate)
    assert max(abs(leaf).max() for leaf in jax.tree.leaves(exact)) > 0.1


def test_free_bits_are_a_divergence_that_costs_nothing(bernoulli):
    state, step = bernoulli
    steps = {free: step(with_hyper(state, {"free_bits": free})) for free in (0.0, 100.0)}
    total = lambda metrics: metrics["model/loss"] - metrics["model/reconstruction"]
    np.testing.assert_allclose(total(steps[100.0]), 2 * 100, rtol=1e-5)
    np.testing.assert_allclose(total(steps[0.0]), steps[0.0]["model/kl"], rtol=1e-5)


def test_more_codes_make_the_bound_tighter_up_to_the_likelihood(trained):
    _, state, _ = trained
    exact = -log_likelihood(state.params["model"], IMAGES).mean()
    first = state.replace(step=np.zeros_like(state.step))
    losses = []
    for samples in (1, 8, 512):
        objective = make(likelihood="gaussian", samples=samples)
        losses.append(float(jax.jit(objective.step)(first, BATCH)[1]["model/loss"]))
    assert losses[0] > losses[1] > losses[2]
    assert abs(losses[2] - exact) < 0.02 < losses[0] - exact


def test_log_weights_estimate_the_likelihood(trained):
    objective, state, _ = trained
    exact = log_likelihood(state.ema["model"]["params"], IMAGES[:8])
    draw = lambda key: objective.latent.log_weights(state.ema["model"], key, IMAGES[:8], 500, state.hyper)
    found = jax.device_get(jax.jit(lambda key: importance_sampling(draw, key, 20_000))(jax.random.key(5)))
    np.testing.assert_allclose(found.log_likelihood, exact, atol=0.03)
    assert (found.bound < found.log_likelihood).all()
    assert (found.effective > 1000).all()


def test_binary_pixels_are_drawn_anew_in_each_step_and_once_for_evaluation():
    objective = make(binarise=True, hyper={"learning_rate": 0.0, "kl_weight": 0.0})
    state = jax.jit(objective.init)(jax.random.key(0), GRAY)
    step, evaluate = jax.jit(objective.step), jax.jit(objective.evaluate)
    following, first = step(state, GRAY)
    assert first["model/reconstruction"] != step(following, GRAY)[1]["model/reconstruction"]
    assert evaluate(state, GRAY)["evaluation/reconstruction"] == evaluate(state, GRAY)["evaluation/reconstruction"]
    certain = {"image": np.ones_like(IMAGES)}
    plain = make(hyper={"learning_rate": 0.0, "kl_weight": 0.0})
    same = [compiled(state, certain)[1]["model/reconstruction"] for compiled in (step, jax.jit(plain.step))]
    np.testing.assert_allclose(*same, rtol=1e-6)


def test_pictures_show_what_the_encoder_of_binary_pixels_is_trained_on(bernoulli, computed):
    rows = computed(make(binarise=True).visualize, bernoulli[0], GRAY)["reconstructions"]
    assert set(np.unique(rows[0])) == {0, 1}


def test_a_code_that_nothing_uses_is_warned_of(gaussian, evaluate):
    objective, train = gaussian
    (alarm,) = objective.alarms
    state, metrics = train(kl_weight=1000.0)
    assert alarm.wrong(float(metrics[alarm.metric][-1]))
    assert "posterior collapse" in alarm.advice
    assert evaluate(state)["evaluation/active_units"] == 0


def test_free_bits_do_not_hide_that_a_code_is_unused(gaussian):
    # The posterior of a blank image is as far from the prior as costs nothing.
    objective, train = gaussian
    _, metrics = train(GRAY, kl_weight=1000.0, free_bits=0.1)
    assert 0.02 < metrics["model/kl"][-1] <= 0.2
    assert objective.alarms[0].wrong(float(metrics["model/active_units"][-1]))


def test_a_used_code_is_not_warned_of(trained, evaluate):
    objective, state, metrics = trained
    assert not objective.alarms[0].wrong(float(metrics["model/active_units"][-1]))
    assert 1 <= evaluate(state)["evaluation/active_units"] <= 2


def test_walks_between_and_along_codes_are_pictures_in_their_places(pictures, reconstruct):
    assert pictures["interpolations"].shape == (8, 9, 2, 2, 1)
    assert pictures["traversals"].shape == (2, 9, 2, 2, 1)
    again = reconstruct(IMAGES)
    np.testing.assert_allclose(pictures["interpolations"][:, 0], again[:8], atol=1e-5)
    np.testing.assert_allclose(pictures["interpolations"][:, -1], again[8:16], atol=1e-5)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_evaluation_tells_the_tighter_bound_too(likelihood, bernoulli):
    objective = make(likelihood=likelihood, samples=16)
    state, _ = bernoulli
    found = jax.jit(objective.evaluate)(state, BATCH)
    assert found["evaluation/negative_bound"] < found["evaluation/negative_elbo"]
    assert objective.selection.metric == "evaluation/negative_bound"


def test_many_images_are_evaluated_in_parts_with_the_same_result(bernoulli, monkeypatch):
    objective = make(samples=16, binarise=True)
    state, _ = bernoulli
    # A function of its own each time: one that was traced is not traced again.
    evaluate = lambda: jax.jit(lambda state: objective.evaluate(state, BATCH))(state)
    expected, many = evaluate(), {"image": np.zeros((5000, 2, 2, 1), np.float32)}
    for name, value in expected.items():
        assert np.isfinite(value), name
    monkeypatch.setattr(vae, "TOGETHER", 10**6)
    for name, value in evaluate().items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-5, err_msg=name)
    assert memory.largest_array(lambda: objective.evaluate(state, many)) > 5000 * 16 * 2 * 4
    monkeypatch.undo()
    assert memory.largest_array(lambda: objective.evaluate(state, many)) <= 5000 * 4 * 4


def test_what_makes_no_model_is_refused():
    with pytest.raises(UsageError, match="samples 0: give at least 1 code for each image"):
        make(samples=0)
    with pytest.raises(
        UsageError, match="binarise with likelihood gaussian: set likelihood to bernoulli, or give --no-binarise"
    ):
        make(likelihood="gaussian", binarise=True)


def test_unknown_likelihood_names_those_there_are():
    with pytest.raises(UsageError, match=r"unknown likelihood 'bernouli': did you mean bernoulli\?"):
        make(likelihood="bernouli")
