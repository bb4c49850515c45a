from functools import cache

import jax
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.errors import UsageError
from jaxgen.models.gan.mlp import Discriminator
from jaxgen.objectives.adversarial import discriminator

IMAGES = np.random.default_rng(0).uniform(-1, 1, (6, 4, 4, 2)).astype(np.float32)


class Silent(nn.Module):
    @nn.compact
    def __call__(self, images, train):
        return nn.Dense(1)(images.reshape(len(images), -1))[:, 0]


@cache
def variables(module):
    drawn = dict(jax.jit(lambda images: module.init(jax.random.key(0), images, False))(IMAGES))
    params = drawn.pop("params")
    return {"params": params, "stats": drawn}


def test_packing_puts_images_in_a_row_side_by_side_in_the_channels():
    packed = discriminator.pack(IMAGES, 3)
    assert packed.shape == (2, 4, 4, 6)
    for first in (0, 3):
        together = np.concatenate([IMAGES[first + i] for i in range(3)], -1)
        np.testing.assert_array_equal(packed[first // 3], together)
    assert discriminator.pack(IMAGES, 1) is IMAGES


def test_packing_that_does_not_come_out_even_is_refused():
    with pytest.raises(UsageError, match="packing 4 does not divide the 6 images that one device has"):
        discriminator.pack(IMAGES, 4)


def test_images_are_augmented_before_they_are_packed(computed):
    def both_ways(keys):
        shown = discriminator.discriminator_input(IMAGES, None, keys, ("translation",), 2)
        return shown, discriminator.pack(discriminator.diff_augment(keys, IMAGES, ("translation",)), 2)

    np.testing.assert_array_equal(*computed(both_ways, jax.random.split(jax.random.key(1), 6)))
    assert discriminator.discriminator_input(IMAGES, None, None, (), 1) is IMAGES


def test_features_are_what_the_logit_is_made_of(computed):
    module = Discriminator()
    held = variables(module)
    outputs = computed(lambda held: discriminator.features(module, held, IMAGES, None), held)
    logits = computed(lambda held: discriminator.call(module, held, IMAGES, None, True)[0], held)
    last = jax.device_get(held["params"]["logit"])
    np.testing.assert_allclose((outputs @ last["kernel"])[:, 0] + last["bias"], logits, atol=1e-5)


def test_a_discriminator_that_does_not_tell_its_features_is_named():
    with pytest.raises(UsageError, match="needs a discriminator that sows 'features'"):
        discriminator.features(Silent(), variables(Silent()), IMAGES, None)


def test_mean_features_differ_by_the_difference_of_their_means(computed):
    module, fake = Discriminator(), IMAGES[::-1] ** 2

    def compute(held):
        means = [discriminator.features(module, held, images, None).mean(0) for images in (IMAGES, fake)]
        return means, discriminator.mean_difference(module, held, IMAGES, fake, None, separate=True)

    expected, found = computed(compute, variables(module))
    np.testing.assert_allclose(found, expected[0] - expected[1], atol=1e-6)


def test_one_batch_norm_over_both_kinds_does_not_hide_their_difference(computed):
    module, fake = Discriminator("batch_norm"), IMAGES[::-1] ** 2
    apart, together = (
        computed(
            lambda held, separate=separate: discriminator.mean_difference(
                module, held, IMAGES, fake, None, separate=separate
            ),
            variables(module),
        )
        for separate in (True, False)
    )
    assert abs(apart).max() < 1e-5
    assert abs(together).max() > 0.1


def test_what_couples_the_examples_is_named():
    for module, coupled in (
        (Discriminator(), ""),
        (Discriminator("batch_norm"), "batch norm"),
        (Discriminator(kernels=2), "minibatch discrimination"),
    ):
        assert discriminator.coupling(module, variables(module)) == coupled


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        (
            Discriminator("batch_norm"),
            {"penalties": ("r1",)},
            "penalties r1 are per example, and batch norm in the disc",
        ),
        (
            Discriminator(kernels=2),
            {"penalties": ("r1", "r2")},
            "penalties r1, r2 are per example, and minibatch discri",
        ),
        (
            Discriminator("batch_norm", kernels=2),
            {"separate_batches": False},
            "minibatch discrimination compares images of one",
        ),
        (
            Discriminator(norm="spectral"),
            {"clip_weights": True},
            "clip_weights bounds kernels that spectral norm then divides",
        ),
        (
            Discriminator(kernels=2),
            {"microbatches": 2},
            "minibatch discrimination compares the images of a batch, and 2 microbatches",
        ),
    ],
)
def test_layers_that_contradict_the_options_are_refused(tiny, module, options, message):
    start = lambda discriminator, options: jax.eval_shape(
        tiny.make(discriminator=discriminator, **options).init, jax.random.key(0), tiny.BATCH
    )
    with pytest.raises(UsageError, match=message):
        start(module, options)
    start(Discriminator(), options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"penalties": ("r3",)}, "unknown penalty 'r3'"),
        ({"penalties": ("r1", "r1")}, "penalty r1 is given twice: once is enough"),
        ({"augment": ("colour",)}, "unknown augmentation 'colour': did you mean color"),
        ({"augment": ("cutout", "cutout")}, "augmentation cutout is given twice"),
        ({"remedies": ("feature",)}, "unknown remedy 'feature': did you mean feature_matching"),
        ({"remedies": ("label_smoothing",) * 2}, "remedy label_smoothing is given twice"),
        ({"critic_steps": 0}, "critic_steps is 0: give at least 1"),
        ({"packing": 0}, "packing is 0: give at least 1"),
        ({"penalties": ("r1",), "penalty_every": 0}, "penalty_every is 0: give at least 1"),
        ({"penalty_every": 4}, "penalty_every is 4 and there is no penalty"),
        ({"remedies": ("feature_matching",), "microbatches": 4}, "compares the means of a batch, and 4 microbatches"),
    ],
)
def test_options_without_sense_are_refused(tiny, options, message):
    with pytest.raises(UsageError, match=message):
        tiny.make(**options)


def test_classes_need_labels():
    with pytest.raises(UsageError, match="classes is 10 and the data has no labels"):
        discriminator.require_labels({"image": IMAGES}, 10)
    discriminator.require_labels({"image": IMAGES}, 0)


def test_what_conditions_an_image_is_augmented_alike_and_stands_beside_it(computed):
    keys = jax.random.split(jax.random.key(1), 6)
    show = lambda *inputs: discriminator.discriminator_input(*inputs, ("translation", "cutout"), 2)
    seen = computed(show, IMAGES, IMAGES[..., :1], keys)
    assert seen.shape == (3, 4, 4, 6)
    np.testing.assert_array_equal(seen[..., 0], seen[..., 2])
    np.testing.assert_array_equal(seen[..., 3], seen[..., 5])
