import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from skimage import data

import jaxgen
from jaxgen.errors import UsageError
from jaxgen.io.photographs import Photograph
from jaxgen.restoration import tasks
from jaxgen.restoration.masks import find_mask, mask_of, read_mask

SIZE = (320, 240)
PHOTOGRAPH = Image.fromarray(data.astronaut()[:240, :320])
PIXELS = np.asarray(PHOTOGRAPH, np.float32) / 255
STROKES = [(20, 30, 290, 200), (60, 210, 250, 40)]


def strokes(color, background, width=7, blur=0.0):
    """Strokes of a brush, supersampled at their edges."""
    covered = Image.new("L", (4 * SIZE[0], 4 * SIZE[1]))
    for line in STROKES:
        ImageDraw.Draw(covered).line([4 * x for x in line], 255, 4 * width)
    covered = covered.resize(SIZE, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(blur))
    image = background.copy() if isinstance(background, Image.Image) else Image.new("RGB", SIZE, background)
    image.paste(Image.new("RGB", SIZE, color), mask=covered)
    return image, np.asarray(covered, np.float32) / 255


def read(image, path, pixels=PIXELS, color=None, **options):
    image.save(path, **options)
    return read_mask(path, pixels, color=color)[..., 0] > 0


def around(covered, radius):
    """What a brush covered and the pixels around it."""
    return np.asarray(Image.fromarray(np.uint8(255 * (covered > 0))).filter(ImageFilter.MaxFilter(2 * radius + 1))) > 0


def test_hard_edges_stay_where_they_are(tmp_path):
    values = np.zeros((240, 320), np.uint8)
    values[50:60, 20:200] = 255
    for image in (Image.fromarray(values), Image.fromarray(values).convert("RGB")):
        np.testing.assert_array_equal(read(image, tmp_path / "m.png"), values > 0)


@pytest.mark.parametrize("color", ["white", "#ff0000", "#00ff00", "#2040ff", "#808080"])
@pytest.mark.parametrize("blur", [0.0, 2.0])
def test_all_that_a_soft_brush_of_any_color_touched_is_damaged(color, blur, tmp_path):
    image, covered = strokes(color, "black", blur=blur)
    mask = read(image, tmp_path / "m.png")
    assert mask[covered > 0.07].all()
    assert not mask[~around(covered, 1)].any()


@pytest.mark.parametrize("color", ["#ff0000", "#00ff00", "white", "black", "#ff00ff"])
@pytest.mark.parametrize("blur", [0.0, 2.0])
def test_paint_on_a_copy_of_the_photograph_is_the_mask(color, blur, tmp_path):
    image, covered = strokes(color, PHOTOGRAPH, blur=blur)
    mask = read(image, tmp_path / "m.png")
    is_seen = abs(np.asarray(image, np.float32) / 255 - PIXELS).max(-1) > 1.5 / 255
    assert mask[is_seen].all()
    assert is_seen[covered > 0.5].mean() > 0.95
    assert not mask[~around(covered, 1)].any()


@pytest.mark.parametrize(("suffix", "quality"), [("jpg", 95), ("jpg", 75), ("webp", 80)])
def test_paint_on_a_copy_that_lost_details_is_the_mask(suffix, quality, tmp_path):
    image, covered = strokes("#ff0000", PHOTOGRAPH)
    mask = read(image, tmp_path / f"m.{suffix}", quality=quality)
    assert mask[covered > 0.9].mean() > 0.99
    assert not mask[~around(covered, 16)].any()
    assert mask.sum() < 2 * (covered > 0).sum()


def test_paint_on_a_copy_of_a_gray_or_transparent_photograph_is_the_mask(tmp_path):
    gray = PHOTOGRAPH.convert("L")
    image, covered = strokes("#ff0000", gray.convert("RGB"))
    mask = read(image, tmp_path / "m.png", np.asarray(gray, np.float32)[..., None] / 255)
    assert mask[covered > 0.1].all() and not mask[~around(covered, 1)].any()
    image, covered = strokes("#ff0000", PHOTOGRAPH)
    image.putalpha(255)
    assert read(image, tmp_path / "m.png")[covered > 0.1].mean() > 0.99


