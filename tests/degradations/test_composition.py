import jax
import numpy as np
import pytest

from jaxgen.degradations import composition

KEY = jax.random.key(0)
IMAGES = np.linspace(0, 1, 6 * 4, dtype=np.float32).reshape(6, 2, 2, 1)


def noise(key, images):
    return images + jax.vmap(lambda k: jax.random.normal(k, images.shape[1:]))(key)


def doubled(key, images):
    return 2 * images


def raised(key, images):
    return images + 1


def test_stages_are_applied_in_sequence_with_keys_of_their_own(computed):
    np.testing.assert_array_equal(composition.compose(doubled, raised)(KEY, IMAGES), 2 * IMAGES + 1)
    once = computed(composition.compose(noise), KEY, IMAGES) - IMAGES
    twice = computed(composition.compose(noise, noise), KEY, IMAGES) - IMAGES
    assert len(np.unique(np.concatenate([once, twice - once]))) == 2 * IMAGES.size
    np.testing.assert_array_equal(composition.compose()(KEY, IMAGES), IMAGES)


def test_a_stage_may_change_the_size(computed):
    halved = lambda key, images: images[:, ::2] + 3
    found = computed(composition.compose(noise, halved), KEY, IMAGES)
    np.testing.assert_array_equal(found, computed(composition.compose(noise), KEY, IMAGES)[:, ::2] + 3)


@pytest.mark.parametrize(
    "degradation",
    [
        composition.compose(noise, doubled),
        composition.shuffled(noise, doubled, raised),
        composition.apply_if(0.5, noise),
    ],
)
def test_the_result_of_an_image_depends_on_its_key_alone(degradation):
    compiled, keys = jax.jit(degradation), jax.random.split(KEY, 6)
    degrade = lambda *arguments: jax.device_get(compiled(*arguments))
    whole = degrade(keys, IMAGES)
    np.testing.assert_array_equal(whole, degrade(keys, IMAGES))
    np.testing.assert_allclose(whole[4:], degrade(keys[4:], IMAGES[4:]), rtol=1e-6)
    assert not np.allclose(whole, degrade(keys[::-1], IMAGES))


def test_every_order_is_equally_frequent():
    shuffled = composition.shuffled(doubled, raised, lambda key, images: images**2)
    reached = np.asarray(jax.jit(shuffled)(KEY, np.full((1200, 1, 1, 1), 3.0, np.float32))).ravel()
    # By hand from 3: the six orders of doubling, adding one, squaring.
    expected = [(2 * 3 + 1) ** 2, (2 * 3) ** 2 + 1, (2 * (3 + 1)) ** 2, 2 * (3 + 1) ** 2, 2 * 9 + 1, 2 * (9 + 1)]
    values, counts = np.unique(reached, return_counts=True)
    assert sorted(expected) == values.tolist()
    assert abs(counts - 200).max() < 60


def test_the_relative_order_of_some_is_preserved(computed):
    orders = computed(jax.vmap(lambda k: composition.random_order(k, 5, (3, 1))), jax.random.split(KEY, 300))
    places = np.argsort(orders, 1)
    assert np.all(places[:, 3] < places[:, 1])
    np.testing.assert_array_equal(np.sort(orders, 1), [range(5)] * 300)
    assert len(np.unique(orders, axis=0)) == 60


def test_the_random_numbers_of_a_stage_do_not_depend_on_its_position(computed):
    draw = computed(composition.shuffled(noise), KEY, IMAGES) - IMAGES
    reached = computed(composition.shuffled(noise, lambda key, images: -images), KEY, IMAGES)
    before, after = (abs(reached - x).max((1, 2, 3)) < 1e-6 for x in (-(IMAGES + draw), -IMAGES + draw))
    assert np.all(before ^ after)
    assert before.any()
    assert after.any()


def test_apply_if_applies_with_its_probability(computed):
    images = np.zeros((2000, 1, 1, 1), np.float32)
    applied = computed(composition.apply_if(np.float32([0.0, 0.3] * 1000), raised), KEY, images).ravel()
    assert set(np.unique(applied)) == {0, 1}
    np.testing.assert_allclose([applied[::2].mean(), applied[1::2].mean()], [0, 0.3], atol=0.05)


def test_all_leaves_of_a_tree_are_degraded(computed):
    tree = {"a": IMAGES, "b": np.arange(6)}
    degradation = composition.shuffled(lambda key, t: {"a": t["a"] + 1, "b": t["b"] * 2})
    np.testing.assert_array_equal(computed(degradation, KEY, tree)["b"], 2 * np.arange(6))


@pytest.mark.parametrize("wrap", [composition.shuffled, lambda inner: composition.apply_if(0.5, inner)])
def test_a_change_of_shape_is_refused(wrap):
    with pytest.raises(ValueError, match=r"changed float32\[6, 2, 2, 1\] to float32\[6, 1, 2, 1\]"):
        wrap(lambda key, images: images[:, :1])(KEY, IMAGES)
