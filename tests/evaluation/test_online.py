import jax
import jax.numpy as jnp
import pytest

from jaxgen import data
from jaxgen.errors import UsageError
from jaxgen.evaluation import online
from jaxgen.evaluation.features import Extractor
from jaxgen.step.state import TrainState

DIGITS = data.Config(name="digits", size=8, channels=1)


def look(images):
    small = images.reshape(len(images), 4, 2, 4, 2).mean((2, 4)).reshape(len(images), -1)
    return small, jnp.full((len(images), 2), 0.5)


EXTRACTOR = Extractor("means", "c", "0" * 64, look, "none", batch=100)


def state(scale):
    variables = {"params": {"scale": jnp.float32(scale)}, "stats": {}}
    return TrainState(
        step=jnp.int32(0),
        params={"generator": {"scale": jnp.float32(-1)}},
        stats={},
        opt_state={},
        ema={"generator": variables},
        hyper={},
        key=jax.random.key(0),
    )


def sample(variables, key, count):
    return variables["params"]["scale"] * jax.random.uniform(key, (count, 8, 8, 1))


def test_the_averaged_player_is_measured_and_less_is_better():
    measure, selection = online.make_online(EXTRACTOR, DIGITS, sample, "generator", 200)
    dark, noise = measure(state(0.0)), measure(state(1.0))
    assert set(dark) == {"evaluation/cfid"} == {selection.metric}
    assert not selection.largest
    assert noise[selection.metric] != dark[selection.metric]
    assert measure(state(1.0)) == noise


def test_too_few_images_are_refused_before_training():
    with pytest.raises(UsageError, match=r"16 images for 16 features: .* at least 17"):
        online.make_online(EXTRACTOR, DIGITS, sample, "generator", 16)
