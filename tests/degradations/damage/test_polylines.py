import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.degradations.damage import polylines

segment_distance = jax.jit(polylines.segment_distance)
point = st.tuples(st.floats(-20, 20), st.floats(-20, 20))


@given(point, point)
@settings(deadline=None, max_examples=50)
def test_the_distance_to_a_segment_is_that_to_its_nearest_point(first, last):
    y, x = np.arange(6, dtype=np.float32)[:, None], np.arange(5, dtype=np.float32)
    distance, along, _ = jax.device_get(segment_distance(y, x, np.float32(first), np.float32(last)))
    t = np.linspace(0, 1, 2001)[:, None, None]
    points = [a + t * (b - a) for a, b in zip(first, last, strict=True)]
    expected = np.hypot(points[0] - y, points[1] - x).min(0)
    np.testing.assert_allclose(distance, expected, atol=0.02)
    assert ((along >= 0) & (along <= 1)).all()


def test_the_side_is_positive_to_the_right_of_the_direction():
    _, along, side = jax.device_get(
        segment_distance(*map(np.float32, ([[2.0], [8.0]], [1.0, 9.0], [5.0, 0.0], [5.0, 10.0])))
    )
    # Eastward in a picture, whose y axis points down, right is below.
    np.testing.assert_array_equal(side > 0, [[False, False], [True, True]])
    np.testing.assert_allclose(along, [[0.1, 0.9], [0.1, 0.9]], rtol=1e-6)


def test_a_walk_is_connected_and_has_the_requested_steps():
    headings, lengths = np.float32([0.0, np.pi / 2, np.pi]), np.float32([3.0, 2.0, 1.0])
    first, last = jax.jit(polylines.walk)(np.float32([1.0, 1.0]), headings, lengths)
    np.testing.assert_allclose(last, [[1, 4], [3, 4], [3, 3]], atol=1e-5)
    np.testing.assert_allclose(first, [[1, 1], [1, 4], [3, 4]], atol=1e-5)
