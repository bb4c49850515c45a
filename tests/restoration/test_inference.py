import numpy as np
import pytest

from jaxgen.degradations.resampling import upsample
from jaxgen.errors import UsageError
from jaxgen.io.photographs import Photograph
from jaxgen.restoration import inference
from jaxgen.restoration.inference import BAND, BORDER, Settings, apply, changed, enlarged, softened
from jaxgen.restoration.restorer import Restorer, Traits

PIXELS = np.random.default_rng(0).random((20, 30, 3), np.float32)
nothing = lambda done, total: None


def halving(channels, told="nothing"):
    network = lambda inputs: inputs[..., :channels] / 2
    return Restorer(network, Traits(channels, told, reach=0, multiple=2, multiply_adds=0.0, parameters=0))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("pixels", [PIXELS, PIXELS[..., :1]], ids=["colour", "gray"])
def test_a_network_takes_any_photograph_which_stays_as_it_is_in_memory_too(channels, pixels):
    kept = pixels.copy()
    result = apply(halving(channels), Photograph(pixels), Settings(), nothing)
    np.testing.assert_allclose(result.pixels, pixels / 2, rtol=1e-6)
    assert result.told == ""
    np.testing.assert_array_equal(pixels, kept)


def test_a_network_may_make_photographs_larger_and_strength_is_the_share_of_what_it_changes():
    traits = Traits(3, "nothing", reach=0, multiple=2, multiply_adds=0.0, parameters=0, scale=2)
    network = Restorer(lambda inputs: inputs.repeat(2, 1).repeat(2, 2) / 2, traits)
    whole, none = (
        apply(network, Photograph(PIXELS), settings, nothing).pixels
        for settings in (Settings(), Settings(strength=0.0))
    )
    np.testing.assert_allclose(whole, PIXELS.repeat(2, 0).repeat(2, 1) / 2, rtol=1e-6)
    np.testing.assert_allclose(none, np.clip(upsample(PIXELS[None], 2)[0], 0, 1), atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_large_photograph_is_enlarged_band_by_band(channels):
    values = np.random.default_rng(1).random((2 * BAND + 7, 5, channels), np.float32)
    np.testing.assert_allclose(enlarged(values, 4), upsample(values[None], 4)[0], atol=1e-6)
    assert enlarged(values, 1) is values


def test_a_level_is_for_a_network_that_takes_one():
    settings = Settings(sigma=25)
    with pytest.raises(UsageError, match="sigma 25: this network is told no level of noise"):
        apply(halving(3), Photograph(PIXELS), settings, nothing)
    assert apply(halving(3, "noise"), Photograph(PIXELS), settings, nothing).told == "noise σ 25.0 as given"


def test_a_tile_is_for_a_network_that_has_a_reach():
    network = halving(3)
    whole = network._replace(traits=network.traits._replace(reach=None))
    with pytest.raises(UsageError, match="tile 512: this network is given the whole picture at once; leave it out"):
        apply(whole, Photograph(PIXELS), Settings(tile=512), nothing)
    apply(whole, Photograph(PIXELS), Settings(), nothing)


def test_a_mask_is_for_a_network_that_takes_one():
    mask = np.zeros((20, 30, 1), np.float32)
    mask[5:9, 10:20] = 1
    masking = Restorer(lambda inputs: 0 * inputs[..., :3], halving(3, "mask").traits)
    found = apply(masking, Photograph(PIXELS), Settings(mask=mask), nothing).pixels
    np.testing.assert_array_equal(found[5:9, 10:20], 0)
    np.testing.assert_array_equal(found[14:], PIXELS[14:])
    with pytest.raises(UsageError, match="told where the photograph is damaged: give --mask"):
        apply(masking, Photograph(PIXELS), Settings(), nothing)
    with pytest.raises(UsageError, match="mask: this network is told none; leave it out"):
        apply(halving(3, "noise"), Photograph(PIXELS), Settings(mask=mask), nothing)


def test_a_share_may_be_another_one_at_every_pixel():
    share = np.linspace(0, 1, 20, dtype=np.float32)[:, None, None]
    found = changed(PIXELS, np.full_like(PIXELS, 2), share)
    np.testing.assert_allclose(found, np.minimum(PIXELS + share * (2 - PIXELS), 1), atol=1e-6)


def test_what_is_mended_goes_over_into_what_stays():
    mask = np.zeros((40, 30, 1), np.float32)
    mask[10:20, 12:18] = 1
    soft = softened(mask)
    assert (soft[mask > 0] == 1).all()
    line = soft[15, 18 : 18 + BORDER, 0]
    assert (np.diff(line) < 0).any()
    assert (np.diff(line) <= 0).all()
    assert line[-1] == 0


def test_a_network_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(inference.pretrained, "FILES", {"denoise_gray": ""})
    with pytest.raises(
        UsageError, match=r"needs the network denoise_color, .*\(it has denoise_gray\).*--network takes"
    ):
        inference.load.__wrapped__("denoise_color")
