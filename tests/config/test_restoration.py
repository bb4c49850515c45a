import dataclasses

import pytest

from jaxgen.config import base as checks
from jaxgen.config.damage import OVERLAYS
from jaxgen.config.restoration import (
    InpaintingConfig,
    RestorationConfig,
    RestorationHyper,
    image_channels,
    inpainter_options,
    restoration_options,
)
from jaxgen.data import Config as DataConfig
from jaxgen.errors import UsageError

PHOTOS = DataConfig(name="photos", size=32, channels=3)


def test_image_channels_are_set_where_a_condition_follows_them():
    assert image_channels(RestorationConfig(data=PHOTOS)) is None
    assert image_channels(RestorationConfig(data=PHOTOS, conditioning=True)) == 3
    assert image_channels(RestorationConfig(data=PHOTOS, conditioning=True, damage="blur")) is None
    with pytest.raises(UsageError, match=r"set data\.channels to 1 or 3"):
        image_channels(RestorationConfig(conditioning=True))


@pytest.mark.parametrize(
    ("fields", "scale", "message"),
    [
        ({"hyper": RestorationHyper(blur_low=3.0, blur_high=1.0)}, 1, r"blur_low is 3 and hyper\.blur_high is 1"),
        ({"damage": "downsample"}, 1, "choose another damage"),
        ({}, 4, "upsamples by 4: set damage to downsample"),
        ({"losses": ("feature",)}, 1, "set features to digits"),
        ({"losses": ("feature",), "features": "mnist", "data": PHOTOS}, 1, "takes images of 1 channel"),
    ],
)
def test_invalid_options_are_refused(fields, scale, message):
    with pytest.raises(UsageError, match=message):
        restoration_options(RestorationConfig(**fields), None, scale=scale)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"conditioning": True, "damage": "haze"},
            "conditioning is True and .*: set damage to noise, ",
        ),
        ({"hyper": RestorationHyper(mask_dilation=5.0)}, r"hyper\.mask_dilation is 5: give .* at most 4"),
        ({"hyper": RestorationHyper(opaque_probability=1.5)}, r"hyper\.opaque_probability is 1.5: give .* at most 1"),
        ({"hyper": RestorationHyper(damage_probability=-0.1)}, r"hyper\.damage_probability is -0.1: give at least 0"),
        ({"hyper": RestorationHyper(ssim_weight=2.0)}, "add ssim to losses"),
        ({"hyper": RestorationHyper(sigma=2.0), "damage": "rust"}, "set damage to noise"),
        ({"hyper": RestorationHyper(grain=2.0)}, "set damage to one that noise is added to"),
        ({"hyper": RestorationHyper(quality_low=2.0)}, "set damage to jpeg"),
        ({"hyper": RestorationHyper(opaque_probability=0.5)}, "set damage to one that hides pixels"),
        ({"hyper": RestorationHyper(mask_dilation=2.0)}, "set conditioning, and damage"),
        (
            {"hyper": RestorationHyper(mask_dilation=2.0), "damage": "rust"},
            "set conditioning, and damage",
        ),
    ],
)
def test_options_out_of_range_or_without_effect_are_refused(fields, message):
    with pytest.raises(UsageError, match=message):
        checks.check(dataclasses.replace(RestorationConfig(), **fields))


@pytest.mark.parametrize(("damage", "conditioning"), [("rust", False), ("haze", False), ("noise", True)])
def test_a_network_that_needs_a_mask_says_so(damage, conditioning):
    with pytest.raises(
        UsageError,
        match=f"damage {damage}, conditioning {conditioning}: this network needs a mask: set conditioning",
    ):
        inpainter_options(InpaintingConfig(damage=damage, conditioning=conditioning))


def test_damage_that_hides_pixels_has_a_mask():
    for damage in OVERLAYS:
        assert inpainter_options(InpaintingConfig(damage=damage, data=PHOTOS)) == {"channels": 3, "dtype": None}
