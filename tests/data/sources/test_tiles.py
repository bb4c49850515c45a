from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.data.sources.tiles import corners, tile_size

WINDOWS = st.tuples(st.integers(1, 20), st.integers(1, 20))
MORE = st.tuples(st.integers(0, 40), st.integers(0, 40))


@settings(max_examples=60)
@given(WINDOWS, MORE)
def test_tiles_cover_the_image_and_stay_inside(window, more):
    height, width = image = window[0] + more[0], window[1] + more[1]
    tile = tile_size(window, image)
    assert window[0] <= tile[0] <= 2 * window[0]
    assert window[1] <= tile[1] <= 2 * window[1]
    tiles = corners(image, tile, window)
    assert len(set(tiles)) == len(tiles)
    assert all(top + tile[0] <= height and left + tile[1] <= width for top, left in tiles)
    covered = {(y, x) for top, left in tiles for y in range(top, top + tile[0]) for x in range(left, left + tile[1])}
    assert len(covered) == height * width


@settings(max_examples=30)
@given(st.tuples(st.integers(1, 12), st.integers(1, 12)), st.integers(0, 25), st.integers(0, 25))
def test_every_window_lies_in_one_tile_whole(window, more_height, more_width):
    (high, wide), (height, width) = window, (2 * window[0] + more_height, 2 * window[1] + more_width)
    tiles = corners((height, width), (2 * high, 2 * wide), window)
    windows = {(y, x) for top, left in tiles for y in range(top, top + high + 1) for x in range(left, left + wide + 1)}
    assert len(windows) == (height - high + 1) * (width - wide + 1)


def test_a_window_as_large_as_the_tile_takes_half_steps():
    assert corners((8, 16), (8, 8), (8, 8)) == [(0, 0), (0, 4), (0, 8)]


def test_tiles_of_square_windows_are_square():
    for smallest, side in (((40, 90), 16), ((15, 90), 15), ((90, 15), 15), ((9, 12), 9)):
        assert tile_size((8, 8), smallest) == (side, side)
    assert tile_size((40, 60), (500, 90)) == (60, 90)
