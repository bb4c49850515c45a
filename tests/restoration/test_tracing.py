import jax
import numpy as np
import pytest
from skimage import data

from jaxgen.evaluation.damages import center_crop, damage_image, dilate_mask
from jaxgen.restoration.tracing import is_traced, surprise

PICTURE = np.asarray(jax.random.uniform(jax.random.key(0), (60, 50, 3)))
LINE = np.zeros((60, 50, 1), np.float32)
LINE[10:50, 20:23] = 1


@pytest.mark.parametrize("texture", [0.02, 0.2])
@pytest.mark.parametrize("opacity", [0.3, 1.0])
def test_a_mask_is_traced_where_it_ends_with_the_damage(texture, opacity):
    picture = 0.4 + texture * (PICTURE - 0.5)
    damaged = picture + opacity * LINE * (1 - picture)
    assert is_traced(damaged, LINE)
    assert not is_traced(damaged, dilate_mask(LINE, 2))
    assert not is_traced(picture, LINE)


def test_one_channel_is_as_good_as_three():
    assert is_traced(np.maximum(0.2 * PICTURE[..., :1], LINE), LINE)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_mask_without_a_border_is_not_traced(value):
    assert not is_traced(PICTURE, np.full_like(LINE, value))


def test_the_border_of_the_picture_is_none_of_the_mask():
    mask = np.zeros_like(LINE)
    mask[:, :10] = 1
    picture = 0.4 + 0.02 * (PICTURE - 0.5)
    assert is_traced(np.where(mask > 0, 0.9, picture).astype(np.float32), mask)


def test_surprise_is_how_far_a_pixel_is_from_what_is_known_around_it():
    picture, hidden = np.full((20, 20, 2), 0.5, np.float32), np.zeros((20, 20, 1), bool)
    picture[10, 10] = 1.0, 0.5
    hidden[10, 10] = True
    found = surprise(picture, hidden)
    assert found.shape == (20, 20, 1)
    np.testing.assert_allclose(found[10, 10], 0.25, atol=1e-6)
    np.testing.assert_allclose(found[~hidden[..., 0]], 0, atol=1e-6)


@pytest.mark.parametrize("kind", ["scratches", "tears"])
def test_masks_of_damaged_photographs_are_told_apart(kind):
    traced = {0: [], 2: [], 3: []}
    for picture in (data.astronaut(), data.chelsea(), data.coffee()):
        undamaged = center_crop(picture / np.float32(255), 256, "a photograph")
        for index in range(8):
            made, mask = damage_image(kind, undamaged, index)
            for margin, found in traced.items():
                found.append(is_traced(made, dilate_mask(mask, margin)))
    assert np.mean(traced[0]) >= 0.9
    # A tear of a few pixels tells little.
    assert np.mean(traced[2] + traced[3]) <= 0.05
