import numpy as np
import pytest

from jaxgen.degradations.resampling import upsample
from jaxgen.errors import UsageError
from jaxgen.io.photographs import Photograph
from jaxgen.restoration import inference
from jaxgen.restoration.inference import BAND, FEATHER, Settings, apply, blend, feathered, upsampled
from jaxgen.restoration.restorer import Restorer, no_progress
from tests.restoration.conftest import make_spec

PIXELS = np.random.default_rng(0).random((20, 30, 3), np.float32)


def halving(channels, conditioning="none"):
    network = lambda inputs: inputs[..., :channels] / 2
    return Restorer(network, make_spec(channels, conditioning))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("pixels", [PIXELS, PIXELS[..., :1]], ids=["colour", "gray"])
def test_a_network_takes_any_photograph_and_does_not_overwrite_it(channels, pixels):
    before = pixels.copy()
    result = apply(halving(channels), Photograph(pixels), Settings(), no_progress)
    np.testing.assert_allclose(result.pixels, pixels / 2, rtol=1e-6)
    assert result.message == ""
    np.testing.assert_array_equal(pixels, before)


def test_a_network_may_upsample_and_strength_scales_its_change():
    network = Restorer(lambda inputs: inputs.repeat(2, 1).repeat(2, 2) / 2, make_spec(3, scale=2))
    whole, none = (
        apply(network, Photograph(PIXELS), settings, no_progress).pixels
        for settings in (Settings(), Settings(strength=0.0))
    )
    np.testing.assert_allclose(whole, PIXELS.repeat(2, 0).repeat(2, 1) / 2, rtol=1e-6)
    np.testing.assert_allclose(none, np.clip(upsample(PIXELS[None], 2)[0], 0, 1), atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_large_photograph_is_upsampled_band_by_band(channels):
    values = np.random.default_rng(1).random((2 * BAND + 7, 5, channels), np.float32)
    np.testing.assert_allclose(upsampled(values, 4), upsample(values[None], 4)[0], atol=1e-6)
    assert upsampled(values, 1) is values


def test_a_level_needs_a_network_that_takes_one():
    settings = Settings(sigma=25)
    with pytest.raises(UsageError, match="sigma 25: this network takes no noise level"):
        apply(halving(3), Photograph(PIXELS), settings, no_progress)
    assert (
        apply(halving(3, "noise_level"), Photograph(PIXELS), settings, no_progress).message
        == "noise σ 25.0 gray levels as set"
    )


def test_a_tile_needs_a_network_with_tiles():
    network = halving(3)
    whole = network._replace(spec=make_spec(3, receptive_field_radius=None))
    with pytest.raises(UsageError, match="tile_size 512: this network takes the whole image at once; leave it out"):
        apply(whole, Photograph(PIXELS), Settings(tile_size=512), no_progress)
    apply(whole, Photograph(PIXELS), Settings(), no_progress)


def test_a_mask_needs_a_network_that_takes_one():
    mask = np.zeros((20, 30, 1), np.float32)
    mask[5:9, 10:20] = 1
    masking = Restorer(lambda inputs: 0 * inputs[..., :3], make_spec(3, "mask"))
    restored = apply(masking, Photograph(PIXELS), Settings(mask=mask), no_progress).pixels
    np.testing.assert_array_equal(restored[5:9, 10:20], 0)
    np.testing.assert_array_equal(restored[14:], PIXELS[14:])
    with pytest.raises(UsageError, match="takes a mask of the damage: give --mask"):
        apply(masking, Photograph(PIXELS), Settings(), no_progress)
    with pytest.raises(UsageError, match="mask: this network takes none; leave it out"):
        apply(halving(3, "noise_level"), Photograph(PIXELS), Settings(mask=mask), no_progress)


def test_weights_may_vary_from_pixel_to_pixel():
    weight = np.linspace(0, 1, 20, dtype=np.float32)[:, None, None]
    restored = blend(PIXELS, np.full_like(PIXELS, 2), weight)
    np.testing.assert_allclose(restored, np.minimum(PIXELS + weight * (2 - PIXELS), 1), atol=1e-6)


def test_a_mask_falls_off_smoothly():
    mask = np.zeros((40, 30, 1), np.float32)
    mask[10:20, 12:18] = 1
    soft = feathered(mask)
    assert (soft[mask > 0] == 1).all()
    line = soft[15, 18 : 18 + FEATHER, 0]
    assert (np.diff(line) < 0).any()
    assert (np.diff(line) <= 0).all()
    assert line[-1] == 0


def test_a_missing_network_is_reported(monkeypatch):
    monkeypatch.setattr(inference.pretrained, "NETWORKS", {"denoise_gray": ""})
    with pytest.raises(UsageError, match=r"needs the network denoise_color, .*\(it has denoise_gray\).*.*--network"):
        inference.load.__wrapped__("denoise_color")


def test_bands_of_rows_give_what_the_whole_gives():
    values = np.random.default_rng(0).random((inference.WIDE_BAND * 2 + 37, 9, 1), np.float32)
    blurred = inference.in_bands(inference.dilated_and_blurred, values, inference.FEATHER)
    np.testing.assert_allclose(blurred, inference.dilated_and_blurred(values[None])[0], atol=1e-6)
