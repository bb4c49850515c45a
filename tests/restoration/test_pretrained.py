"""Cards and files of restorers, and what the shipped ones promise, on photographs that they never saw."""

import functools

import jax
import numpy as np
import pytest
from skimage import data as photographs

from jaxgen.degradations import gaussian_noise, haze, scratches
from jaxgen.errors import UsageError
from jaxgen.filters import inpaint_relaxed
from jaxgen.io import weights
from jaxgen.io.photographs import Photograph
from jaxgen.metrics.image import psnr
from jaxgen.metrics.masked import masked_psnr
from jaxgen.models.restoration.residual_unet import ResidualUNet
from jaxgen.restoration import pretrained, tasks
from jaxgen.restoration.noise_estimation import estimate
from jaxgen.restoration.restorer import examine, restore

LEVELS = 255
MEGABYTES = 5e6
TOLD = {"damage": "noise", "command": "c", "trained": "t", "data": "d", "terms": "t", "scores": {"set": "30 dB"}}


@pytest.fixture
def file(tmp_path):
    module = ResidualUNet((4,), 1, channels=1)
    variables = module.init(jax.random.key(0), np.zeros((1, 8, 8, 2), np.float32), False)
    path = tmp_path / "small.safetensors"
    weights.write(path, variables, pretrained.about(module, "pictures", examine(module, variables, 1, "noise"), **TOLD))
    return path


def test_a_file_is_its_own_card(file):
    _, card = pretrained.read(str(file))
    assert (card.network, card.fields["widths"], card.scores) == ("ResidualUNet", (4,), {"set": "30 dB"})
    assert card.traits.told == "noise"
    assert card.sha256 == weights.digest(file)
    assert "  set: 30 dB" in pretrained.as_text(card)
    assert pretrained.as_json(card)["traits"]["channels"] == 1


def test_what_is_no_network_of_ours_is_told(tmp_path):
    with pytest.raises(UsageError, match="unknown shipped network 'denoise_grey'"):
        pretrained.read("denoise_grey")
    path = tmp_path / "other.safetensors"
    weights.write(path, {"params": {"w": np.zeros(1, np.float32)}}, {"a": "b"})
    with pytest.raises(UsageError, match="does not tell which of Dehazer"):
        pretrained.read(str(path))


def test_a_card_of_another_time_is_told(file, tmp_path):
    variables, about = weights.read(file)
    for change in ({"fields": '{"wideness": 3}'}, {"traits": '{"reach": 3}'}, {"scores": "{"}):
        weights.write(tmp_path / "old.safetensors", variables, about | change)
        with pytest.raises(UsageError, match=r"the card of .*old\.safetensors is not as this version writes it"):
            pretrained.read(str(tmp_path / "old.safetensors"))
    del about["gives"]
    weights.write(tmp_path / "old.safetensors", variables, about)
    with pytest.raises(UsageError, match="'gives'"):
        pretrained.load_restorer(str(tmp_path / "old.safetensors"))


@pytest.mark.parametrize("name", pretrained.FILES)
def test_a_shipped_file_is_the_recorded_one_small_and_tells_all_of_itself(name):
    variables, card = pretrained.read(name)
    assert (pretrained.FOLDER / f"{name}.safetensors").stat().st_size < MEGABYTES
    assert card.sha256 == pretrained.FILES[name]
    for told in (card.command, card.trained, card.data, card.terms, card.scores):
        assert told
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(variables))


def picture(channels):
    """A photograph of scikit-image, which is not among those trained on, float32[256, 256, channels]."""
    values = photographs.camera()[128:384, 128:384, None] if channels == 1 else photographs.astronaut()[:256, 128:384]
    return values.astype(np.float32) / LEVELS


def noisy(image, sigma, seed=0):
    return np.asarray(gaussian_noise(jax.random.key(seed), image[None], sigma / LEVELS)[0])


@functools.cache
def network(name):
    return pretrained.load_restorer(name)


DENOISERS = [name for name in pretrained.FILES if name.startswith("denoise")]


@pytest.mark.parametrize("name", DENOISERS)
def test_noise_is_taken_away_and_an_undamaged_picture_comes_back(name):
    image = picture(network(name).traits.channels)
    restored = restore(network(name), noisy(image, 25), 25 / LEVELS)
    assert float(psnr(image[None], restored[None])[0]) > 28.5
    level = estimate(pretrained.load_noise_level(), image)
    again = restore(network(name), image, level)
    # It has a little noise of its own; the mean over test sets is in README.
    assert float(psnr(image[None], again[None])[0]) > 42


@pytest.mark.parametrize("name", DENOISERS)
def test_tiles_of_a_shipped_network_agree_to_a_tenth_of_a_grey_level(name):
    image = noisy(picture(network(name).traits.channels), 25)[:200, :170]
    tiled, whole = (restore(network(name), image, 0.1, largest=largest) for largest in (64, 256))
    assert abs(tiled - whole).max() * LEVELS < 0.1


@pytest.mark.parametrize("name", ["mend_lines", "mend_traced", "mend_veil"])
def test_what_a_mask_shows_is_mended_whatever_the_tiles(name):
    image = picture(3)[:120, :100]
    seen, mask = (np.asarray(values[0]) for values in scratches(jax.random.key(3), image[None]))
    mask = (mask >= 0.1).astype(np.float32)
    mended = [
        tasks.by_network(network(name), settings)(Photograph(seen), settings, lambda done, total: None).pixels
        for settings in (tasks.Settings(mask=mask, tile=64), tasks.Settings(mask=mask, tile=256))
    ]
    rough = np.asarray(inpaint_relaxed(seen[None], mask[None])[0])
    before, filled, after = (
        float(masked_psnr(image[None], values[None], mask[None])[0]) for values in (seen, rough, mended[0])
    )
    assert after > before + 6
    if name != "mend_lines":
        assert after > filled + 1
    assert abs(mended[0] - mended[1]).max() * LEVELS < 0.1


@pytest.mark.parametrize("times", [1, 3])
def test_haze_is_taken_away_at_any_size(times):
    image = picture(3)
    hazy = np.asarray(haze(jax.random.key(2), image[None])[0])
    large, seen = (values.repeat(times, 0).repeat(times, 1) for values in (image, hazy))
    restored = restore(network("dehaze"), seen)
    assert float(psnr(large[None], restored[None])[0]) > float(psnr(large[None], seen[None])[0]) + 3


@pytest.mark.parametrize("sigma", [5, 15, 25, 50])
def test_the_level_of_noise_is_told_to_one_grey_level(sigma):
    level = pretrained.load_noise_level()
    assert LEVELS * estimate(level, noisy(picture(1), sigma)) == pytest.approx(sigma, abs=1)


@pytest.mark.parametrize("name", DENOISERS)
def test_a_photograph_is_restored_by_its_task(name):
    image = picture(network(name).traits.channels)
    settings = tasks.Settings()
    found = tasks.choose("denoise", settings)(Photograph(noisy(image, 20)), settings, lambda done, total: None)
    assert float(psnr(image[None], found.pixels[None])[0]) > 29