@pytest.mark.parametrize("quality", [75, 95])
def test_a_mask_in_a_jpeg_file_is_hardly_wider_than_its_strokes(quality, tmp_path):
    image, covered = strokes("white", "black")
    mask = read(image, tmp_path / "m.jpg", quality=quality)
    assert mask[covered > 0.15].all()
    assert not mask[~around(covered, 9)].any()
    assert mask.sum() < 1.6 * (covered > 0).sum()


def test_the_mask_of_a_dark_photograph_is_no_copy_of_it(tmp_path):
    night = PIXELS * (PIXELS.max(-1, keepdims=True) > 0.97)
    image, _ = strokes("white", "black")
    np.testing.assert_array_equal(read(image, tmp_path / "m.png", night), read(image, tmp_path / "m.png"))


def test_a_mask_over_white_damage_is_no_copy_of_the_photograph(tmp_path):
    image, _ = strokes("white", "black")
    damaged, _ = strokes("white", PHOTOGRAPH)
    pixels = np.asarray(damaged, np.float32) / 255
    np.testing.assert_array_equal(read(image, tmp_path / "m.png", pixels), read(image, tmp_path / "m.png"))


@pytest.mark.parametrize(("suffix", "options"), [("png", {}), ("jpg", {"quality": 80})])
def test_the_photograph_under_another_name_is_refused(suffix, options, tmp_path):
    with pytest.raises(UsageError, match=r"other\..* is the photograph itself: paint "):
        read(PHOTOGRAPH, tmp_path / f"other.{suffix}", **options)


def test_another_photograph_is_refused(tmp_path):
    with pytest.raises(UsageError, match="is white in 100% of its pixels"):
        read(Image.fromarray(data.chelsea()[:240, :320]), tmp_path / "m.png")


def test_a_mask_that_may_be_inverted_is_questioned(tmp_path):
    image, covered = strokes("black", "white")
    with pytest.raises(UsageError, match=r"m\.png is white in 9.% of its pixels: give mask-color black .* or .*white"):
        read(image, tmp_path / "m.png")
    mask = read(image, tmp_path / "m.png", color="black")
    assert mask[covered > 0.07].all() and not mask[~around(covered, 1)].any()
    assert read(image, tmp_path / "m.png", color="white").mean() > 0.9


def test_thin_soft_strokes_on_white_are_questioned_too(tmp_path):
    image, covered = strokes("black", "white", width=1, blur=1.0)
    with pytest.raises(UsageError, match=r"white in 100% of its pixels: give mask-color black"):
        read(image, tmp_path / "m.png")
    assert read(image, tmp_path / "m.png", color="black")[covered > 0.07].all()


def test_more_paint_than_photograph_is_questioned(tmp_path):
    image = PHOTOGRAPH.copy()
    image.paste("red", (0, 0, 320, 100))
    inside = np.zeros((240, 320), bool)
    inside[:101] = True
    np.testing.assert_array_equal(read(image, tmp_path / "m.png"), inside)
    image.paste("red", (0, 0, 320, 130))
    with pytest.raises(UsageError, match=r"in .*% of its pixels"):
        read(image, tmp_path / "m.png")


def test_transparent_pixels_are_not_damaged(tmp_path):
    layer = Image.new("RGBA", SIZE, (255, 255, 255, 0))
    layer.paste((255, 0, 0, 255), (30, 40, 60, 80))
    inside = np.zeros((240, 320), bool)
    inside[40:80, 30:60] = True
    np.testing.assert_array_equal(read(layer, tmp_path / "m.png"), inside)


