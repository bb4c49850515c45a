import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.io.photographs import Photograph
from jaxgen.restoration.inference import BORDER, Settings
from jaxgen.restoration.inpainting import DEEP, eroded, fill, mend
from jaxgen.restoration.tasks import TASKS

PIXELS = np.full((40, 30, 3), 0.8, np.float32)
nothing = lambda done, total: None
MASK = np.zeros((40, 30, 1), np.float32)
MASK[10:20, 10:20] = 1


def test_what_a_mask_shows_is_mended_and_what_is_far_from_it_stays(told):
    result = mend(Photograph(PIXELS), Settings(mask=MASK), nothing)
    assert told["names"] == ["mend"]
    assert result.told == "8.3% damaged, as given"
    inside = MASK[..., 0] > 0
    np.testing.assert_allclose(result.pixels[inside], 0.5, atol=1e-6)
    far = np.ones_like(inside)
    far[10 - BORDER : 20 + BORDER, 10 - BORDER : 20 + BORDER] = False
    np.testing.assert_array_equal(result.pixels[far], PIXELS[far])


@pytest.mark.parametrize("channels", [1, 3])
def test_without_a_mask_the_damage_is_found(told, channels):
    pixels = np.where(MASK > 0, 1, PIXELS)[..., :channels]
    kept = pixels.copy()
    result = mend(Photograph(pixels), Settings(), nothing)
    assert told["names"] == ["detect", "detect_lines", "mend"]
    assert result.told == "8.3% damaged, found"
    np.testing.assert_allclose(result.pixels[MASK[..., 0] > 0], 0.5, atol=1e-6)
    np.testing.assert_array_equal(pixels, kept)


def test_an_undamaged_photograph_comes_back(told):
    result = mend(Photograph(PIXELS), Settings(), nothing)
    assert told["names"] == ["detect", "detect_lines"]
    assert result.told == "no damage found"
    np.testing.assert_array_equal(result.pixels, PIXELS)
    assert result.pixels is not PIXELS


def test_what_looks_damaged_in_most_places_is_left_alone_unless_a_mask_shows_it(told):
    bright = np.ones_like(PIXELS)
    result = mend(Photograph(bright), Settings(), nothing)
    assert result.told == "100% look damaged, too much to be mended unless --mask shows it"
    np.testing.assert_array_equal(result.pixels, bright)
    assert told["names"] == ["detect", "detect_lines"]
    assert mend(Photograph(bright), Settings(mask=np.ones_like(MASK)), nothing).told == "100.0% damaged, as given"


def test_strength_is_the_share_of_the_change(told):
    result = mend(Photograph(PIXELS), Settings(mask=MASK, strength=0.5), nothing)
    np.testing.assert_allclose(result.pixels[MASK[..., 0] > 0], 0.65, atol=1e-6)


def test_what_is_deep_in_a_hole_is_filled_at_half_the_size(told, networks):
    hidden, mend_gray = [], networks["mend"]

    def noted(inputs):
        hidden.append(inputs[..., 3].sum())
        return mend_gray[0](inputs)

    networks["mend"] = (noted, *mend_gray[1:])
    pixels, mask = np.full((200, 180, 3), 0.8, np.float32), np.zeros((200, 180, 1), np.float32)
    mask[40:140, 50:150] = 1
    assert eroded(mask).sum() == (100 - 2 * DEEP) ** 2
    result = mend(Photograph(pixels), Settings(mask=mask), nothing)
    # The hole of 100 pixels is deep, and so is that of 50 at half the size; a quarter of it would be too small.
    assert told["names"] == ["mend"]
    assert hidden == [50**2, 100**2 - (100 - 2 * DEEP) ** 2]
    np.testing.assert_allclose(result.pixels[mask[..., 0] > 0], 0.5, atol=1e-3)
    np.testing.assert_array_equal(result.pixels[:30], pixels[:30])


@pytest.mark.parametrize(
    ("task", "traced", "name"),
    [(TASKS["scratches"], True, "mend_traced"), (TASKS["scratches"], False, "mend_lines"), (fill, True, "mend_lines")],
)
def test_what_is_narrow_is_mended_by_networks_of_its_own(told, task, traced, name):
    pixels = np.where(MASK > 0, 1, PIXELS) if traced else PIXELS
    np.testing.assert_allclose(task(Photograph(pixels), Settings(mask=MASK), nothing).pixels[MASK[..., 0] > 0], 0.5)
    assert told["names"] == [name]


def test_filling_needs_a_mask():
    with pytest.raises(UsageError, match="inpaint fills what a mask shows, and there is none: give --mask"):
        fill(Photograph(PIXELS), Settings(), nothing)
