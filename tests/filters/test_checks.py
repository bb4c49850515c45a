import jax
import numpy as np
import pytest

from jaxgen.filters import checks

IMAGES = np.zeros((2, 4, 5, 1), np.float32)


def test_images_are_a_batch_of_floating_point():
    with pytest.raises(ValueError, match=r"images of shape \(4, 5, 1\): give \[batch, height, width, channel\]"):
        checks.checked(IMAGES[0])
    with pytest.raises(ValueError, match="images of uint8: give floating point in"):
        checks.checked(IMAGES.astype(np.uint8))
    with pytest.raises(ValueError, match=r"images of shape \(0, 4, 5, 1\)"):
        checks.checked(IMAGES[:0])
    assert checks.checked(IMAGES.astype(np.float16)).dtype == np.float32


@pytest.mark.parametrize("size", [0, -3, 4])
def test_windows_are_odd(size):
    with pytest.raises(ValueError, match=f"a window of size {size}: give an odd number of pixels"):
        checks.odd(size)


def test_numbers_are_one_or_one_for_each_image():
    assert checks.per_image("sigma", 2.0, IMAGES).shape == (1, 1, 1, 1)
    assert checks.per_image("sigma", np.ones(2), IMAGES).shape == (2, 1, 1, 1)
    with pytest.raises(ValueError, match=r"sigma of shape \(3,\) for 2 images: give one, or one for each image"):
        checks.per_image("sigma", np.ones(3), IMAGES)


def test_masks_belong_to_the_images_and_leave_something_known():
    with pytest.raises(ValueError, match=r"a mask of shape \(4, 5\) for images of shape .*: give \[2, 4, 5, 1\]"):
        checks.checked_mask(np.zeros((4, 5)), IMAGES)
    mask = np.zeros((2, 4, 5, 1))
    mask[1] = 1
    with pytest.raises(ValueError, match="the mask of image 1 leaves no known pixel"):
        checks.checked_mask(mask, IMAGES)
    assert jax.jit(lambda m: checks.checked_mask(m, IMAGES))(mask).sum() == 20
