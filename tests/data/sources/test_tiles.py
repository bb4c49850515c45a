from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.data.sources.tiles import corners, tile_side


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(0, 60), st.integers(0, 60))
def test_tiles_cover_the_image_and_stay_inside(size, more_height, more_width):
    height, width = size + more_height, size + more_width
    side = tile_side(size, min(height, width))
    tiles = corners(height, width, side, size)
    assert len(set(tiles)) == len(tiles)
    assert all(top + side <= height and left + side <= width for top, left in tiles)
    covered = {(y, x) for top, left in tiles for y in range(top, top + side) for x in range(left, left + side)}
    assert len(covered) == height * width


@settings(max_examples=30)
@given(st.integers(1, 12), st.integers(0, 25), st.integers(0, 25))
def test_every_window_lies_in_one_tile_whole(size, more_height, more_width):
    height, width = 2 * size + more_height, 2 * size + more_width
    tiles = corners(height, width, 2 * size, size)
    windows = {(y, x) for top, left in tiles for y in range(top, top + size + 1) for x in range(left, left + size + 1)}
    assert len(windows) == (height - size + 1) * (width - size + 1)


def test_a_window_as_large_as_the_tile_takes_half_steps():
    assert corners(8, 16, 8, 8) == [(0, 0), (0, 4), (0, 8)]
