import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.filters import inpaint_relaxed
from jaxgen.models.restoration import patch_inpainter
from jaxgen.models.restoration.patch_inpainter import EDGE, PatchInpainter
from jaxgen.nn.cost import multiply_adds_per_pixel

IMAGES = np.random.default_rng(0).random((2, 19, 37, 3), np.float32)
MASK = np.zeros((2, 19, 37, 1), np.float32)
MASK[0, 5:9, 10:20] = MASK[1, :2, 30:] = 1
INPUTS = np.concatenate([IMAGES, MASK], -1)
MODULE = PatchInpainter(radius=2, width=8, depth=2, samples=9, levels=3)
HIDDEN = np.zeros((2, 19, 37), bool)
HIDDEN[0, 5 - EDGE : 9 + EDGE, 10 - EDGE : 20 + EDGE] = HIDDEN[1, : 2 + EDGE, 30 - EDGE :] = True
compiled = jax.jit(MODULE.apply, static_argnums=2)
apply = lambda *arguments: np.asarray(compiled(*arguments))


@pytest.fixture(scope="module")
def variables():
    return jax.device_get(jax.jit(lambda inputs: MODULE.init(jax.random.key(0), inputs, False))(INPUTS))


@pytest.fixture(scope="module")
def filled():
    """Returns what the filter makes of the images."""
    return np.asarray(jax.jit(lambda *images: inpaint_relaxed(*images, 3))(IMAGES, MASK))


@pytest.fixture(scope="module")
def trained(variables):
    leaves, tree = jax.tree.flatten(variables)
    draw = np.random.default_rng(1)
    return tree.unflatten([leaf + 0.1 * draw.standard_normal(leaf.shape, np.float32) for leaf in leaves])


@pytest.mark.parametrize("train", [False, True])
def test_the_initial_output_is_the_filters(variables, filled, train):
    np.testing.assert_allclose(apply(variables, INPUTS, train), filled, atol=1e-6)


def test_the_mask_and_its_edge_change_and_nothing_else(trained):
    np.testing.assert_array_equal((apply(trained, INPUTS, False) != IMAGES).any(-1), HIDDEN)


@pytest.mark.parametrize("group", [1, 40, 5000])
def test_each_pixel_depends_on_its_own_patch_whatever_the_groups(trained, filled, group, monkeypatch, infer):
    monkeypatch.setattr(patch_inpainter, "GROUP", group)
    seen = np.pad(np.concatenate([IMAGES - filled, filled, MASK], -1), ((0, 0), (2, 2), (2, 2), (0, 0)))
    layers = trained["params"]["look"]
    expected = filled.copy()
    for image, row, column in np.argwhere(HIDDEN):
        x = seen[image, row : row + 5, column : column + 5].ravel()
        for name in ("dense_0", "dense_1"):
            x = np.maximum(x @ np.asarray(layers[name]["kernel"]) + np.asarray(layers[name]["bias"]), 0)
        output = x @ np.asarray(layers["tail"]["kernel"]) + np.asarray(layers["tail"]["bias"])
        at = image, row, column
        expected[at] += output[:3] + output[3] * (IMAGES[at] - filled[at])
    np.testing.assert_allclose(infer(MODULE, trained, INPUTS), expected, atol=1e-5)


def test_a_training_step_restores_evenly_spaced_pixels_as_inference_does(trained, filled):
    whole, some = apply(trained, INPUTS, False), apply(trained, INPUTS, True)
    mended = abs(some - filled).max(-1) > 1e-4
    np.testing.assert_array_equal(mended.sum((1, 2)), [9, 9])
    np.testing.assert_allclose(some, np.where(mended[..., None], whole, filled), atol=1e-6)
    for number, image in enumerate(mended):
        ranks = np.flatnonzero(image[HIDDEN[number]])
        assert ranks[0] == 0
        assert np.ptp(np.diff(ranks)) <= 1


def test_a_training_step_with_enough_samples_restores_all(trained):
    roomy = MODULE.clone(samples=200)
    np.testing.assert_allclose(
        jax.jit(roomy.apply, static_argnums=2)(trained, INPUTS, True), apply(trained, INPUTS, False), atol=1e-6
    )


def test_evenly_spaced_samples_do_not_overflow():
    size, samples = 3_000, 40_000
    hidden = np.ones((1, size, size, 1), bool)
    assert samples * size**2 > np.iinfo(np.int32).max
    choose = lambda hidden: patch_inpainter.at_samples(lambda places: jnp.ones((len(places), 1)), hidden, samples)
    chosen = np.asarray(jax.jit(choose)(hidden))
    places = np.flatnonzero(chosen)
    np.testing.assert_array_equal(places, np.arange(samples) * size**2 // samples)


def test_an_images_result_does_not_depend_on_the_batch(trained):
    apart = [apply(trained, INPUTS[i : i + 1], train) for train in (False, True) for i in range(2)]
    together = [apply(trained, INPUTS, train)[i : i + 1] for train in (False, True) for i in range(2)]
    np.testing.assert_allclose(np.stack(apart), np.stack(together), atol=1e-6)


def test_an_empty_mask_changes_nothing(trained):
    clear = np.concatenate([IMAGES, np.zeros_like(MASK)], -1)
    for train in (False, True):
        np.testing.assert_array_equal(apply(trained, clear, train), IMAGES)


def test_translucent_damage_changes_the_result(trained):
    other = np.where(MASK > 0, 0.5, IMAGES)
    assert abs(apply(trained, INPUTS, False) - apply(trained, np.concatenate([other, MASK], -1), False)).max() > 1e-3


def test_its_cost_is_that_of_a_full_mask():
    assert multiply_adds_per_pixel(MODULE.clone(levels=4), 4) == 5 * 5 * 7 * 8 + 8 * 8 + 8 * 4
    assert MODULE.size_multiple == 8
