import cv2
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen import filters


@pytest.mark.parametrize("channels", [1, 3])
def test_it_agrees_with_opencv(bytes_of_photograph, channels):
    # On 8 bits OpenCV's sums are exact.
    picture = np.ascontiguousarray(bytes_of_photograph[..., :channels])
    template = np.ascontiguousarray(picture[9:20, 14:28])
    expected = cv2.matchTemplate(picture, template, cv2.TM_CCOEFF_NORMED)
    found = np.asarray(filters.match_template(picture[None] / np.float32(255), template / np.float32(255)))[0, ..., 0]
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert np.unravel_index(found.argmax(), found.shape) == (9, 14)


@given(gain=st.floats(0.2, 1), offset=st.floats(-0.3, 0.3))
@settings(max_examples=6, deadline=None)
def test_brightness_and_contrast_do_not_count(photograph, gain, offset):
    template = photograph[9:20, 14:28]
    found = filters.match_template(photograph[None], np.float32(gain) * template + np.float32(offset))
    np.testing.assert_allclose(found, filters.match_template(photograph[None], template), atol=5e-4)


def test_each_image_may_have_its_own_template(pair):
    templates = np.stack([pair[0, 3:12, 5:11], pair[1, 20:29, 30:36]])
    each = [filters.match_template(pair[i : i + 1], templates[i])[0] for i in range(2)]
    np.testing.assert_allclose(jax.jit(filters.match_template)(pair, templates), each, atol=1e-6)


def test_flat_windows_and_flat_templates_match_nothing(photograph):
    image = photograph.copy()
    image[:20, :20] = 0.7
    assert (np.asarray(filters.match_template(image[None], photograph[20:28, 20:28]))[0, :13, :13] == 0).all()
    assert (np.asarray(filters.match_template(image[None], image[:8, :8])) == 0).all()


def test_a_template_of_the_images_size_has_one_place(photograph):
    np.testing.assert_allclose(filters.match_template(photograph[None], photograph), [[[[1]]]], atol=1e-5)


def test_what_does_not_fit_is_refused_in_one_line(pair):
    with pytest.raises(ValueError, match=r"a template of 45×3 pixels for images of shape .*: it must fit inside"):
        filters.match_template(pair, np.zeros((45, 3, 3)))
    with pytest.raises(ValueError, match="a template of 1 channels for images of shape"):
        filters.match_template(pair, np.zeros((4, 3, 1)))
    with pytest.raises(
        ValueError, match=r"a template of shape \(4, 3\) .*: give \[rows, columns, channel\], or one for"
    ):
        filters.match_template(pair, np.zeros((4, 3)))
