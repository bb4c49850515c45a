import jax
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.models.gan.resnet import Critic, Generator
from jaxgen.nn.attention import SelfAttention

MAP = np.random.default_rng(0).normal(size=(2, 3, 4, 16)).astype(np.float32)


@pytest.fixture(scope="module")
def variables(draw):
    return draw(SelfAttention(), MAP.shape)


def test_it_starts_as_the_identity(variables):
    start = variables["params"] | {"gamma": np.float32(0)}
    np.testing.assert_array_equal(SelfAttention().apply({"params": start}, MAP, False), MAP)
    fresh = SelfAttention().init(jax.random.key(0), MAP, False)
    assert fresh["params"]["gamma"] == 0


def test_each_place_takes_from_all_places_by_likeness(variables):
    params = variables["params"] | {"gamma": np.float32(0.7)}
    through = lambda name, x: x @ np.asarray(params[name]["kernel"])[0, 0] + np.asarray(params[name]["bias"])
    flat = MAP.reshape(2, 12, 16)
    query, key, value = (through(name, flat) for name in ("query", "key", "value"))
    likeness = np.exp(query @ key.transpose(0, 2, 1))
    seen = likeness / likeness.sum(-1, keepdims=True) @ value
    expected = MAP + 0.7 * through("out", seen).reshape(MAP.shape)
    np.testing.assert_allclose(SelfAttention().apply({"params": params}, MAP, False), expected, rtol=1e-4, atol=1e-5)


def test_places_may_be_put_in_any_order(variables):
    params = {"params": variables["params"] | {"gamma": np.float32(0.7)}}
    turned = SelfAttention().apply(params, MAP[:, ::-1, ::-1], False)
    np.testing.assert_allclose(turned[:, ::-1, ::-1], SelfAttention().apply(params, MAP, False), atol=1e-5)


def test_residual_networks_attend_at_the_configured_side(draw):
    params = draw(Generator(16, 1, 8, attention=8), (2, 5))["params"]
    assert params["attention"]["query"]["kernel"].shape == (1, 1, 8, 1)
    stats = dict(draw(Critic("spectral", 8, attention=8), (2, 16, 16, 1)))
    assert {"query", "key", "value", "out", "gamma"} == set(stats.pop("params")["attention"])
    (collections,) = stats.values()
    assert all("spectral" in collections["attention"][name] for name in ("query", "key", "value", "out"))
    assert "attention" not in draw(Generator(16, 1, 8), (2, 5))["params"]


def test_a_side_that_no_map_has_is_refused(draw):
    with pytest.raises(UsageError, match="attention 32: the maps of this discriminator have sides 8; give one, or 0"):
        draw(Critic(width=4, attention=32), (2, 16, 16, 1))
