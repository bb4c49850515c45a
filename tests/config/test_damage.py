import functools
import typing

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.config import RestorationHyper
from jaxgen.config.damage import HIDING, VISIBLE, Kind, as_scanned, make_degrade
from jaxgen.degradations.resampling import downsample

IMAGES = jax.random.uniform(jax.random.key(0), (3, 24, 32, 3))
KEYS = jax.random.split(jax.random.key(1), 3)
HYPER = vars(RestorationHyper())


@functools.cache
def compiled(kind, scale=1):
    return jax.jit(make_degrade(kind, told=True, scale=scale))


def damaged(kind, images=IMAGES, keys=KEYS, scale=1, **numbers):
    return compiled(kind, scale)(keys, images, HYPER | numbers)


@pytest.mark.parametrize("kind", ["noise", "blur", "jpeg", "haze", "warp", "rust", "holes", "ruined"])
def test_each_example_is_damaged_by_its_own_key_and_told_what_there_is_to_tell(kind):
    found = damaged(kind)
    assert found.images.shape == IMAGES.shape
    assert abs(found.images - IMAGES).max() > 0.01
    assert (found.mask is not None) == (kind in HIDING)
    assert (found.guide is not None) == (kind in (*HIDING, "noise"))
    turned = damaged(kind, IMAGES[::-1], KEYS[::-1])
    np.testing.assert_allclose(found.images, turned.images[::-1], atol=2e-5)
    untold = jax.eval_shape(make_degrade(kind, told=False), KEYS, IMAGES, HYPER)
    assert untold.guide is None
    assert (untold.mask is not None) == (kind in HIDING)


@pytest.mark.parametrize("kind", ["rust", "holes", "ruined"])
def test_beyond_the_mask_a_picture_is_hardly_changed(kind):
    found = damaged(kind, jnp.full_like(IMAGES, 0.5))
    np.testing.assert_array_equal(found.mask, found.guide)
    assert set(np.unique(found.mask)) == {0, 1}
    # Several layers may each stay below the opacity from which on it counts.
    layers = 6 if kind == "ruined" else 1
    assert float(abs(jnp.where(found.mask == 0, found.images - 0.5, 0)).max()) <= 0.5 * (1 - (1 - VISIBLE) ** layers)


def test_a_mask_that_is_told_reaches_beyond_what_is_hidden_by_few_pixels_more_often_than_by_many():
    keys, images = jax.random.split(jax.random.key(2), 600), jnp.full((600, 16, 16, 3), 0.5)
    found, exact = (damaged("scratches", images, keys, margin=margin) for margin in (2.0, 0.0))
    np.testing.assert_array_equal(exact.guide, exact.mask)
    np.testing.assert_array_equal(found.mask, exact.mask)
    np.testing.assert_array_equal(found.images, exact.images)
    grown = [np.asarray(exact.mask)]
    for _ in range(2):
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(grown[-1][..., 0], ((0, 0), (1, 1), (1, 1))), (3, 3), (1, 2)
        )
        grown.append(windows.max((-1, -2))[..., None])
    apart = (grown[2] != grown[1]).any((1, 2, 3)) & (grown[1] != grown[0]).any((1, 2, 3))
    which = np.stack([(found.guide == mask).all((1, 2, 3)) for mask in grown])[:, apart]
    np.testing.assert_array_equal(which.sum(0), 1)
    assert apart.sum() > 250
    np.testing.assert_allclose(which.mean(1), np.diff(np.sqrt([0, 1 / 3, 2 / 3, 1])), atol=0.06)


def test_what_is_opaque_shows_nothing_of_the_picture_and_has_one_colour_in_each():
    keys, images = jax.random.split(jax.random.key(3), 4), jax.random.uniform(jax.random.key(4), (4, 48, 48, 3))
    found, other = (damaged("tears", picture, keys, opaque=1.0) for picture in (images, 1 - images))
    np.testing.assert_array_equal(found.mask, other.mask)
    same = np.asarray(abs(found.images - other.images).max(-1) < 1e-6)
    assert 0.5 < same[found.mask[..., 0] > 0].mean() < 1
    assert not same[found.mask[..., 0] == 0].any()
    colours = np.stack([np.median(image[where], 0) for image, where in zip(found.images, same, strict=True)])
    spread = [image[where].std(0).max() for image, where in zip(found.images, same, strict=True)]
    assert max(spread) < 0.12
    assert (colours.std(0) > 0.1).all()
    assert 0 <= float(found.images.min()) <= float(found.images.max()) <= 1


def test_some_of_what_hides_is_opaque():
    keys, images = jax.random.split(jax.random.key(2), 600), jnp.full((600, 16, 16, 3), 0.5)
    as_it_is, some, every = (damaged("scratches", images, keys, opaque=chance).images for chance in (0.0, 0.3, 1.0))
    np.testing.assert_array_equal(as_it_is, damaged("scratches", images, keys).images)
    painted = (some == every).all((1, 2, 3))
    np.testing.assert_array_equal(painted | (some == as_it_is).all((1, 2, 3)), True)
    np.testing.assert_allclose(painted[(every != as_it_is).any((1, 2, 3))].mean(), 0.3, atol=0.06)


def test_what_shows_through_a_hole_tells_nothing_of_it():
    shades = [np.unique(image[mask[..., 0] > 0]) for image, mask in zip(*damaged("holes")[:2], strict=True)]
    assert [len(shade) for shade in shades] == [1, 1, 1]
    assert len({float(shade[0]) for shade in shades}) == 3


def test_every_kind_can_be_made():
    for kind in typing.get_args(Kind):
        make_degrade(kind, told=False)


def test_small_pictures_are_those_of_the_published_tables():
    found = damaged("downsample", scale=4)
    np.testing.assert_allclose(found.images, np.rint(np.clip(downsample(IMAGES, 4), 0, 1) * 255) / 255, atol=1e-6)


def test_ranges_are_numbers_of_the_recipe():
    sharp, soft = (damaged("blur", blur_low=s, blur_high=s).images for s in (0.0, 3.0))
    np.testing.assert_allclose(sharp, IMAGES, atol=1e-5)
    assert soft.std() < sharp.std() / 2
    rough = damaged("haze", haze_low=0.0, haze_high=0.0, grain=20.0).images - IMAGES
    assert 0 < float(rough.std()) < 20 / 255


def test_some_pictures_are_scanned_after_they_were_damaged_and_their_masks_stay():
    keys, images = jax.random.split(jax.random.key(6), 200), jnp.full((200, 16, 16, 3), 0.5)
    scan = jax.jit(as_scanned(make_degrade("tears", told=False)))
    never, some, all_ = (scan(keys, images, HYPER | {"scanned": chance}) for chance in (0.0, 0.4, 1.0))
    for found in (some, all_):
        np.testing.assert_array_equal(found.mask, never.mask)
    np.testing.assert_allclose(all_.images * 255, np.rint(all_.images * 255), atol=1e-3)
    assert not (all_.images == never.images).all((1, 2, 3)).any()
    scanned = (some.images == all_.images).all((1, 2, 3))
    np.testing.assert_array_equal(scanned | (some.images == never.images).all((1, 2, 3)), True)
    np.testing.assert_allclose(scanned.mean(), 0.4, atol=0.1)
