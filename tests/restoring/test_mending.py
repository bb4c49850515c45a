import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.photographs import Photograph
from jaxgen.restoring.applying import Settings
from jaxgen.restoring.mending import BORDER, fill, mend, softened

PIXELS = np.full((40, 30, 3), 0.8, np.float32)
nothing = lambda done, total: None
MASK = np.zeros((40, 30, 1), np.float32)
MASK[10:20, 12:18] = 1


def test_what_a_mask_shows_is_mended_and_what_is_far_from_it_stays(told):
    result = mend(Photograph(PIXELS), Settings(mask=MASK), nothing)
    assert told["names"] == ["mend"]
    assert result.told == "5.0% damaged, as given"
    inside = MASK[..., 0] > 0
    np.testing.assert_allclose(result.pixels[inside], 0.5, atol=1e-6)
    far = np.ones_like(inside)
    far[10 - BORDER : 20 + BORDER, 12 - BORDER : 18 + BORDER] = False
    np.testing.assert_array_equal(result.pixels[far], PIXELS[far])


@pytest.mark.parametrize("channels", [1, 3])
def test_without_a_mask_the_damage_is_found(told, channels):
    pixels = np.where(MASK > 0, 1, PIXELS)[..., :channels]
    kept = pixels.copy()
    result = mend(Photograph(pixels), Settings(), nothing)
    assert told["names"] == ["detect", "mend"]
    assert result.told == "5.0% damaged, found"
    np.testing.assert_allclose(result.pixels[MASK[..., 0] > 0], 0.5, atol=1e-6)
    np.testing.assert_array_equal(pixels, kept)


def test_an_undamaged_photograph_comes_back(told):
    result = mend(Photograph(PIXELS), Settings(), nothing)
    assert told["names"] == ["detect"]
    assert result.told == "no damage found"
    np.testing.assert_array_equal(result.pixels, PIXELS)
    assert result.pixels is not PIXELS


def test_strength_is_the_share_of_the_change(told):
    result = mend(Photograph(PIXELS), Settings(mask=MASK, strength=0.5), nothing)
    np.testing.assert_allclose(result.pixels[MASK[..., 0] > 0], 0.65, atol=1e-6)


def test_what_is_mended_goes_over_into_what_stays():
    soft = softened(MASK)
    assert (soft[MASK > 0] == 1).all()
    line = soft[15, 18 : 18 + BORDER, 0]
    assert (np.diff(line) < 0).any()
    assert (np.diff(line) <= 0).all()
    assert line[-1] == 0


def test_filling_needs_a_mask():
    with pytest.raises(UsageError, match="inpaint fills what a mask shows, and there is none: give --mask"):
        fill(Photograph(PIXELS), Settings(), nothing)
