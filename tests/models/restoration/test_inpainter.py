import jax
import numpy as np
import pytest

from jaxgen.filters import inpaint_relaxed
from jaxgen.models.restoration.inpainter import EDGE, Inpainter

IMAGES = np.random.default_rng(0).random((2, 19, 37, 3), np.float32)
MASK = np.zeros((2, 19, 37, 1), np.float32)
MASK[:, 5:9, 10:20] = 1
MODULE = Inpainter((4, 4), 1, levels=3)
joined = lambda images: np.concatenate([images, MASK], -1)


@pytest.fixture(scope="module")
def variables():
    return jax.device_get(jax.jit(MODULE.init, static_argnums=2)(jax.random.key(0), joined(IMAGES), False))


@pytest.fixture(scope="module")
def inpaint():
    compiled = jax.jit(MODULE.apply, static_argnums=2)
    return lambda variables, images: np.asarray(compiled(variables, joined(images), False))


def test_the_initial_output_is_the_filters(variables, inpaint, computed):
    expected = computed(lambda *images: inpaint_relaxed(*images, 3), IMAGES, MASK)
    np.testing.assert_allclose(inpaint(variables, IMAGES), expected, atol=1e-6)


def test_translucent_damage_changes_the_result(variables, inpaint):
    variables = jax.tree.map(lambda leaf: leaf + np.float32(0.1), variables)
    other = np.where(MASK > 0, np.float32(0.5), IMAGES)
    first, second = (inpaint(variables, x) for x in (IMAGES, other))
    assert abs(first - second).max() > 1e-3


def test_pixels_far_from_the_mask_do_not_change(variables, inpaint):
    variables = jax.tree.map(lambda leaf: leaf + np.float32(0.1), variables)
    found = inpaint(variables, IMAGES)
    changed = (found != IMAGES).any((0, 3))
    expected = np.zeros_like(changed)
    expected[5 - EDGE : 9 + EDGE, 10 - EDGE : 20 + EDGE] = True
    np.testing.assert_array_equal(changed, expected)


def test_its_size_multiple_is_that_of_filter_and_unet():
    assert MODULE.size_multiple == 8
    assert Inpainter(widths=(4, 4, 4, 4, 4), levels=2).size_multiple == 32
