import dataclasses
import functools
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.config import RestorationConfig, RestorationHyper
from jaxgen.config.damage import DAMAGES, OVERLAYS, check_ranges, make_degrade, scanned
from jaxgen.degradations import DEGRADATIONS, blur
from jaxgen.degradations.registry import OPACITY_THRESHOLD
from jaxgen.degradations.resampling import downsample
from jaxgen.errors import UsageError
from jaxgen.runs import command_line

IMAGES = jax.random.uniform(jax.random.key(0), (3, 24, 32, 3))
KEYS = jax.random.split(jax.random.key(1), 3)
HYPER = dataclasses.asdict(RestorationHyper())


@functools.cache
def compiled(name, scale=1):
    return jax.jit(make_degrade(name, condition=True, scale=scale))


def damaged(name, images=IMAGES, keys=KEYS, scale=1, **hyper):
    return compiled(name, scale)(keys, images, HYPER | hyper)


@pytest.mark.parametrize(
    ("name", "condition"), [*((name, True) for name in DAMAGES), ("noise", False), ("holes", False)]
)
def test_every_damage_keeps_shape_and_dtype_and_has_a_mask_and_a_guide_where_it_says_so(name, condition):
    scale = 4 if DAMAGES[name].resizes else 1
    result = jax.eval_shape(make_degrade(name, condition=condition, scale=scale), KEYS, IMAGES, HYPER)
    assert result.images.shape == (3, 24 // scale, 32 // scale, 3)
    assert result.images.dtype == IMAGES.dtype
    assert (result.mask is not None) == (name in OVERLAYS)
    assert (result.conditioning is not None) == (condition and DAMAGES[name].returns != "images")


def test_every_degradation_of_the_library_is_a_choice():
    assert set(DAMAGES) == {*DEGRADATIONS, "none"}
    for name in (
        "rician_noise",
        "poisson_noise",
        "speckle",
        "salt_and_pepper",
        "motion_blur",
        "old_photo",
        "film_grain",
    ):
        assert command_line.parse(RestorationConfig, ["--damage", name], "", "script.py").damage == name


@pytest.mark.parametrize(
    ("name", "prefix", "value", "unit"),
    [
        ("poisson_noise", "photons", 50.0, 1),
        ("speckle", "speckle", 0.2, 1),
        ("salt_and_pepper", "impulse", 0.1, 1),
        ("rician_noise", "rician", 20.0, 255),
    ],
)
def test_the_strength_of_a_noise_is_that_of_its_hyperparameters(name, prefix, value, unit, computed):
    entry, hyper = DAMAGES[name], {f"{prefix}_low": np.float32(value), f"{prefix}_high": np.float32(value)}
    found = computed(lambda: entry.sample(KEYS, IMAGES, hyper))
    np.testing.assert_allclose(found, computed(lambda: entry.function(KEYS, IMAGES, value / unit)), atol=1e-5)
    assert abs(found - np.asarray(IMAGES)).max() > 0.05


@pytest.mark.parametrize("name", ["shared_noise", "film_grain"])
def test_correlated_noise_has_the_level_that_it_says(name, computed):
    images = np.full((8, 64, 64, 3), 0.5, np.float32)
    hyper = {"sigma": np.float32(50), "sigma_spread": np.float32(1)}
    keys = jax.random.split(jax.random.key(5), 8)
    noisy, sigma = computed(lambda: DAMAGES[name].sample(keys, images, hyper))
    assert (sigma > 0).all() and sigma.max() < 50 / 255 and sigma.std() > 0.02
    np.testing.assert_allclose((noisy - images).std((1, 2, 3)), sigma, rtol=0.15)


def test_blurs_of_a_random_direction_have_the_range_of_their_hyperparameters(computed):
    round_ = {"anisotropic_low": np.float32(2), "anisotropic_high": np.float32(2)}
    found = computed(lambda: DAMAGES["anisotropic_blur"].sample(KEYS, IMAGES, round_))
    np.testing.assert_allclose(found, computed(lambda: blur(KEYS[0], IMAGES, 2.0)), atol=1e-4)
    spots = np.zeros((6, 48, 48, 1), np.float32)
    spots[:, 24, 24] = 1
    line = {"motion_low": np.float32(9), "motion_high": np.float32(9)}
    keys = jax.random.split(jax.random.key(6), 6)
    moved = computed(lambda: DAMAGES["motion_blur"].sample(keys, spots, line))
    rows, columns = np.mgrid[:48, :48]
    reach = [np.hypot(rows - 24, columns - 24)[image[..., 0] > 1e-3].max() for image in moved]
    np.testing.assert_allclose(reach, 4.5, atol=1.2)
    np.testing.assert_allclose(moved.sum((1, 2, 3)), 1, atol=1e-3)
    assert len({tuple(np.argwhere(image[..., 0] > 1e-3).ravel()) for image in moved}) > 3


@pytest.mark.parametrize("name", ["noise", "blur", "jpeg", "haze", "warp", "rust", "holes", "torn"])
def test_each_image_is_damaged_by_its_own_key(name):
    result = damaged(name)
    assert abs(result.images - IMAGES).max() > 0.01
    reversed_ = damaged(name, IMAGES[::-1], KEYS[::-1])
    np.testing.assert_allclose(result.images, reversed_.images[::-1], atol=2e-5)


@pytest.mark.parametrize("name", ["rust", "holes", "torn"])
def test_images_hardly_change_outside_the_mask(name):
    result = damaged(name, jnp.full_like(IMAGES, 0.5))
    np.testing.assert_array_equal(result.mask, result.conditioning)
    assert set(np.unique(result.mask)) == {0, 1}
    # Each of several overlays may stay below the threshold.
    overlays = 2 if name == "torn" else 1
    bound = 0.5 * (1 - (1 - OPACITY_THRESHOLD) ** overlays)
    assert float(abs(jnp.where(result.mask == 0, result.images - 0.5, 0)).max()) <= bound


def test_guides_are_dilated_by_small_amounts_more_often_than_by_large_ones():
    keys, images = jax.random.split(jax.random.key(2), 600), jnp.full((600, 16, 16, 3), 0.5)
    result, exact = (damaged("scratches", images, keys, mask_dilation=pixels) for pixels in (2.0, 0.0))
    np.testing.assert_array_equal(exact.conditioning, exact.mask)
    np.testing.assert_array_equal(result.mask, exact.mask)
    np.testing.assert_array_equal(result.images, exact.images)
    dilated = [np.asarray(exact.mask)]
    for _ in range(2):
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(dilated[-1][..., 0], ((0, 0), (1, 1), (1, 1))), (3, 3), (1, 2)
        )
        dilated.append(windows.max((-1, -2))[..., None])
    distinct = (dilated[2] != dilated[1]).any((1, 2, 3)) & (dilated[1] != dilated[0]).any((1, 2, 3))
    which = np.stack([(result.conditioning == mask).all((1, 2, 3)) for mask in dilated])[:, distinct]
    np.testing.assert_array_equal(which.sum(0), 1)
    assert distinct.sum() > 250
    np.testing.assert_allclose(which.mean(1), np.diff(np.sqrt([0, 1 / 3, 2 / 3, 1])), atol=0.06)


