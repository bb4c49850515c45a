import jax
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.models.vae.vae import ConvVAE, DenseVAE


def test_dense_is_the_flax_examples(describe):
    vae = describe(DenseVAE(), (5, 28, 28, 1), (5, 1, 20))
    assert vae.parameters == (784 * 500 + 500) + 2 * (500 * 20 + 20) + (20 * 500 + 500) + (500 * 784 + 784)
    assert vae.output == ((5, 1, 28, 28, 1), (5, 20), (5, 20))


def test_dense_layers_are_mirrored(describe):
    vae = describe(DenseVAE(size=8, latent=3, hidden=(40, 30)), (5, 8, 8, 1), (5, 1, 3))
    encoder = (64 * 40 + 40) + (40 * 30 + 30) + 2 * (30 * 3 + 3)
    assert vae.parameters == encoder + (3 * 30 + 30) + (30 * 40 + 40) + (40 * 64 + 64)


@pytest.mark.parametrize(
    ("size", "channels", "features"),
    [(28, 1, (32, 64)), (12, 1, (32, 64)), (32, 3, (32, 64, 128)), (64, 3, (32, 64, 128))],
)
def test_convolutional_counts_and_shapes(describe, size, channels, features):
    vae = describe(ConvVAE(size, channels, features=features), (5, size, size, channels), (5, 2, 20))
    flat = (size // 2 ** len(features)) ** 2 * features[-1]
    pairs = list(zip([channels, *features], features, strict=False))
    encoder = sum(16 * a * b + b for a, b in pairs) + (flat * 256 + 256) + 2 * (256 * 20 + 20)
    decoder = (20 * 256 + 256) + (256 * flat + flat) + sum(16 * a * b + a for a, b in pairs)
    assert vae.parameters == encoder + decoder
    assert vae.output == ((5, 2, size, size, channels), (5, 20), (5, 20))


@pytest.mark.parametrize("vae", [DenseVAE(8, 1, 3, hidden=(6,)), ConvVAE(8, 1, 3, features=(2, 4), hidden=6)])
def test_the_code_is_mean_plus_scaled_noise(draw, vae):
    rng = np.random.default_rng(0)
    images, noise = rng.uniform(size=(2, 8, 8, 1)).astype("float32"), rng.normal(size=(2, 4, 3)).astype("float32")
    variables = draw(vae, images.shape, noise.shape)
    decoded, mean, log_variance = jax.jit(lambda v: vae.apply(v, images, noise, True))(variables)
    encoded = jax.jit(lambda v: vae.apply(v, images, False, method="encode"))(variables)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), encoded, (mean, log_variance))
    codes = mean[:, None] + np.exp(log_variance)[:, None] ** 0.5 * noise
    again = jax.jit(lambda v: vae.apply(v, codes.reshape(8, 3), False, method="decode"))(variables)
    np.testing.assert_allclose(again.reshape(decoded.shape), decoded, atol=1e-5)
    assert set(variables["params"]) == {"encoder", "decoder"}
    assert set(variables["params"]["encoder"]["posterior"]) == {"mean", "log_variance"}


@pytest.mark.parametrize("vae", [DenseVAE(8, 3, 3, 2, hidden=(6,)), ConvVAE(8, 3, 3, 2, features=(2, 4), hidden=6)])
def test_a_likelihood_may_take_several_numbers_of_each_value(describe, vae):
    assert describe(vae, (5, 8, 8, 3), (5, 1, 3)).output[0] == (5, 1, 8, 8, 6)


def test_hidden_layers_have_the_activation_that_was_asked_for(draw):
    images, noise = np.ones((1, 8, 8, 1), "f"), np.ones((1, 1, 3), "f")
    relu, tanh = (DenseVAE(8, 1, 3, hidden=(6,), activation=name) for name in ("relu", "tanh"))
    variables = draw(relu, images.shape, noise.shape)
    first = images.reshape(1, -1) @ variables["params"]["encoder"]["dense_0"]["kernel"]
    last = variables["params"]["encoder"]["posterior"]["mean"]
    for module, function in ((relu, lambda x: np.maximum(x, 0)), (tanh, np.tanh)):
        mean, _ = module.apply(variables, images, False, method="encode")
        hidden = function(first + variables["params"]["encoder"]["dense_0"]["bias"])
        np.testing.assert_allclose(mean, hidden @ last["kernel"] + last["bias"], atol=1e-5)


def test_what_it_cannot_take_is_refused_in_one_line(describe):
    with pytest.raises(
        UsageError, match="image size 30x30: this convolutional vae takes sides that are multiples of 4"
    ):
        describe(ConvVAE(size=30), (1, 30, 30, 1), (1, 1, 20))
    with pytest.raises(UsageError, match=r"images of shape \(32, 32, 1\): this vae takes \(28, 28, 1\)"):
        describe(DenseVAE(), (1, 32, 32, 1), (1, 1, 20))
