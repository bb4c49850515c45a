import numpy as np
import pytest

from jaxgen.degradations.resampling import upsample
from jaxgen.errors import UsageError
from jaxgen.inference.restorer import Restorer, Traits
from jaxgen.photographs import Photograph
from jaxgen.restoring import tasks
from jaxgen.restoring.tasks import Settings

PIXELS = np.random.default_rng(0).random((20, 30, 3), np.float32)
nothing = lambda done, total: None


@pytest.fixture
def told(monkeypatch):
    """What the network was told, of a network that subtracts the level from every pixel."""
    seen = {}

    def network(inputs):
        seen["level"] = float(inputs[0, 0, 0, -1])
        return inputs[..., :-1] - inputs[..., -1:]

    def load(name):
        seen["name"] = name
        channels = 1 if name == "denoise_gray" else 3
        return Restorer(network, Traits(channels, 1, reach=0, multiple=2, multiply_adds=0.0, parameters=0))

    monkeypatch.setattr(tasks, "load_restorer", load)
    monkeypatch.setattr(tasks, "load_noise_level", lambda: lambda images: np.full(len(images), 0.1))
    return seen


def test_the_level_is_estimated_or_given(told):
    result = tasks.denoise(Photograph(PIXELS), Settings(), nothing)
    assert told == {"level": pytest.approx(0.1), "name": "denoise_color"}
    assert result.told == "noise σ 25.5 estimated"
    result = tasks.denoise(Photograph(PIXELS[..., :1]), Settings(sigma=51), nothing)
    assert told == {"level": pytest.approx(0.2), "name": "denoise_gray"}
    assert result.told == "noise σ 51.0 as given"
    np.testing.assert_allclose(result.pixels, np.clip(PIXELS[..., :1] - 0.2, 0, 1), atol=1e-6)


def test_the_original_stays_as_it_is_in_memory_too(told):
    kept = PIXELS.copy()
    tasks.denoise(Photograph(PIXELS), Settings(sigma=51), nothing)
    np.testing.assert_array_equal(PIXELS, kept)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_strength_is_the_share_of_the_change(told, strength):
    found = tasks.denoise(Photograph(PIXELS), Settings(sigma=51, strength=strength), nothing).pixels
    np.testing.assert_allclose(found, np.clip(PIXELS - 0.2 * strength, 0, 1), atol=1e-6)


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        ("denois", Settings(), "unknown task 'denois': did you mean denoise"),
        ("denoise", Settings(sigma=-1), "sigma -1: give grey levels from 0 to 255"),
        ("denoise", Settings(sigma=256), "sigma 256: give grey levels from 0 to 255"),
        ("denoise", Settings(strength=1.5), "strength 1.5: give 0 "),
        ("denoise", Settings(tile=32), "tile 32: give 64 to 1024 pixels"),
        ("denoise", Settings(tile=2048), "tile 2048: give 64 to 1024 pixels"),
    ],
)
def test_what_cannot_be_is_told(task, settings, message):
    with pytest.raises(UsageError, match=message):
        tasks.choose(task, settings)


def test_images_are_cleaned_one_by_one(told):
    images = np.stack([PIXELS, PIXELS[::-1]])
    np.testing.assert_allclose(tasks.clean("denoise", images), np.clip(images - 0.1, 0, 1), atol=1e-6)


def halving(channels, guides=0):
    network = lambda inputs: inputs[..., :channels] / 2
    return Restorer(network, Traits(channels, guides, reach=0, multiple=2, multiply_adds=0.0, parameters=0))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("pixels", [PIXELS, PIXELS[..., :1]], ids=["colour", "gray"])
def test_a_network_of_ones_own_takes_any_photograph(channels, pixels):
    act = tasks.by_network(halving(channels), Settings())
    result = act(Photograph(pixels), Settings(), nothing)
    np.testing.assert_allclose(result.pixels, pixels / 2, rtol=1e-6)
    assert result.told == ""


def test_a_network_may_make_photographs_larger_and_strength_is_the_share_of_what_it_changes():
    traits = Traits(3, 0, reach=0, multiple=2, multiply_adds=0.0, parameters=0, scale=2)
    network = Restorer(lambda inputs: inputs.repeat(2, 1).repeat(2, 2) / 2, traits)
    whole, none = (
        tasks.by_network(network, settings)(Photograph(PIXELS), settings, nothing).pixels
        for settings in (Settings(), Settings(strength=0.0))
    )
    np.testing.assert_allclose(whole, PIXELS.repeat(2, 0).repeat(2, 1) / 2, rtol=1e-6)
    np.testing.assert_allclose(none, np.clip(upsample(PIXELS[None], 2)[0], 0, 1), atol=1e-6)


def test_a_level_is_for_a_network_that_takes_one():
    settings = Settings(sigma=25)
    with pytest.raises(UsageError, match="sigma 25: this network is told no level of noise"):
        tasks.by_network(halving(3), settings)(Photograph(PIXELS), settings, nothing)
    told = tasks.by_network(halving(3, 1), settings)(Photograph(PIXELS), settings, nothing).told
    assert told == "noise σ 25.0 as given"
    with pytest.raises(UsageError, match="strength 2: give 0"):
        tasks.by_network(halving(3), Settings(strength=2))


def test_a_network_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(tasks.restorers, "FILES", {"denoise_gray": ""})
    settings = Settings(sigma=25)
    with pytest.raises(
        UsageError, match=r"needs the network denoise_color, .*\(it has denoise_gray\).*--network takes"
    ):
        tasks.denoise(Photograph(PIXELS), settings, nothing)