def test_an_opaque_overlay_shows_nothing_of_the_image_and_has_one_color_in_each():
    keys, images = jax.random.split(jax.random.key(3), 4), jax.random.uniform(jax.random.key(4), (4, 48, 48, 3))
    result, other = (damaged("tears", x, keys, opaque_probability=1.0) for x in (images, 1 - images))
    np.testing.assert_array_equal(result.mask, other.mask)
    same = np.asarray(abs(result.images - other.images).max(-1) < 1e-6)
    assert 0.5 < same[result.mask[..., 0] > 0].mean() < 1
    assert not same[result.mask[..., 0] == 0].any()
    colors = np.stack([np.median(image[where], 0) for image, where in zip(result.images, same, strict=True)])
    deviations = [image[where].std(0).max() for image, where in zip(result.images, same, strict=True)]
    assert max(deviations) < 0.12
    assert (colors.std(0) > 0.1).all()
    assert 0 <= float(result.images.min()) <= float(result.images.max()) <= 1


def test_overlays_are_opaque_with_their_probability():
    keys, images = jax.random.split(jax.random.key(2), 600), jnp.full((600, 16, 16, 3), 0.5)
    never, some, always = (damaged("scratches", images, keys, opaque_probability=p).images for p in (0.0, 0.3, 1.0))
    opaque = (some == always).all((1, 2, 3))
    np.testing.assert_array_equal(opaque | (some == never).all((1, 2, 3)), True)
    np.testing.assert_allclose(opaque[(always != never).any((1, 2, 3))].mean(), 0.3, atol=0.06)


def test_a_hole_has_one_gray_that_is_random_for_each_image():
    grays = [np.unique(image[mask[..., 0] > 0]) for image, mask in zip(*damaged("holes")[:2], strict=True)]
    assert [len(gray) for gray in grays] == [1, 1, 1]
    assert len({float(gray[0]) for gray in grays}) == 3


def test_downsampled_images_are_those_of_the_published_tables():
    result = damaged("downsample", scale=4)
    np.testing.assert_allclose(result.images, np.rint(np.clip(downsample(IMAGES, 4), 0, 1) * 255) / 255, atol=1e-6)


