import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from jaxgen.restoration import tiles

RADIUS, MULTIPLE = 7, 4
GENERATOR = np.random.default_rng(0)


class Local:
    """A network with a receptive field of radius 7 and zero padding, whose output depends on the position modulo 4."""

    def __init__(self):
        self.sizes = set()
        self.kernel = GENERATOR.standard_normal((2 * RADIUS + 1, 2 * RADIUS + 1, 1))

    def __call__(self, batch):
        self.sizes.add(batch.shape[1:3])
        response = ndimage.correlate(batch[0].astype(np.float64), self.kernel, mode="constant")
        phase = np.add.outer(np.arange(batch.shape[1]) % MULTIPLE, np.arange(batch.shape[2]) % MULTIPLE)
        return (response * (1 + phase[..., None]))[None]


def whole(network, image):
    """The network's output for the reflected image in one piece."""
    margin = 2 * MULTIPLE
    indices = [tiles.reflected(-margin, size + margin, size) for size in image.shape[:2]]
    return network(image[np.ix_(*indices)][None])[0, margin:-margin, margin:-margin]


def restore(network, image, largest, **options):
    return tiles.apply_by_tiles(network, image, radius=RADIUS, size_multiple=MULTIPLE, largest_tile=largest, **options)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 150), st.integers(1, 150), st.sampled_from([64, 96, 1024]))
def test_tiles_of_any_size_equal_the_whole_image(height, width, largest):
    network = Local()
    image = GENERATOR.standard_normal((height, width, 2)).astype(np.float32)
    np.testing.assert_allclose(restore(network, image, largest), whole(network, image), atol=1e-9)


def test_a_smaller_radius_is_not_enough():
    network = Local()
    image = GENERATOR.standard_normal((100, 100, 1)).astype(np.float32)
    too_small = tiles.apply_by_tiles(network, image, radius=RADIUS - 4, size_multiple=MULTIPLE, largest_tile=64)
    assert abs(too_small - whole(network, image)).max() > 0.1


def test_many_sizes_are_few_shapes():
    network = Local()
    for size in range(1, 400, 7):
        restore(network, np.zeros((size, 50, 1), np.float32), 128)
    assert len(network.sizes) == 3
    assert max(max(shape) for shape in network.sizes) <= 128 + 2 * 2 * MULTIPLE


@pytest.mark.parametrize(
    ("length", "largest", "expected"),
    [(1, 1024, 64), (65, 1024, 96), (1024, 1024, 1024), (1025, 1024, 768), (300, 128, 128)],
)
def test_tiles_are_few_and_no_larger_than_they_need_be(length, largest, expected):
    assert tiles.tile_side(length, largest) == expected


def test_no_line_takes_more_than_half_as_much_again():
    for length in range(64, 5000):
        side = tiles.tile_side(length, 1024)
        assert length <= side * -(-length // side) <= 1.5 * length


@given(st.integers(1, 9), st.integers(0, 40))
def test_reflection_is_numpys(length, margin):
    line = np.arange(length)
    np.testing.assert_array_equal(
        tiles.reflected(-margin, length + margin, length), np.pad(line, margin, mode="reflect")
    )


def test_progress_counts_the_tiles():
    calls = []
    restore(Local(), np.zeros((130, 70, 1), np.float32), 64, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(done, 6) for done in range(1, 7)]


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((0, 4, 1), {}, "an image of 0×4 pixels: give at least one"),
        ((4, 4, 1), {"largest_tile": 63}, "tiles of 63 pixels: give 64 or more"),
        ((4, 4, 1), {"size_multiple": 64}, "a size_multiple of 64 pixels: give a divisor of 32"),
    ],
)
def test_invalid_tiles_are_refused(shape, options, message):
    with pytest.raises(ValueError, match=message):
        tiles.apply_by_tiles(Local(), np.zeros(shape, np.float32), **{"radius": 1, "size_multiple": 1} | options)


def test_a_network_that_upsamples_is_tiled_at_its_own_size():
    local = Local()
    network = lambda batch: local(batch).repeat(3, 1).repeat(3, 2)
    image = GENERATOR.standard_normal((70, 130, 2)).astype(np.float32)
    output = tiles.apply_by_tiles(network, image, radius=RADIUS, size_multiple=MULTIPLE, scale=3, largest_tile=64)
    np.testing.assert_allclose(output, whole(local, image).repeat(3, 0).repeat(3, 1), atol=1e-9)


def test_the_largest_tile_is_chosen_by_the_memory_of_its_activations():
    assert tiles.largest_side(0.0, 100) == tiles.SIDES[-1]
    assert tiles.largest_side(1e9, 0) == tiles.SIDES[0]
    chosen = [tiles.largest_side(2000.0, margin) for margin in (0, 30, 100)]
    assert chosen == sorted(chosen, reverse=True)
    for margin, side in zip((0, 30, 100), chosen, strict=True):
        larger = tiles.SIDES[tiles.SIDES.index(side) + 1]
        used = [tiles.LIVE * 2000.0 * (one + 2 * margin) ** 2 for one in (side, larger)]
        assert used[0] <= tiles.MAX_BYTES < used[1]


def test_a_condition_is_one_more_channel_of_every_tile():
    network, image = Local(), GENERATOR.standard_normal((100, 130, 3)).astype(np.float32)
    joined = restore(network, image, 64)
    np.testing.assert_array_equal(restore(network, image[..., :2], 64, condition=image[..., 2:]), joined)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 300), st.sampled_from([RADIUS, 90]))
def test_the_rows_that_were_yielded_may_be_overwritten(height, radius):
    network = Local()
    image = GENERATOR.standard_normal((height, 70, 1))
    options = {"radius": radius, "size_multiple": MULTIPLE, "largest_tile": 64}
    expected = tiles.apply_by_tiles(network, image, **options)
    bands = tiles.bands_of_tiles(network, image, **options)
    assert tiles.stacked(bands, height, out=image) is image
    np.testing.assert_array_equal(image, expected)


def test_tiles_far_from_the_condition_are_left_as_they_are():
    image, condition = GENERATOR.standard_normal((300, 200, 1)), np.zeros((300, 200, 1), bool)
    condition[64 + 60, 130] = True
    shapes = []
    network = lambda batch: shapes.append(batch.shape) or batch[..., :1] + 1
    for distance, rows, columns in ((0, (64, 128), (128, 192)), (3, (64, 128), (64, 192)), (4, (64, 192), (64, 192))):
        shapes.clear()
        changed = restore(network, image, 64, condition=condition, max_distance=distance) - image
        expected = np.zeros(image.shape)
        expected[slice(*rows), slice(*columns)] = 1
        np.testing.assert_allclose(changed, expected, atol=1e-12)
        assert len(shapes) == expected.sum() / 64**2
