import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgen.errors import UsageError
from jaxgen.evaluation import damages

IMAGES = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)


def test_every_damage_keeps_the_shape_and_returns_the_opacity_where_it_hides_pixels():
    keys = jax.random.split(jax.random.key(0), 1)
    for channels in (1, 3):
        image = jnp.zeros((1, 24, 32, channels))
        for damage in damages.DAMAGES.values():
            result = jax.eval_shape(damage.apply, keys, image)
            degraded, opacity = result if damage.has_mask else (result, None)
            assert (degraded.shape, degraded.dtype) == (image.shape, image.dtype)
            assert opacity is None or opacity.shape == (1, 24, 32, 1)
            assert damage.score == "psnr" or damage.has_mask


def test_the_damage_depends_on_name_number_and_seed_alone():
    first, mask = damages.damage_image("holes", IMAGES[0], 3)
    again, _ = damages.damage_image("holes", IMAGES[0], 3)
    np.testing.assert_array_equal(first, again)
    # Another picture of the same number has its holes at the same places.
    np.testing.assert_array_equal(mask, damages.damage_image("holes", IMAGES[1], 3)[1])
    assert (mask != damages.damage_image("holes", IMAGES[0], 4)[1]).any()
    assert (mask != damages.damage_image("holes", IMAGES[0], 3, seed=1)[1]).any()


def test_holes_are_never_missing_and_what_is_around_stays():
    for index in range(20):
        damaged, mask = damages.damage_image("holes", IMAGES[0], index)
        assert set(np.unique(mask)) == {0, 1}
        seen = mask[..., 0] == 0
        assert abs(damaged[seen] - IMAGES[0][seen]).max() <= 0.5 / 255 + 1e-6
        assert np.ptp(damaged[~seen]) == 0


def test_a_damaged_image_is_rounded_to_8_bits_and_has_the_stated_noise_level():
    gray = np.full((64, 64, 3), 0.5, np.float32)
    damaged, mask = damages.damage_image("noise", gray, 0)
    assert mask is None
    assert 0 <= damaged.min() < damaged.max() <= 1
    np.testing.assert_array_equal(damaged, np.rint(damaged * 255).astype(np.uint8).astype(np.float32) / 255)
    assert 255 * (damaged - gray).std() == pytest.approx(25, rel=0.03)


def test_an_unknown_damage_is_named():
    with pytest.raises(UsageError, match="unknown damage 'rost': did you mean rust"):
        damages.damage_image("rost", IMAGES[0], 0)


def test_the_middles_of_the_first_photographs_are_read(tmp_path):
    values = np.random.default_rng(1).integers(0, 256, (3, 20, 24, 3)).astype(np.uint8)
    for index, picture in enumerate(values):
        Image.fromarray(picture).save(tmp_path / f"{index}.png")
    found = damages.read_photographs(str(tmp_path), 16, 2)
    assert len(found) == 2
    np.testing.assert_array_equal(found[1], values[1, 2:18, 4:20].astype(np.float32) / 255)
    assert len(damages.read_photographs(str(tmp_path), 16)) == 3


def test_invalid_folders_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no images in"):
        damages.read_photographs(str(tmp_path), 16)
    Image.fromarray(np.zeros((15, 30, 3), np.uint8)).save(tmp_path / "b.png")
    with pytest.raises(UsageError, match=r"b\.png is 15×30: give images of at least 16×16 pixels"):
        damages.read_photographs(str(tmp_path), 16)
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match=r"a\.png is gray"):
        damages.read_photographs(str(tmp_path), 16)
