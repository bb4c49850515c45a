import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxgen import sampling


@given(st.integers(1, 9), st.integers(0, 40))
def test_mirroring_is_numpys(length, margin):
    expected = np.pad(np.arange(length), margin, mode="reflect")
    np.testing.assert_array_equal(sampling.mirrored(np.arange(-margin, length + margin), length), expected)


def test_lines_of_several_lengths_are_mirrored_at_once():
    lengths = jnp.array([1, 2, 5])
    found = sampling.mirrored(jnp.arange(-7, 9), lengths[:, None])
    for row, length in zip(found, lengths.tolist(), strict=True):
        np.testing.assert_array_equal(row, sampling.mirrored(np.arange(-7, 9), length))


@pytest.mark.parametrize(("kernel", "support"), [(sampling.cubic, 2), (sampling.linear, 1)])
def test_kernels_interpolate_and_weigh_to_one(kernel, support):
    np.testing.assert_array_equal(kernel(np.arange(-4, 5)), np.arange(-4, 5) == 0)
    shift = np.linspace(0, 1, 11)[:, None]
    np.testing.assert_allclose(kernel(np.arange(-4, 5) - shift).sum(1), 1, rtol=1e-12)
    assert (kernel(np.array([-support, support, support + 0.5])) == 0).all()


def test_the_cubic_kernel_reproduces_squares():
    places = np.arange(-4, 5) - np.linspace(0, 1, 11)[:, None]
    np.testing.assert_allclose((sampling.cubic(places) * places**2).sum(1), 0, atol=1e-12)
