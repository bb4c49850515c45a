import jax
import numpy as np
import pytest

from jaxgen.objectives import confusion

compiled_write = jax.jit(confusion.write, static_argnums=1)


def write(number, width):
    return np.asarray(compiled_write(np.array(number), width))


def lines(ink):
    return ["".join("#" if on else "." for on in row) for row in ink]


def test_numbers_are_written_right_aligned_without_leading_zeros():
    assert lines(write(107, 3)) == [
        ".#..###.###",
        "##..#.#...#",
        ".#..#.#..#.",
        ".#..#.#..#.",
        "###.###..#.",
    ]
    assert lines(write(0, 2))[0] == "....###"
    one, ten = (write(n, 2) for n in (1, 10))
    np.testing.assert_array_equal(one[:, 4:], ten[:, :3])
    assert not one[:, :4].any()


MATRIX = np.array([[3, 1, 0], [0, 0, 0], [0, 5, 5]])


heat_map = jax.jit(confusion.heat_map)


@pytest.fixture(scope="module")
def image():
    return np.asarray(heat_map(MATRIX))[0]


def cell(image, row, column):
    return image[28 * row : 28 * row + 28, 28 * column : 28 * column + 28]


def test_the_color_of_a_cell_is_its_fraction_of_the_row(image):
    assert image.shape == (4 * 28, 4 * 28, 3)
    corner = lambda row, column: cell(image, row + 1, column + 1)[0, 0]
    np.testing.assert_allclose(corner(0, 0), 1 - 0.75 * (1 - confusion.FULL), rtol=1e-6)
    np.testing.assert_allclose(corner(2, 1), corner(2, 2))
    for row, column in [(0, 2), (1, 0), (1, 1), (2, 0)]:
        np.testing.assert_array_equal(cell(image, row + 1, column + 1), 1)


def test_cells_hold_the_percentage_and_headers_the_class(image):
    centre = jax.jit(lambda number: confusion.centred(confusion.write(number, 3), 28))
    for row, column, number, shade in [(1, 1, 75, 1), (1, 2, 25, 0), (0, 3, 2, 0), (3, 0, 2, 0), (0, 1, 0, 0)]:
        ink = np.asarray(centre(np.array(number))) > 0
        assert ink.sum() > 20
        assert (cell(image, row, column)[ink] == shade).all()
        paper = cell(image, row, column)[~ink]
        np.testing.assert_array_equal(paper, np.broadcast_to(paper[:1], paper.shape))
    np.testing.assert_array_equal(cell(image, 0, 0), 1)


def test_many_classes_have_smaller_cells_without_numbers():
    image = np.asarray(heat_map(np.eye(100) * 7))[0]
    assert image.shape == (600, 600, 3)
    np.testing.assert_array_equal(image[::6, ::6][~np.eye(100, dtype=bool)], 1)
    np.testing.assert_allclose(image[::6, ::6][np.eye(100, dtype=bool)], np.tile(confusion.FULL, (100, 1)), rtol=1e-5)
    assert jax.eval_shape(confusion.heat_map, np.eye(1000)).shape == (1, 1000, 1000, 3)


def test_mistakes_come_first_with_their_true_and_predicted_class():
    images = np.tile(np.arange(1, 6, dtype=np.float32)[:, None, None, None] / 8, (1, 8, 20, 1))
    labels, predictions = np.array([1, 2, 3, 4, 5]), np.array([1, 7, 3, 4, 6])
    shown = np.asarray(jax.jit(confusion.mistakes, static_argnums=3)(images, labels, predictions, 10))
    assert shown.shape == (5, 8 + 7, 20, 1)
    np.testing.assert_array_equal(shown[:2, :8], images[[1, 4]])
    np.testing.assert_array_equal(shown[2:], 1)
    for i, (label, prediction) in enumerate([(2, 7), (5, 6)]):
        strip = 1 - shown[i, 9:14, :, 0]
        np.testing.assert_array_equal(strip[:, :3], write(label, 1))
        np.testing.assert_array_equal(strip[:, -3:], write(prediction, 1))
        assert not strip[:, 3:-3].any()


def test_narrow_images_are_widened_for_their_numbers():
    images = np.zeros((40, 4, 4, 3), np.float32)
    show = lambda *inputs: confusion.mistakes(*inputs, 1000)
    shown = jax.eval_shape(show, images, np.zeros(40, int), np.ones(40, int))
    assert shown.shape == (32, 4 + 7, 24, 3)
