import jax
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.objectives.adversarial.diff_augment import AUGMENTATIONS, color, cutout, diff_augment, translation

ALL = tuple(AUGMENTATIONS)
KEYS = jax.random.split(jax.random.key(0), 64)
IMAGES = np.random.default_rng(0).uniform(-1, 1, (64, 16, 24, 3)).astype(np.float32)
augment = jax.jit(diff_augment, static_argnames="policy")


mapped = {change: jax.jit(jax.vmap(change)) for change in (color, translation, cutout)}


def over(change, images):
    return np.array(mapped[change](KEYS, np.broadcast_to(images, (64, *images.shape[-3:]))))


def test_the_gradient_flows_to_every_image():
    slope = jax.jit(jax.grad(lambda x: (diff_augment(KEYS, x, ALL) ** 2).sum()))(IMAGES)
    assert np.isfinite(slope).all()
    assert (np.abs(slope).max((1, 2, 3)) > 0).all()


def test_the_gradient_is_that_of_finite_differences():
    images, keys = IMAGES[:2], KEYS[:2]
    direction = np.random.default_rng(1).normal(size=images.shape).astype(np.float32)
    # Every change is affine in the image, so that a difference of any size is exact.
    f = lambda t: diff_augment(keys, images + t * direction, ALL)
    compute = jax.jit(lambda t: (f(t + 1) - f(t), jax.jvp(f, (t,), (1.0,))[1]))
    np.testing.assert_allclose(*compute(0.0), atol=1e-4)


def test_no_change_is_the_identity():
    assert diff_augment(KEYS, IMAGES, ()) is IMAGES


def test_a_change_depends_on_its_examples_key_alone():
    whole = np.asarray(augment(KEYS, IMAGES, ALL))
    np.testing.assert_array_equal(np.asarray(augment(KEYS[::-1], IMAGES[::-1], ALL))[::-1], whole)
    np.testing.assert_allclose(augment(KEYS[:7], IMAGES[:7], ALL), whole[:7], atol=1e-6)
    same = augment(KEYS, np.broadcast_to(IMAGES[0], IMAGES.shape), ALL)
    assert len(np.unique(np.array(same).reshape(64, -1), axis=0)) == 64


def test_changes_of_one_policy_draw_their_own_numbers():
    twice = augment(KEYS, IMAGES, ("translation", "translation"))
    once = augment(KEYS, IMAGES, ("translation",))
    assert not np.array_equal(twice, once)


def test_brightness_moves_the_mean_by_up_to_a_half():
    moved = over(color, IMAGES[0]).mean((1, 2, 3)) - float(IMAGES[0].mean())
    assert np.abs(moved).max() <= 0.5 + 1e-6
    assert moved.min() < -0.4
    assert moved.max() > 0.4


def test_contrast_and_saturation_stay_in_their_ranges():
    grey = np.broadcast_to(IMAGES[0].mean(-1, keepdims=True), IMAGES[0].shape)
    ratio = over(color, grey).std((1, 2, 3)) / float(grey.std())
    assert 0.5 - 1e-4 <= ratio.min() < 0.6
    assert 1.4 < ratio.max() <= 1.5 + 1e-4
    apart = lambda x: (x - x.mean(-1, keepdims=True)).std((-3, -2, -1))
    colourful = apart(over(color, IMAGES[0])) / ratio / apart(np.array(IMAGES[0]))
    assert colourful.min() < 0.2
    assert 1.8 < colourful.max() <= 2 + 1e-3


def test_colour_leaves_a_constant_grey_constant():
    found = over(color, np.zeros((4, 4, 3), np.float32))
    np.testing.assert_allclose(found, np.broadcast_to(found[:, :1, :1, :1], found.shape), atol=1e-6)


def test_translation_moves_by_at_most_an_eighth():
    point = np.zeros((16, 24, 1), np.float32)
    point[8, 12] = 1
    rows, columns = np.array([np.unravel_index(x.argmax(), x.shape)[:2] for x in over(translation, point)]).T
    assert set(rows - 8) == {-2, -1, 0, 1, 2}
    assert set(columns - 12) == {-3, -2, -1, 0, 1, 2, 3}


def test_translation_fills_with_zeros():
    found = over(translation, np.ones((16, 24, 1), np.float32))
    assert set(np.unique(found)) == {0, 1}
    assert found.sum((1, 2, 3)).min() >= 14 * 21


@pytest.mark.parametrize("side", [16, 14])
def test_cutout_removes_a_rectangle_of_half_the_sides(side):
    gone = 1 - over(cutout, np.ones((side, side, 1), np.float32))[..., 0]
    heights, widths = gone.max(2).sum(1), gone.max(1).sum(1)
    np.testing.assert_array_equal(gone.sum((1, 2)), heights * widths)
    assert heights.max() == widths.max() == side / 2
    assert heights.min() >= side // 4
    # Both edges are reached.
    assert gone[:, 0].any()
    assert gone[:, -1].any()


def test_an_unknown_change_names_the_nearest():
    with pytest.raises(UsageError, match="unknown augmentation 'colour': did you mean color"):
        diff_augment(KEYS, IMAGES, ("colour",))
