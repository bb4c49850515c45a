import jax
import jax.numpy as jnp
import numpy as np

from jaxgen import filters
from jaxgen.filters.biharmonic import laplacian
from jaxgen.filters.relaxation import chebyshev


def test_what_is_missing_does_not_count_and_what_is_known_stays(pair, missing):
    filled = np.asarray(filters.inpaint_relaxed(np.where(missing > 0, np.nan, pair), missing))
    np.testing.assert_array_equal(filled, filters.inpaint_relaxed(pair, missing))
    np.testing.assert_array_equal(np.where(missing > 0, 0, filled), np.where(missing > 0, 0, pair))
    assert filled.min() >= 0 and filled.max() <= 1


def test_a_constant_is_filled_exactly(pair, missing):
    flat = np.full_like(pair, 0.3)
    np.testing.assert_allclose(filters.inpaint_relaxed(flat, missing), flat, atol=1e-6)


def test_scratches_are_filled_as_by_the_thin_plate_and_wide_holes_as_by_the_coarse_shape():
    y, x = np.mgrid[:64, :64] / 64
    image = (0.5 + 0.2 * np.sin(9 * x) * np.cos(7 * y))[None, ..., None].astype(np.float32)
    scratch, hole = np.zeros_like(image), np.zeros_like(image)
    scratch[0, 5:60, 30:32] = 1
    hole[0, 16:48, 16:48] = 1

    def error(fill, mask):
        missing = mask > 0
        return float(abs(np.asarray(fill(np.where(missing, 0, image), mask)) - image)[missing].mean())

    assert error(filters.inpaint_relaxed, scratch) < 0.5 * error(filters.inpaint_pull_push, scratch)
    assert error(filters.inpaint_relaxed, hole) < error(filters.inpaint_pull_push, hole)


def test_many_steps_solve_the_equation(pair):
    missing = np.zeros(pair.shape, bool)
    missing[:, 10:14, 8:40] = True
    operator = lambda x: jnp.where(missing, -laplacian(x), 0)
    found = jax.jit(lambda x: chebyshev(operator, x, 60, 0.3, 8.0))(jnp.where(missing, 0.5, pair))
    assert abs(operator(found)).max() < 1e-4
    assert abs(operator(jnp.where(missing, 0.5, pair))).max() > 0.1


def test_the_error_falls_as_chebyshevs_polynomials_say():
    # A diagonal operator: each part of the error is multiplied by T(z(λ)) / T(z(0)).
    eigenvalues = jnp.linspace(2.0, 8.0, 7)
    found = np.asarray(chebyshev(lambda x: eigenvalues * x, jnp.ones(7), 4, 2.0, 8.0))
    polynomial = np.polynomial.chebyshev.Chebyshev.basis(4)
    place = lambda value: (5.0 - value) / 3.0
    np.testing.assert_allclose(found, polynomial(place(np.asarray(eigenvalues))) / polynomial(place(0.0)), atol=1e-5)
