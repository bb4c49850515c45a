import numpy as np
import pytest
from scipy import ndimage

from jaxgen.io.photographs import Photograph
from jaxgen.restoration.inference import FEATHER, Settings
from jaxgen.restoration.inpainting import DEEP, find_deep, inpaint
from jaxgen.restoration.restorer import no_progress
from jaxgen.restoration.tasks import restore_photograph

PIXELS = np.full((40, 30, 3), 0.8, np.float32)
MASK = np.zeros((40, 30, 1), np.float32)
MASK[10:20, 10:20] = 1


def test_masked_pixels_are_inpainted_and_far_ones_do_not_change(calls):
    result = inpaint(Photograph(PIXELS), Settings(mask=MASK), no_progress)
    assert calls["names"] == ["inpaint_all"]
    assert result.message == "8.3% damaged, as given"
    inside = MASK[..., 0] > 0
    np.testing.assert_allclose(result.pixels[inside], 0.5, atol=1e-6)
    far = np.ones_like(inside)
    far[10 - FEATHER : 20 + FEATHER, 10 - FEATHER : 20 + FEATHER] = False
    np.testing.assert_array_equal(result.pixels[far], PIXELS[far])


@pytest.mark.parametrize("channels", [1, 3])
def test_without_a_mask_the_damage_is_detected(calls, channels):
    pixels = np.where(MASK > 0, 1, PIXELS)[..., :channels]
    before = pixels.copy()
    result = inpaint(Photograph(pixels), Settings(), no_progress)
    assert calls["names"] == ["detect", "detect_lines", "inpaint_all"]
    assert result.message == "8.3% damaged, detected with confidence 1.00"
    np.testing.assert_allclose(result.pixels[MASK[..., 0] > 0], 0.5, atol=1e-6)
    np.testing.assert_array_equal(pixels, before)


def test_an_undamaged_photograph_does_not_change(calls):
    result = inpaint(Photograph(PIXELS), Settings(), no_progress)
    assert calls["names"] == ["detect", "detect_lines"]
    assert result.message == "no damage detected (confidence 0.00), unchanged"
    np.testing.assert_array_equal(result.pixels, PIXELS)
    assert not result.is_found


def test_a_photograph_that_looks_mostly_damaged_does_not_change_without_a_mask(calls):
    bright = np.ones_like(PIXELS)
    result = inpaint(Photograph(bright), Settings(), no_progress)
    assert result.message == "100% look damaged, too much to inpaint without a mask: give --mask"
    np.testing.assert_array_equal(result.pixels, bright)
    assert calls["names"] == ["detect", "detect_lines"]
    assert (
        inpaint(Photograph(bright), Settings(mask=np.ones_like(MASK)), no_progress).message
        == "100.0% damaged, as given"
    )


def test_strength_scales_the_change(calls):
    result = inpaint(Photograph(PIXELS), Settings(mask=MASK, strength=0.5), no_progress)
    np.testing.assert_allclose(result.pixels[MASK[..., 0] > 0], 0.65, atol=1e-6)


def test_the_inside_of_a_hole_is_filled_at_half_the_size(calls, networks):
    hidden, original = [], networks["inpaint_all"]

    def record(inputs):
        hidden.append(inputs[..., 3].sum())
        return original[0](inputs)

    networks["inpaint_all"] = (record, *original[1:])
    pixels, mask = np.full((200, 180, 3), 0.8, np.float32), np.zeros((200, 180, 1), np.float32)
    mask[40:140, 50:150] = 1
    assert find_deep(mask).sum() == (100 - 2 * DEEP) ** 2
    result = inpaint(Photograph(pixels), Settings(mask=mask), no_progress)
    # The hole of 100 pixels is deep, and so is that of 50 at half the size; a quarter of it would be too small.
    assert calls["names"] == ["inpaint_all"]
    assert hidden == [50**2, 100**2 - (100 - 2 * DEEP) ** 2]
    np.testing.assert_allclose(result.pixels[mask[..., 0] > 0], 0.5, atol=1e-3)
    np.testing.assert_array_equal(result.pixels[:30], pixels[:30])


@pytest.mark.parametrize("channels", [1, 3])
def test_in_place_the_result_is_the_same(calls, networks, channels):
    # Of a network that looks up to 5 pixels around, and tiles above and below a hole that is deep at two sizes.
    def spread(inputs):
        filled = np.where(inputs[..., 3:] > 0, 0.5, inputs[..., :3])
        return ndimage.uniform_filter(filled, (0, 11, 11, 0), mode="constant").astype(np.float32)

    networks["inpaint_all"] = (spread, 3, "mask", {"receptive_field_radius": 5})
    pixels = np.random.default_rng(0).random((400, 140, channels), np.float32)
    mask = np.zeros((400, 140, 1), np.float32)
    mask[150:262, 10:130] = mask[390:, 5:9] = 1
    settings = Settings(mask=mask, tile_size=64, strength=0.9)
    expected = inpaint(Photograph(pixels.copy()), settings._replace(tile_size=1024), no_progress).pixels
    for in_place in (False, True):
        given = pixels.copy()
        result = inpaint(Photograph(given), settings._replace(in_place=in_place), no_progress).pixels
        np.testing.assert_array_equal(result, expected)
        assert (result is given) == in_place
        assert in_place or (given == pixels).all()


@pytest.mark.parametrize(
    ("task", "is_tight", "name"),
    [("scratches", True, "inpaint_tight"), ("scratches", False, "inpaint_lines"), ("inpaint", True, "inpaint_lines")],
)
def test_narrow_damage_has_networks_of_its_own(calls, task, is_tight, name):
    pixels = np.where(MASK > 0, 1, PIXELS) if is_tight else PIXELS
    restored = restore_photograph(Photograph(pixels), task, Settings(mask=MASK)).pixels
    np.testing.assert_allclose(restored[MASK[..., 0] > 0], 0.5)
    assert calls["names"] == [name]
