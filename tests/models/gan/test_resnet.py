import jax
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.models.gan.resnet import Critic, CriticBlock, Generator, UpBlock, mean_pool, upsample

CONV = 3 * 3 * 128 * 128 + 128
SHORTCUT = 128 * 128 + 128
NORM = 2 * 128


@pytest.mark.parametrize(("size", "channels", "blocks"), [(28, 1, 2), (32, 3, 3), (64, 3, 4)])
def test_generator_is_the_papers(describe, size, channels, blocks):
    generator = describe(Generator(size=size, channels=channels), (5, 128))
    base = size // 2**blocks
    project, image = 128 * base * base * 128 + base * base * 128, 3 * 3 * 128 * channels + channels
    assert generator.parameters == project + blocks * (2 * CONV + 2 * NORM + SHORTCUT) + NORM + image
    assert generator.output == (5, size, size, channels)


@pytest.mark.parametrize(("size", "channels", "down"), [(8, 1, 1), (28, 1, 2), (32, 3, 2), (64, 3, 3)])
def test_critic_is_the_papers(describe, size, channels, down):
    critic = describe(Critic(), (5, size, size, channels))
    first = (3 * 3 * channels * 128 + 128) + CONV + (channels * 128 + 128)
    assert critic.parameters == first + (down - 1) * (2 * CONV + SHORTCUT) + 2 * (2 * CONV) + (128 + 1)
    assert critic.output == (5,)
    assert set(critic.variables) == {"params"}
    layer = describe(Critic("layer"), (5, size, size, channels))
    assert layer.parameters == critic.parameters + 2 * NORM * (down + 1)
    assert "shortcut" not in layer.variables["params"][f"block_{down}"]


def test_resampling_is_nearest_and_mean(computed):
    image = np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1)
    larger = computed(upsample, image)
    assert larger[0, :, :, 0].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    np.testing.assert_array_equal(computed(mean_pool, larger), image)
    assert computed(mean_pool, image).item() == 1.5


@pytest.mark.parametrize(
    ("block", "resample"),
    [
        (UpBlock(), upsample),
        (CriticBlock(5, True, True, "none"), mean_pool),
        (CriticBlock(3, False, False, "none"), lambda x: x),
    ],
    ids=["up", "first", "last"],
)
def test_a_block_whose_last_convolution_is_zero_is_its_shortcut(draw, infer, computed, block, resample):
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    variables = draw(block, x.shape)
    params = variables["params"]
    params["conv_1"] = jax.tree.map(np.zeros_like, params["conv_1"])
    shortcut = x @ params["shortcut"]["kernel"][0, 0] + params["shortcut"]["bias"] if "shortcut" in params else x
    np.testing.assert_allclose(infer(block, variables, x), computed(resample, shortcut), atol=1e-5)


@pytest.mark.parametrize("norm", ["layer", "spectral"])
def test_a_logit_depends_on_its_own_image_only(assert_examples_are_apart, norm):
    assert_examples_are_apart(Critic(norm, width=4), 8, rtol=1e-4)


@pytest.mark.parametrize(
    ("network", "shape"),
    [(Generator(size=8, width=4), (4, 6)), (Critic("spectral", width=4), (4, 8, 8, 1))],
    ids=["generator", "critic"],
)
def test_rematerialisation_changes_memory_and_not_gradients(assert_remat_keeps_gradients, network, shape):
    assert_remat_keeps_gradients(network, np.random.default_rng(0).normal(size=shape).astype("float32"))


def test_what_it_cannot_take_is_refused_in_one_line(describe):
    with pytest.raises(UsageError, match=r"image size 30x30: resnet takes square images of .* 28, 32"):
        describe(Generator(size=30), (1, 128))
    with pytest.raises(UsageError, match="image size 30x32: resnet"):
        describe(Critic(), (1, 30, 32, 3))
