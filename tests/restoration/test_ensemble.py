import numpy as np

from jaxgen.restoration import ensemble

IMAGE = np.random.default_rng(0).random((3, 5, 2), np.float32)


def test_the_views_are_all_there_are_and_come_back_upright():
    views = list(ensemble.views(IMAGE))
    assert len({(view.shape, view.tobytes()) for view in views}) == ensemble.VIEWS
    for index, view in enumerate(views):
        np.testing.assert_array_equal(ensemble.upright(view, index), IMAGE)


def test_what_treats_all_views_alike_is_left_as_it_is():
    np.testing.assert_allclose(ensemble.self_ensemble(lambda image: image**2, IMAGE), IMAGE**2, rtol=1e-6)


def test_what_moves_a_picture_is_averaged_over_the_directions():
    shifted = ensemble.self_ensemble(lambda image: np.roll(image, 1, 0), IMAGE)
    expected = sum(np.roll(IMAGE, step, axis) for axis in (0, 1) for step in (1, -1)) / 4
    np.testing.assert_allclose(shifted, expected, rtol=1e-6)
