import jax
import numpy as np
import pytest
import scipy.ndimage

from jaxgen.degradations.damage import masks

KEY = jax.random.key(0)


def drawn(count, size, **ranges):
    """Returns masks of many keys, bool[count, size, size]."""
    draw = jax.jit(jax.vmap(lambda k: masks.hole_mask(k, size, size, **ranges)))
    mask = np.asarray(draw(jax.random.split(KEY, count)))
    assert mask.shape == (count, size, size, 1) and set(np.unique(mask)) <= {0, 1}
    return mask[..., 0] > 0


@pytest.mark.parametrize(("size", "least", "most"), [(256, 30, 99), (64, 8, 25)])
def test_a_rectangle_is_full_inside_the_picture_and_of_the_published_sides(size, least, most):
    mask = drawn(200, size, strokes=(0, 0), rectangles=(1, 1))
    tall, wide = mask.any(2).sum(1), mask.any(1).sum(1)
    np.testing.assert_array_equal(mask.sum((1, 2)), tall * wide)
    for sides in (tall, wide):
        assert least - 1 <= sides.min() < least + 5 and most - 5 < sides.max() <= most
    for axis in (1, 2):
        assert mask.any(axis)[:, :8].any() and mask.any(axis)[:, -8:].any()


def test_a_stroke_is_connected_and_its_area_within_the_published_ranges():
    mask = drawn(40, 256, strokes=(1, 1), rectangles=(0, 0))
    areas = mask.sum((1, 2))
    assert (areas > 5).all() and (areas <= 5 * 69 * 25 + np.pi * 13**2).all() and areas.std() > 500
    assert np.median(areas) > 10 * 5
    inside = [m for m in mask if not (m[0].any() or m[-1].any() or m[:, 0].any() or m[:, -1].any())]
    assert len(inside) > 5
    for one in inside:
        assert scipy.ndimage.label(one, np.ones((3, 3)))[1] == 1
        # Half its width is the greatest distance from within to without.
        assert 2 < scipy.ndimage.distance_transform_edt(one).max() < 24


def test_the_number_of_strokes_is_random_within_its_range():
    areas = np.stack([drawn(60, 64, strokes=s, rectangles=(0, 0)).mean((1, 2)) for s in ((0, 1), (3, 3))])
    assert 0.2 < (areas[0] == 0).mean() < 0.8
    assert areas[1].min() > 0 and areas[1].mean() > 2 * areas[0].mean()


def test_a_hole_shows_the_fill_and_the_rest_the_very_image(computed):
    images = np.random.default_rng(0).random((3, 40, 33, 3), np.float32)
    fill = np.float32([0.0, 0.5, 1.0])
    damaged, mask = computed(lambda *given: masks.holes(*given, rectangles=(1, 2)), KEY, images, fill)
    hole = np.broadcast_to(mask > 0, images.shape)
    np.testing.assert_array_equal(damaged, np.where(hole, fill[:, None, None, None], images))
    assert hole.any((1, 2, 3)).all()


def test_counts_out_of_order_are_refused():
    with pytest.raises(ValueError, match=r"rectangles = \(2, 1\): give \(fewest, most\)"):
        masks.holes(KEY, np.zeros((1, 8, 8, 1), np.float32), rectangles=(2, 1))