def test_ranges_are_hyperparameters():
    sharp, soft = (damaged("blur", blur_low=s, blur_high=s).images for s in (0.0, 3.0))
    np.testing.assert_allclose(sharp, IMAGES, atol=1e-5)
    assert soft.std() < sharp.std() / 2
    rough = damaged("haze", haze_low=0.0, haze_high=0.0, grain=20.0).images - IMAGES
    assert 0 < float(rough.std()) < 20 / 255


@pytest.mark.parametrize("name", [name for name in DAMAGES if DAMAGES[name].hyper])
def test_the_lower_end_of_a_range_may_not_exceed_the_upper_end(name):
    for low in (x for x in DAMAGES[name].hyper_names if x.endswith("_low")):
        high = low.replace("_low", "_high")
        assert getattr(RestorationHyper(), low) < getattr(RestorationHyper(), high)
        with pytest.raises(UsageError, match=rf"hyper\.{low} is 9 and hyper\.{high} is 8"):
            check_ranges(RestorationHyper(**{low: 9.0, high: 8.0}))


def test_some_images_are_scanned_after_the_damage_and_their_masks_stay():
    keys, images = jax.random.split(jax.random.key(6), 200), jnp.full((200, 16, 16, 3), 0.5)
    degrade = jax.jit(scanned(make_degrade("tears", condition=False)))
    never, some, always = (degrade(keys, images, HYPER | {"scan_probability": p}) for p in (0.0, 0.4, 1.0))
    for result in (some, always):
        np.testing.assert_array_equal(result.mask, never.mask)
    np.testing.assert_allclose(always.images * 255, np.rint(always.images * 255), atol=1e-3)
    assert not (always.images == never.images).all((1, 2, 3)).any()
    chosen = (some.images == always.images).all((1, 2, 3))
    np.testing.assert_array_equal(chosen | (some.images == never.images).all((1, 2, 3)), True)
    np.testing.assert_allclose(chosen.mean(), 0.4, atol=0.1)


def test_an_unknown_damage_is_refused_with_the_nearest_names():
    with pytest.raises(UsageError, match="unknown damage 'scratchs': did you mean scratches"):
        make_degrade("scratchs", condition=False)


TOY = """
import dataclasses, sys
from jaxgen import degradations

@dataclasses.dataclass(frozen=True)
class ToyHyper:
    toy_low: float = 0.25
    \"\"\"Smallest strength of the toy.\"\"\"
    toy_high: float = 0.75
    \"\"\"Largest strength of the toy.\"\"\"

degradations.register(
    lambda key, images: 1 - images, "an inversion", name="inversion", hyper=ToyHyper,
    sample=lambda keys, images, hyper: images + hyper["toy_low"],
    benchmark=degradations.registry.Benchmark("inverted", lambda keys, images: 1 - images),
)

import jax, numpy, tyro
from jaxgen.config import RestorationConfig, RestorationHyper, make_degrade
from jaxgen.config.base import check
from jaxgen.errors import UsageError
from jaxgen.runs import command_line
from jaxgen.evaluation.damages import damage_image

image = numpy.full((8, 8, 1), 51 / 255, numpy.float32)
assert abs(damage_image("inversion", image, 0)[0] - 204 / 255).max() < 1e-6
config = tyro.cli(RestorationConfig, args=["--damage", "inversion", "--hyper.toy-low", "0.5"])
check(config)
hyper = dataclasses.asdict(config.hyper)
result = make_degrade(config.damage, condition=False)(jax.random.split(jax.random.key(0), 1), image[None], hyper)
assert abs(result.images - image - 0.5).max() < 1e-6
for wrong in (lambda: make_degrade("inversoin", condition=False), lambda: damage_image("inversoin", image, 0),
              lambda: check(RestorationConfig(hyper=RestorationHyper(toy_low=0.5)))):
    try:
        wrong()
    except UsageError as error:
        print(error)
tyro.cli(RestorationConfig, args=["--help"])
"""


def test_a_new_entry_of_the_registry_is_an_option_and_appears_in_help_errors_and_benchmark(tmp_path):
    script = tmp_path / "toy.py"
    script.write_text(TOY)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second, third, *rest = done.stdout.splitlines()
    assert first == "unknown damage 'inversoin': did you mean inversion?"
    assert second.startswith(first)
    assert third.startswith("hyper.toy_low is 0.5") and "set damage to inversion" in third
    text = " ".join(" ".join(rest).replace("│", " ").split())
    assert "inversion: an inversion" in text
    assert "--hyper.toy-low FLOAT Smallest strength of the toy. (default: 0.25)" in text
