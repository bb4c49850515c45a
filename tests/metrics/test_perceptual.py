import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.metrics import perceptual

rng = np.random.default_rng(0)
SHAPES = (2, 5, 6, 4), (2, 3, 3, 7)
REFERENCE, IMAGE = ([jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in SHAPES] for _ in range(2))
UNIFORM = [np.ones(shape[-1]) for shape in SHAPES]


def test_the_cosine_distance_is_one_minus_the_mean_cosine():
    expected = []
    for x, y in zip(REFERENCE, IMAGE, strict=True):
        product = (x * y).sum(-1)
        expected.append(1 - (product / np.linalg.norm(x, axis=-1) / np.linalg.norm(y, axis=-1)).mean((1, 2)))
    np.testing.assert_allclose(perceptual.cosine_distance(REFERENCE, IMAGE), np.mean(expected, 0), rtol=1e-5)
    opposite = [-x for x in REFERENCE]
    np.testing.assert_allclose(perceptual.cosine_distance(REFERENCE, opposite), 2, rtol=1e-5)


def test_lpips_is_linear_in_its_heads_and_blind_to_the_length_of_activations():
    once = perceptual.lpips(REFERENCE, IMAGE, UNIFORM)
    # Uniform heads: the sum over layers of twice one minus the cosine.
    np.testing.assert_allclose(once, 4 * perceptual.cosine_distance(REFERENCE, IMAGE), rtol=1e-5)
    np.testing.assert_allclose(perceptual.lpips(REFERENCE, IMAGE, [3 * x for x in UNIFORM]), 3 * once, rtol=1e-5)
    np.testing.assert_allclose(perceptual.lpips(REFERENCE, [5 * x for x in IMAGE], UNIFORM), once, rtol=1e-5)
    one_channel = [np.eye(4)[2], np.zeros(7)]
    unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)
    expected = ((unit(REFERENCE[0]) - unit(IMAGE[0]))[..., 2] ** 2).mean((1, 2))
    np.testing.assert_allclose(perceptual.lpips(REFERENCE, IMAGE, one_channel), expected, rtol=1e-5)


def test_dists_ignores_where_things_are_in_its_texture_part_and_sees_it_in_its_structure_part():
    shuffled = [x.reshape(2, -1, x.shape[-1])[:, ::-1].reshape(x.shape) for x in REFERENCE]
    ones, zeros = np.ones(11), np.zeros(11)
    np.testing.assert_allclose(perceptual.dists(REFERENCE, shuffled, ones, zeros), 0, atol=1e-5)
    assert (perceptual.dists(REFERENCE, shuffled, zeros, ones) > 0.5).all()
    # Structure is correlation: an inverted image has the least.
    inverted = [2 * x.mean((1, 2), keepdims=True) - x for x in REFERENCE]
    np.testing.assert_allclose(perceptual.dists(REFERENCE, inverted, zeros, ones), 2, rtol=1e-4)


def test_distances_of_equal_images_are_zero():
    np.testing.assert_allclose(perceptual.dists(REFERENCE, REFERENCE, rng.random(11), rng.random(11)), 0, atol=1e-6)
    np.testing.assert_array_equal(perceptual.lpips(REFERENCE, REFERENCE, UNIFORM), 0)


def test_activations_and_weights_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="give those of one network"):
        perceptual.lpips(REFERENCE, IMAGE[:1], UNIFORM)
    with pytest.raises(ValueError, match=r"heads of \[4\] channels for \[4, 7\]"):
        perceptual.lpips(REFERENCE, IMAGE, UNIFORM[:1])
    with pytest.raises(ValueError, match="10 and 11 weights for 11 channels"):
        perceptual.dists(REFERENCE, IMAGE, np.ones(10), np.ones(11))
