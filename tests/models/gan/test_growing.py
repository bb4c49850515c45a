import jax
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.models.gan.growing import Critic, Fade, Generator, Growing
from jaxgen.models.gan.resnet import mean_pool, upsample

LATENT = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
IMAGES = np.random.default_rng(1).uniform(-1, 1, (2, 16, 16, 1)).astype(np.float32)


def at(share, variables):
    """The variables with the fade of ten steps as far as that."""
    return variables | {"growth": jax.tree.map(lambda _: np.float32(10 * share), variables["growth"])}


@pytest.fixture(scope="module")
def generators(draw):
    small, large = (Generator(size, 1, 4, fade_steps=fade) for size, fade in ((8, 0), (16, 10)))
    few, many = draw(small, LATENT.shape), draw(large, LATENT.shape)
    merged = {name: few["params"].get(name, leaf) for name, leaf in many["params"].items()}
    stats = jax.tree.map(lambda x: x, many["batch_stats"]) | few["batch_stats"]
    return small, few, large, {"params": merged, "batch_stats": stats, "growth": many["growth"]}


@pytest.fixture(scope="module")
def critics(draw):
    small, large = (Critic(width=4, fade_steps=fade) for fade in (0, 10))
    few, many = draw(small, (2, 8, 8, 1)), draw(large, IMAGES.shape)
    return small, few, large, many | {"params": many["params"] | few["params"]}


def test_before_it_is_faded_in_the_image_is_the_smaller_networks_enlarged(generators, infer, computed):
    small, few, large, many = generators
    enlarged = computed(upsample, infer(small, few, LATENT))
    np.testing.assert_allclose(infer(large, at(0, many), LATENT), enlarged, atol=1e-6)


def test_before_it_is_faded_in_the_critic_sees_what_the_smaller_one_does(critics, infer, computed):
    small, few, large, many = critics
    expected = infer(small, few, computed(mean_pool, IMAGES))
    np.testing.assert_allclose(infer(large, at(0, many), IMAGES), expected, atol=1e-5)


@pytest.mark.parametrize(("networks", "given"), [("generators", LATENT), ("critics", IMAGES)])
def test_once_it_is_faded_in_the_network_is_the_one_without_a_fade(networks, given, request, infer):
    _, _, large, many = request.getfixturevalue(networks)
    plain = large.clone(fade_steps=0)
    call = jax.jit(lambda variables: large.apply(variables, given, False))
    faded, unfaded = (np.asarray(call(at(share, many))) for share in (1, 0))
    expected = infer(plain, {k: v for k, v in many.items() if k != "growth"}, given)
    np.testing.assert_allclose(faded, expected, atol=1e-6)
    assert abs(faded - unfaded).max() > 1e-3


def test_half_way_the_image_is_half_of_each(generators):
    _, _, large, many = generators
    call = jax.jit(lambda variables: large.apply(variables, LATENT, False))
    before, half, after = (np.asarray(call(at(share, many))) for share in (0, 0.5, 1))
    np.testing.assert_allclose(half, (before + after) / 2, atol=1e-6)


def test_the_fade_rises_with_the_step_and_stops_at_one():
    fade = Fade(4)
    stats = fade.init(jax.random.key(0))
    assert fade.apply(stats) == 0
    for step, expected in enumerate((0, 0.25, 0.5, 0.75, 1, 1)):
        updated = Growing.at_step({"params": {}, "stats": stats}, np.int32(step))
        assert fade.apply(updated["stats"]) == expected


def test_a_network_without_a_fade_ignores_the_step(generators):
    few = generators[1]
    variables = {"params": few["params"], "stats": {"batch_stats": few["batch_stats"]}}
    assert Growing.at_step(variables, np.int32(3)) == variables


def test_layers_are_named_by_the_size_at_which_they_work(generators, critics):
    assert set(generators[1]["params"]) == {"project", "block_8", "norm_8", "image_8"}
    assert set(generators[3]["params"]) - set(generators[1]["params"]) == {"block_16", "norm_16", "image_16"}
    assert set(critics[3]["params"]) - set(critics[1]["params"]) == {"block_16", "map_16"}


def test_a_map_may_attend_to_itself(draw):
    generator, critic = Generator(16, 1, 8, attention=16), Critic(width=8, attention=8)
    assert "attention_16" in draw(generator, LATENT.shape)["params"]
    assert "attention_8" in draw(critic, IMAGES.shape)["params"]


def test_what_has_no_smaller_stage_is_refused(draw):
    with pytest.raises(UsageError, match="fade_steps 3: images of 8 pixels have no smaller size"):
        draw(Critic(width=4, fade_steps=3), (2, 8, 8, 1))
    with pytest.raises(UsageError, match="attention 4: the maps of this growing network have sides 8, 16"):
        draw(Generator(16, 1, 4, attention=4), LATENT.shape)
    with pytest.raises(UsageError, match="image size 20x20: growing network takes square images"):
        draw(Critic(width=4), (2, 20, 20, 1))
