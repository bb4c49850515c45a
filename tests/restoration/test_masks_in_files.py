import numpy as np
import pytest
from PIL import Image

from jaxgen.errors import UsageError
from jaxgen.restoration.files import find_mask, read_mask

VALUES = np.zeros((6, 8), np.uint8)
VALUES[2:4, 1:3] = 255


def written(path, values=VALUES):
    Image.fromarray(values).save(path)
    return path


def test_white_is_damaged(tmp_path):
    for values in (VALUES, np.stack([VALUES] * 3, -1)):
        mask = read_mask(written(tmp_path / "m.png", values), (6, 8, 3))
        np.testing.assert_array_equal(mask[..., 0], VALUES / 255)
    assert mask.dtype == np.float32


def test_transparent_pixels_are_not_damaged(tmp_path):
    painted = np.stack([np.full_like(VALUES, 255)] * 3 + [VALUES], -1)
    np.testing.assert_array_equal(read_mask(written(tmp_path / "m.png", painted), (6, 8))[..., 0], VALUES / 255)


def test_a_mask_may_be_too_large(tmp_path):
    with pytest.raises(UsageError, match="megapixels"):
        read_mask(written(tmp_path / "m.png"), (6, 8), 1e-5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (VALUES.T.copy(), r"m\.png is 6×8 pixels and the photograph 8×6: give one of the photograph's size"),
        (0 * VALUES, r"m\.png has no white pixel: paint damaged pixels white"),
        (0 * VALUES + 255, r"m\.png is white everywhere: paint undamaged pixels black"),
    ],
)
def test_a_useless_mask_is_refused(tmp_path, values, message):
    with pytest.raises(UsageError, match=message):
        read_mask(written(tmp_path / "m.png", values), (6, 8, 3))


def test_masks_of_a_folder_have_the_names_of_the_photographs(tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    assert find_mask(tmp_path / "a.jpg", tmp_path / "one.png") == tmp_path / "one.png"
    with pytest.raises(UsageError, match=r"one mask named a must be in .*masks, and there is none"):
        find_mask(tmp_path / "a.jpg", masks)
    written(tmp_path / "p.png")
    with pytest.raises(UsageError, match=r"p\.png is the photograph itself"):
        find_mask(tmp_path / "p.png", tmp_path / "p.png")
    with pytest.raises(UsageError, match=r"one mask named p must be in .* and there is none"):
        find_mask(tmp_path / "p.png", tmp_path)
    (masks / "a.txt").touch()
    written(masks / "a.png")
    assert find_mask(tmp_path / "a.jpg", masks) == masks / "a.png"
    written(masks / "a.bmp")
    with pytest.raises(UsageError, match=r"there is a\.bmp, a\.png"):
        find_mask(tmp_path / "a.jpg", masks)
