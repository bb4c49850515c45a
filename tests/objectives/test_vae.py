import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.errors import UsageError
from jaxgen.losses import variational
from jaxgen.objectives.vae import make_vae

HYPER = {
    "learning_rate": 1e-2,
    "b1": 0.9,
    "b2": 0.999,
    "ema_decay": 0.0,
    "clip_norm": 0.0,
    "kl_weight": 1.0,
    "likelihood_scale": 0.5,
}
IMAGES = jnp.asarray(np.random.default_rng(0).uniform(0, 1, (64, 2, 2, 1)), jnp.float32)
BATCH = {"image": IMAGES}


class Vae(nn.Module):
    def setup(self):
        self.encoder, self.decoder = nn.Dense(4), nn.Dense(4)

    def encode(self, images, train):
        return jnp.split(self.encoder(images.reshape(len(images), -1)), 2, -1)

    def decode(self, latent, train):
        return self.decoder(latent).reshape(-1, 2, 2, 1)

    def __call__(self, images, noise, train):
        mean, log_variance = self.encode(images, train)
        return self.decode(mean + jnp.exp(log_variance / 2) * noise, train), mean, log_variance


def make(**options):
    return make_vae(Vae(), latent=2, hyper=HYPER | options.pop("hyper", {}), **options)


@pytest.fixture(scope="module")
def trained():
    objective = make(likelihood="gaussian")
    state = jax.jit(objective.init)(jax.random.key(0), BATCH)
    run = jax.jit(lambda state: jax.lax.scan(lambda s, _: objective.step(s, BATCH), state, None, length=300))
    state, metrics = run(state)
    return objective, state, metrics


def test_loss_is_reconstruction_plus_weighted_kl_in_nats():
    objective = make(hyper={"kl_weight": 0.25})
    state = jax.jit(objective.init)(jax.random.key(0), BATCH)
    _, metrics = jax.jit(objective.step)(state, BATCH)
    total = metrics["model/reconstruction"] + 0.25 * metrics["model/kl"]
    np.testing.assert_allclose(metrics["model/loss"], total, rtol=1e-6)
    mean, log_variance = Vae().apply({"params": state.params["model"]}, IMAGES, True, method="encode")
    np.testing.assert_allclose(
        metrics["model/kl"], variational.kl_standard_normal(mean, log_variance).mean(), rtol=1e-5
    )


def test_training_raises_the_bound(trained):
    _, _, metrics = trained
    assert metrics["model/loss"][-1] < metrics["model/loss"][0] - 1


def test_the_bound_is_below_the_exact_likelihood_of_a_linear_gaussian_model(trained):
    objective, state, _ = trained
    weights, bias = state.params["model"]["decoder"]["kernel"], state.params["model"]["decoder"]["bias"]
    covariance = weights.T @ weights + 0.25 * jnp.eye(4)
    exact = jax.scipy.stats.multivariate_normal.logpdf(IMAGES.reshape(-1, 4), bias, covariance).mean()
    gap = float(exact + objective.evaluate(state, BATCH)["evaluation/negative_elbo"])
    assert -0.05 < gap < 0.6


def test_samples_and_reconstructions_are_images(trained):
    objective, state, _ = trained
    pictures = objective.pictures(state, BATCH)
    assert pictures["samples"].shape == (64, 2, 2, 1)
    rows = pictures["reconstructions"]
    assert rows.shape == (8, 8, 2, 2, 1)
    np.testing.assert_array_equal(rows[::2].reshape(-1, 2, 2, 1), IMAGES[:32])
    again = objective.reconstruct(state.ema["model"], IMAGES[:32])
    np.testing.assert_allclose(rows[1::2].reshape(-1, 2, 2, 1), again, rtol=1e-5, atol=1e-6)


def test_what_is_generated_from_a_code_is_what_the_code_stands_for(trained):
    objective, state, _ = trained
    code, _ = Vae().apply({"params": state.ema["model"]["params"]}, IMAGES, False, method="encode")
    assert code.shape[1] == objective.latent
    made = objective.generate(state.ema["model"], code, None)
    np.testing.assert_allclose(made, objective.reconstruct(state.ema["model"], IMAGES), atol=1e-6)


def test_unknown_likelihood_names_those_there_are():
    with pytest.raises(UsageError, match=r"unknown likelihood 'bernouli': did you mean bernoulli\?"):
        make(likelihood="bernouli")
