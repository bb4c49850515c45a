import jax
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.models.gan.mlp import Discriminator, Generator


def test_plain_is_the_network_asked_for(describe):
    generator = describe(Generator("plain"), (5, 100))
    assert generator.parameters == (100 * 128 + 128) + (128 * 128 + 128) + (128 * 784 + 784)
    assert generator.output == (5, 28, 28, 1)
    assert set(generator.variables) == {"params"}
    discriminator = describe(Discriminator("plain"), (5, 28, 28, 1))
    assert discriminator.parameters == (784 * 128 + 128) + (128 * 128 + 128) + (128 + 1)
    assert discriminator.output == (5,)


def test_batch_norm_is_the_network_asked_for(describe):
    generator = describe(Generator("batch_norm"), (5, 100))
    dense = (100 * 256 + 256) + (256 * 512 + 512) + (512 * 1024 + 1024) + (1024 * 784 + 784)
    assert generator.parameters == dense + 2 * (256 + 512 + 1024)
    assert generator.output == (5, 28, 28, 1)
    discriminator = describe(Discriminator("batch_norm"), (5, 28, 28, 1))
    assert discriminator.parameters == (784 * 512 + 512) + (512 * 256 + 256) + (256 + 1) + 2 * (512 + 256)
    assert discriminator.output == (5,)
    assert set(discriminator.variables["batch_stats"]["hidden"]) == {"norm_0", "norm_1"}


@pytest.mark.parametrize(("norm", "collection"), [("spectral", "spectral"), ("batch", "batch_stats")])
def test_a_discriminator_of_either_variant_takes_another_norm(describe, norm, collection):
    plain = describe(Discriminator("plain", norm), (5, 28, 28, 1)).variables
    assert set(plain) == {"params", collection}
    bare = describe(Discriminator("batch_norm", "none"), (5, 28, 28, 1)).variables
    assert set(bare) == {"params"}
    assert set(bare["params"]["hidden"]) == {"dense_0", "dense_1"}


def test_spectral_norm_divides_every_kernel(draw):
    network = Discriminator("plain", "spectral")
    variables = draw(network, (3, 4, 4, 1))
    images = np.random.default_rng(0).normal(size=(3, 4, 4, 1)).astype("float32")
    trained = jax.jit(
        lambda params: network.apply(variables | {"params": params}, images, True, mutable=["spectral"])[0]
    )
    scaled = jax.tree.map(lambda x: 8 * x if x.ndim > 1 else x, variables["params"])
    np.testing.assert_allclose(trained(scaled), trained(variables["params"]), rtol=1e-4)


def test_any_image_shape(describe):
    assert describe(Generator("plain", size=13, channels=3), (2, 10)).output == (2, 13, 13, 3)
    assert describe(Discriminator("plain"), (2, 13, 9, 3)).parameters == (351 * 128 + 128) + (128 * 128 + 128) + 129


@pytest.mark.parametrize("variant", ["plain", "batch_norm"])
def test_images_fill_the_range_of_minus_one_to_one(draw, infer, variant):
    generator = Generator(variant, size=4)
    latent = 1e4 * np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    images = infer(generator, draw(generator, (64, 3)), latent)
    assert images.min() == -1
    assert images.max() == 1


def test_an_unknown_variant_is_named(describe):
    with pytest.raises(UsageError, match="unknown variant of gan_mlp 'batchnorm': did you mean batch_norm"):
        describe(Generator("batchnorm"), (1, 3))