@pytest.mark.parametrize(
    ("image", "color", "message"),
    [
        (Image.new("L", (240, 320)), None, "m.png is 240×320 pixels and the photograph 320×240: give one of the"),
        (Image.new("L", SIZE), None, "m.png has no white pixel: paint damaged pixels white"),
        (Image.new("L", SIZE, 255), None, "m.png is white everywhere: paint undamaged pixels black"),
        (Image.new("L", SIZE, 255), "black", "m.png has no black pixel: paint damaged pixels black"),
        (Image.new("L", SIZE), "black", "m.png is black everywhere: paint undamaged pixels white"),
    ],
)
def test_a_useless_mask_is_refused(image, color, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        read(image, tmp_path / "m.png", color=color)


def test_a_mask_may_be_too_large(tmp_path):
    Image.new("L", SIZE).save(tmp_path / "m.png")
    with pytest.raises(UsageError, match="megapixels"):
        read_mask(tmp_path / "m.png", PIXELS, 1e-5)


def test_masks_of_a_folder_have_the_names_of_the_photographs(tmp_path):
    masks, path = tmp_path / "masks", tmp_path / "a.jpg"
    masks.mkdir()
    assert find_mask(path, tmp_path / "one.png") == tmp_path / "one.png"
    with pytest.raises(UsageError, match=r"one mask named a or a_mask must be in .*masks, and there is none"):
        find_mask(path, masks)
    for name in ("a.txt", "b.png", "a_b_mask.png", "amask.png"):
        (masks / name).touch()
    for name in ("a.png", "a_mask.png", "a-mask.bmp", "a.jpg_mask.png", "a_MASK.webp"):
        (masks / name).touch()
        assert find_mask(path, masks) == masks / name
        (masks / name).unlink()
    (masks / "a.png").touch()
    (masks / "a_mask.png").touch()
    with pytest.raises(UsageError, match=r"there is a\.png, a_mask\.png"):
        find_mask(path, masks)
    (masks / "sub").mkdir()
    (masks / "sub" / "a.png").touch()
    assert find_mask(tmp_path / "sub" / "a.jpg", masks, Path("sub")) == masks / "sub" / "a.png"


def test_a_mask_beside_its_photograph_has_an_ending(tmp_path):
    for name in ("a.jpg", "a.png", "a_mask.png"):
        (tmp_path / name).touch()
    assert find_mask(tmp_path / "a.jpg", tmp_path) == tmp_path / "a_mask.png"
    with pytest.raises(UsageError, match=r"p\.png is the photograph itself"):
        find_mask(tmp_path / "p.png", tmp_path / "p.png")
    with pytest.raises(UsageError, match=r"one mask named p_mask must be in .* and there is none"):
        find_mask(tmp_path / "p.png", tmp_path)


def test_functions_follow_the_same_rules(tmp_path, monkeypatch):
    image, covered = strokes("#ff0000", PHOTOGRAPH)
    image.save(tmp_path / "m.png")
    PHOTOGRAPH.save(tmp_path / "photo.png")
    seen = []
    keep = lambda photograph, settings, progress: seen.append(settings.mask) or tasks.Result(photograph.pixels, "")
    monkeypatch.setitem(tasks.TASKS, "inpaint", tasks.TASKS["inpaint"]._replace(restore=keep))
    for mask in (tmp_path / "m.png", image):
        jaxgen.restore(tmp_path / "photo.png", "inpaint", mask=mask)
    np.testing.assert_array_equal(seen[0], seen[1])
    assert seen[0][covered > 0.5].mean() > 0.95
    inverted = np.ones((240, 320), bool)
    inverted[3:5] = False
    with pytest.raises(UsageError, match=r"white in 99% of its pixels: give mask-color black"):
        jaxgen.restore(PHOTOGRAPH, "inpaint", mask=inverted)
    for color, expected in (("black", ~inverted), ("white", inverted)):
        jaxgen.restore(PHOTOGRAPH, "inpaint", mask=inverted, mask_color=color)
        np.testing.assert_array_equal(seen.pop()[..., 0] > 0, expected)
    soft = np.asarray(strokes("white", "black", blur=2.0)[0].convert("L"), np.float32) / 255
    jaxgen.restore(PHOTOGRAPH, "inpaint", mask=soft)
    assert seen.pop()[soft > 0.05].all()
    with pytest.raises(UsageError, match="values between 0 and 1 in most places: give 1 where damaged, such as mask >"):
        jaxgen.restore(PHOTOGRAPH, "inpaint", mask=np.random.default_rng(0).uniform(0, 0.4, (240, 320)))
    with pytest.raises(UsageError, match="mask_color 'red': give white or black"):
        jaxgen.restore(PHOTOGRAPH, "inpaint", mask=soft, mask_color="red")


def test_a_pillow_mask_needs_no_file():
    buffer = io.BytesIO()
    strokes("white", "black")[0].save(buffer, "PNG")
    values = np.asarray(Image.open(buffer), np.float32) / 255
    np.testing.assert_array_equal(mask_of(Photograph(values), PIXELS, "mask").shape, (240, 320, 1))
