import numpy as np

from jaxgen.restoration import restorer

IMAGE = np.random.default_rng(0).random((3, 5, 2), np.float32)


def test_the_symmetries_are_distinct_and_are_undone():
    views = list(restorer.symmetries(IMAGE))
    assert len({(view.shape, view.tobytes()) for view in views}) == restorer.SYMMETRIES
    for index, view in enumerate(views):
        np.testing.assert_array_equal(restorer.undo_symmetry(view, index), IMAGE)


def test_an_equivariant_network_gives_its_own_output():
    np.testing.assert_allclose(restorer.self_ensemble(lambda image: image**2, IMAGE), IMAGE**2, rtol=1e-6)


def test_a_shift_is_averaged_over_the_directions():
    shifted = restorer.self_ensemble(lambda image: np.roll(image, 1, 0), IMAGE)
    expected = sum(np.roll(IMAGE, step, axis) for axis in (0, 1) for step in (1, -1)) / 4
    np.testing.assert_allclose(shifted, expected, rtol=1e-6)
