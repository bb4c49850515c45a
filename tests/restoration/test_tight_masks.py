import jax
import numpy as np
import pytest
from skimage import data

from jaxgen.evaluation.damages import center_crop, damage_image, dilate_mask
from jaxgen.restoration.inpainting import is_tight, prediction_error

IMAGE = np.asarray(jax.random.uniform(jax.random.key(0), (60, 50, 3)))
LINE = np.zeros((60, 50, 1), np.float32)
LINE[10:50, 20:23] = 1


@pytest.mark.parametrize("texture", [0.02, 0.2])
@pytest.mark.parametrize("opacity", [0.3, 1.0])
def test_a_mask_is_tight_where_it_ends_with_the_damage(texture, opacity):
    photograph = 0.4 + texture * (IMAGE - 0.5)
    damaged = photograph + opacity * LINE * (1 - photograph)
    assert is_tight(damaged, LINE)
    assert not is_tight(damaged, dilate_mask(LINE, 2))
    assert not is_tight(photograph, LINE)


def test_one_channel_is_enough():
    assert is_tight(np.maximum(0.2 * IMAGE[..., :1], LINE), LINE)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_mask_without_a_border_is_not_tight(value):
    assert not is_tight(IMAGE, np.full_like(LINE, value))


def test_the_border_of_the_image_is_not_a_border_of_the_mask():
    mask = np.zeros_like(LINE)
    mask[:, :10] = 1
    photograph = 0.4 + 0.02 * (IMAGE - 0.5)
    assert is_tight(np.where(mask > 0, 0.9, photograph).astype(np.float32), mask)


def test_the_prediction_error_is_the_distance_from_known_neighbours():
    photograph, hidden = np.full((20, 20, 2), 0.5, np.float32), np.zeros((20, 20, 1), bool)
    photograph[10, 10] = 1.0, 0.5
    hidden[10, 10] = True
    errors = prediction_error(photograph, hidden)
    assert errors.shape == (20, 20, 1)
    np.testing.assert_allclose(errors[10, 10], 0.25, atol=1e-6)
    np.testing.assert_allclose(errors[~hidden[..., 0]], 0, atol=1e-6)


@pytest.mark.parametrize("kind", ["scratches", "tears"])
def test_tight_and_wide_masks_of_photographs_are_distinguished(kind):
    tight = {0: [], 2: [], 3: []}
    for photograph in (data.astronaut(), data.chelsea(), data.coffee()):
        undamaged = center_crop(photograph / np.float32(255), 256, "a photograph")
        for index in range(8):
            image, mask = damage_image(kind, undamaged, index)
            for margin, decisions in tight.items():
                decisions.append(is_tight(image, dilate_mask(mask, margin)))
    assert np.mean(tight[0]) >= 0.9
    # A tear of a few pixels is hardly enough to decide.
    assert np.mean(tight[2] + tight[3]) <= 0.05
