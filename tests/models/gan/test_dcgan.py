import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.models.gan.dcgan import Discriminator, Generator

WIDTHS = {28: [128, 64], 32: [256, 128, 64], 64: [512, 256, 128, 64], 128: [1024, 512, 256, 128, 64]}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", WIDTHS)
def test_generator_is_the_papers(describe, size, channels):
    widths, base = WIDTHS[size], size // 2 ** len(WIDTHS[size])
    generator = describe(Generator(size=size, channels=channels), (5, 100))
    kernels = [4 * 4 * a * b for a, b in zip(widths, [*widths[1:], channels], strict=True)]
    assert generator.parameters == 100 * base * base * widths[0] + sum(kernels) + 2 * sum(widths)
    assert generator.output == (5, size, size, channels)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", WIDTHS)
def test_discriminator_is_the_papers(describe, size, channels):
    widths, base = WIDTHS[size][::-1], size // 2 ** len(WIDTHS[size])
    kernels = sum(4 * 4 * a * b for a, b in zip([channels, *widths], widths, strict=False)) + base * base * widths[-1]
    batch = describe(Discriminator(), (5, size, size, channels))
    assert batch.parameters == kernels + 2 * sum(widths[1:])
    assert batch.output == (5,)
    assert set(batch.variables["batch_stats"]) == {f"norm_{i}" for i in range(1, len(widths))}

    plain = describe(Discriminator("none"), (5, size, size, channels))
    assert plain.parameters == kernels + sum(widths) + 1
    assert set(plain.variables) == {"params"}
    assert describe(Discriminator("layer"), (5, size, size, channels)).parameters == plain.parameters + 2 * sum(
        widths[1:]
    )

    spectral = describe(Discriminator("spectral"), (5, size, size, channels))
    assert spectral.parameters == plain.parameters
    assert {name: u["spectral"]["u"].shape for name, u in spectral.variables["spectral"].items()} == {
        f"conv_{i}": (width,) for i, width in enumerate(widths)
    } | {"logit": (1,)}


def test_the_known_counts_at_64_pixels(describe):
    # Those of PyTorch's DCGAN example.
    assert describe(Generator(), (1, 100)).parameters == 3_576_704
    assert describe(Discriminator(), (1, 64, 64, 3)).parameters == 2_765_568


def test_parameters_have_stable_names(describe):
    generator = describe(Generator(size=32), (1, 100)).variables["params"]
    assert jax.tree.map(lambda x: x.shape, generator) == {
        "project": {"kernel": (100, 4096)},
        "norm_0": {"scale": (256,), "bias": (256,)},
        "conv_1": {"kernel": (4, 4, 128, 256)},
        "norm_1": {"scale": (128,), "bias": (128,)},
        "conv_2": {"kernel": (4, 4, 64, 128)},
        "norm_2": {"scale": (64,), "bias": (64,)},
        "image": {"kernel": (4, 4, 3, 64)},
    }


def test_initial_weights_are_drawn_as_in_the_paper():
    networks = [(Generator(size=8), (1, 10)), (Discriminator(width=16), (1, 16, 16, 3))]
    for network, shape in networks:
        init = jax.jit(lambda key, net=network, shape=shape: net.init(key, jnp.zeros(shape), True))
        params = jax.device_get(init(jax.random.key(0))["params"])
        for name, layer in params.items():
            for kind, values in layer.items():
                mean, spread = {"kernel": (0, 0.02), "scale": (1, 0.02), "bias": (0, 0)}[kind]
                error = 5 * spread / values.size**0.5
                assert abs(values.mean() - mean) <= error, (name, kind)
                assert abs(values.std() - spread) <= error, (name, kind)


@pytest.mark.parametrize("train", [True, False])
def test_both_players_agree_with_torch(draw, train):
    torch = pytest.importorskip("torch")
    functional, tensors = torch.nn.functional, lambda variables: jax.tree.map(torch.tensor, variables)
    generator, discriminator = Generator(size=16, channels=2, width=3), Discriminator(width=3)
    ours = draw(generator, (6, 5)), draw(discriminator, (6, 16, 16, 2))
    made, judged = tensors(ours)
    latent = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")

    def norm(x, variables, name):
        params, stats = variables["params"][name], variables["batch_stats"][name]
        return functional.batch_norm(x, stats["mean"], stats["var"], params["scale"], params["bias"], training=train)

    def convolve(convolution, x, variables, name):
        return convolution(x, variables["params"][name]["kernel"].permute(3, 2, 0, 1), stride=2, padding=1)

    up, down = functional.conv_transpose2d, functional.conv2d
    x = (torch.tensor(latent) @ made["params"]["project"]["kernel"]).reshape(6, 4, 4, 6).permute(0, 3, 1, 2)
    x = convolve(up, norm(x, made, "norm_0").relu(), made, "conv_1")
    fake = convolve(up, norm(x, made, "norm_1").relu(), made, "image").tanh()
    x = functional.leaky_relu(convolve(down, fake, judged, "conv_0"), 0.2)
    x = functional.leaky_relu(norm(convolve(down, x, judged, "conv_1"), judged, "norm_1"), 0.2)
    logits = x.permute(0, 2, 3, 1).flatten(1) @ judged["params"]["logit"]["kernel"]

    def play(variables, latent):
        images, _ = generator.apply(variables[0], latent, train, mutable=["batch_stats"])
        return images, discriminator.apply(variables[1], images, train, mutable=["batch_stats"])[0]

    images, our_logits = jax.jit(play)(ours, latent)
    np.testing.assert_allclose(images, fake.permute(0, 2, 3, 1), atol=1e-5)
    np.testing.assert_allclose(our_logits, logits[:, 0], atol=1e-4)


@pytest.mark.parametrize("norm", ["layer", "spectral"])
def test_without_batch_norm_a_logit_depends_on_its_own_image_only(assert_examples_are_apart, norm):
    assert_examples_are_apart(Discriminator(norm, width=4), 16, rtol=1e-5)


def test_what_it_cannot_take_is_refused_in_one_line(describe):
    with pytest.raises(UsageError, match=r"image size 30x30: dcgan takes square images of .* 28, 32, .* 64"):
        describe(Generator(size=30), (1, 100))
    with pytest.raises(UsageError, match="image size 32x64: dcgan"):
        describe(Discriminator(), (1, 32, 64, 3))
    with pytest.raises(UsageError, match="unknown norm 'bach': did you mean batch"):
        describe(Discriminator("bach"), (1, 32, 32, 3))
