"""Model cards of networks in files, and the accuracy of the shipped ones on photographs they were not trained on."""

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
from jaxgen.restoration.analysis.noise import estimate_noise
from jaxgen.restoration.analysis.regions import FEATURES
from jaxgen.restoration.restorer import measure_spec, no_progress, restore

LEVELS = 255
MEGABYTES = 5e6
TEXTS = {
    "damage": "noise",
    "command": "c",
    "training": "t",
    "data": "d",
    "data_license": "l",
    "scores": {"set": "30 dB"},
}


@pytest.fixture
def file(tmp_path):
    module = ResidualUNet((4,), 1, channels=1)
    variables = module.init(jax.random.key(0), np.zeros((1, 8, 8, 2), np.float32), False)
    path = tmp_path / "small.safetensors"
    spec = measure_spec(module, variables, 1, "noise_level")
    pretrained.write(path, variables, pretrained.make_card(module, "image", spec, **TEXTS))
    return path


def test_a_file_is_its_own_card(file):
    _, card = pretrained.read(str(file))
    assert (card.architecture, card.fields["widths"], card.scores) == ("ResidualUNet", (4,), {"set": "30 dB"})
    assert card.spec.conditioning == "noise_level"
    description = pretrained.describe(str(file))
    assert description["sha256"] == weights.digest(file)
    assert description["spec"]["channels"] == 1
    assert "  set: 30 dB" in pretrained.to_text(description)


def test_a_file_without_a_card_is_refused(tmp_path):
    with pytest.raises(UsageError, match="unknown shipped network 'denoise_grey'"):
        pretrained.read("denoise_grey")
    path = tmp_path / "other.safetensors"
    weights.write(path, {"params": {"w": np.zeros(1, np.float32)}}, {"a": "b"})
    with pytest.raises(UsageError, match="does not name one of AODNet"):
        pretrained.read(str(path))


def test_a_card_of_another_version_is_refused(file, tmp_path):
    variables, metadata = weights.read(file)
    for change in ({"fields": '{"wideness": 3}'}, {"spec": '{"radius": 3}'}, {"scores": "{"}):
        weights.write(tmp_path / "old.safetensors", variables, metadata | change)
        with pytest.raises(UsageError, match=r"the card of .*old\.safetensors does not fit this version"):
            pretrained.read(str(tmp_path / "old.safetensors"))
    del metadata["output"]
    weights.write(tmp_path / "old.safetensors", variables, metadata)
    with pytest.raises(UsageError, match="'output'"):
        pretrained.load_restorer(str(tmp_path / "old.safetensors"))


@pytest.mark.parametrize("name", pretrained.NETWORKS)
def test_a_shipped_file_is_the_recorded_one_and_small_and_has_a_complete_card(name):
    variables, card = pretrained.read(name)
    assert (pretrained.FOLDER / f"{name}.safetensors").stat().st_size < MEGABYTES
    assert pretrained.digest(name) == pretrained.NETWORKS[name]
    assert all((card.command, card.training, card.data, card.data_license, card.scores))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(variables))


def photograph(channels):
    """A photograph of scikit-image that no network was trained on, float32[256, 256, channels]."""
    values = photographs.camera()[128:384, 128:384, None] if channels == 1 else photographs.astronaut()[:256, 128:384]
    return values.astype(np.float32) / LEVELS


def noisy(image, sigma, seed=0):
    return np.asarray(gaussian_noise(jax.random.key(seed), image[None], sigma / LEVELS)[0])


EXPECTED = {
    "noise_level": (0.28126, 0.28457, 0.28373, 0.28701),
    "denoise_gray": (0.86108, 0.69514, 0.81512, 0.60530),
    "denoise_color": (0.71566, 0.54454, 0.47035, 0.27006),
    "inpaint_all": (0.24111, 0.98431, 0.36159, 0.23253),
    "superres": (0.98382, 0.84910, 0.74646, 0.46280),
    "detect": (-1.15611, -2.87202, -3.46287, -1.49495),
    "dehaze": (1.00075, 0.96527, 0.90174, 0.39169),
    "dejpeg": (0.89200, 0.97461, 0.84828, 0.41372),
    "deblur": (0.91120, 0.92506, 0.91637, 0.41551),
    "detect_lines": (-7.30474, -8.35302, -7.59047, -5.26342),
    "inpaint_lines": (0.24688, 0.97935, 0.37412, 0.23523),
    "inpaint_tight": (0.24307, 0.97979, 0.37442, 0.23407),
    "inpaint_translucent": (0.24382, 0.97979, 0.37442, 0.23407),
    "classify_areas": (1.59698, -2.61406, 4.96123, 1.41325),
    "classify_lines": (-1.42515, -5.30337, 2.16036, -1.69099),
    "classify_haze": (-2.12773, -7.17368, -0.74756, 0.71607),
}
"""Four values of each network's output, evenly spaced, on random images of 48×64 pixels."""


def output_on_random_input(name):
    """A shipped network's output on a fixed random image and condition."""
    card, rng = pretrained.read_card(name), np.random.default_rng(7)
    if card.output == "noise_level":
        return pretrained.load_noise_estimator(name)(rng.random((4, 48, 64, 1), np.float32))
    if card.output == "confidence":
        return pretrained.load_function(name, "confidence")(rng.normal(0, 3, (4, len(FEATURES))).astype(np.float32))
    restorer = pretrained.load(name, card.output)
    inputs = rng.random((1, 48, 64, restorer.spec.channels + restorer.spec.condition_channels), np.float32)
    if restorer.spec.conditioning == "mask":
        inputs[..., -1] = inputs[..., -1] > 0.8
    if restorer.spec.conditioning == "noise_level":
        inputs[..., -1] = 0.1
    return restorer.network(inputs)


@pytest.mark.parametrize("name", pretrained.NETWORKS)
def test_the_output_of_a_shipped_network_is_the_recorded_one(name):
    output = output_on_random_input(name).ravel()
    chosen = output[np.linspace(0, output.size - 1, 4).astype(int)]
    np.testing.assert_allclose(chosen, EXPECTED[name], atol=1e-4, rtol=1e-4)


@functools.cache
def network(name):
    return pretrained.load_restorer(name)


def conditioning(name):
    spec = pretrained.read_card(name).spec
    return None if spec is None else spec.conditioning


DENOISERS = [name for name in pretrained.NETWORKS if conditioning(name) == "noise_level"]


@pytest.mark.parametrize("name", DENOISERS)
def test_noise_is_removed_and_an_undamaged_image_hardly_changes(name):
    image = photograph(network(name).spec.channels)
    restored = restore(network(name), noisy(image, 25), 25 / LEVELS)
    assert float(psnr(image[None], restored[None])[0]) > 28.5
    level = estimate_noise(pretrained.load_noise_estimator(), image)
    again = restore(network(name), image, level)
    # It has a little noise of its own; the mean over test sets is in README.
    assert float(psnr(image[None], again[None])[0]) > 42


# denoise_gray is the same architecture.
@pytest.mark.parametrize("name", ["denoise_color"])
def test_tiles_of_a_shipped_network_agree_to_a_tenth_of_a_grey_level(name):
    image = noisy(photograph(network(name).spec.channels), 25)[:200, :170]
    tiled, whole = (restore(network(name), image, 0.1, largest_tile=largest) for largest in (64, 256))
    assert abs(tiled - whole).max() * LEVELS < 0.1


LINE_INPAINTERS = [
    name for name in pretrained.NETWORKS if conditioning(name) == "mask" and pretrained.read_card(name).damage == "torn"
]


@pytest.mark.parametrize("name", LINE_INPAINTERS)
def test_masked_pixels_are_inpainted_whatever_the_tiles(name):
    image = photograph(3)[:120, :100]
    damaged, mask = (np.asarray(values[0]) for values in jax.jit(scratches)(jax.random.key(3), image[None]))
    mask = (mask >= 0.1).astype(np.float32)
    # Two of them are the same architecture: the tiles of one are enough.
    sizes = (64,) if name == "inpaint_translucent" else (64, 256)
    inpainted = [
        tasks.by_network(network(name), settings)(Photograph(damaged), settings, no_progress).pixels
        for settings in (tasks.Settings(mask=mask, tile_size=size) for size in sizes)
    ]
    diffused = np.asarray(jax.jit(inpaint_relaxed)(damaged[None], mask[None])[0])
    before, filled, after = (
        float(masked_psnr(image[None], values[None], mask[None])[0]) for values in (damaged, diffused, inpainted[0])
    )
    assert after > before + 6
    if name != "inpaint_lines":
        assert after > filled + 1
    assert abs(inpainted[0] - inpainted[-1]).max() * LEVELS < 0.1


@pytest.mark.parametrize("times", [1, 3])
def test_haze_is_removed_at_any_size(times):
    image = photograph(3)
    hazy = np.asarray(jax.jit(haze)(jax.random.key(2), image[None])[0])
    large, damaged = (values.repeat(times, 0).repeat(times, 1) for values in (image, hazy))
    restored = restore(network("dehaze"), damaged)
    assert float(psnr(large[None], restored[None])[0]) > float(psnr(large[None], damaged[None])[0]) + 3


@pytest.mark.parametrize("sigma", [5, 15, 25, 50])
def test_the_noise_level_is_estimated_to_one_grey_level(sigma):
    level = pretrained.load_noise_estimator()
    assert LEVELS * estimate_noise(level, noisy(photograph(1), sigma)) == pytest.approx(sigma, abs=1)


@pytest.mark.parametrize("name", DENOISERS)
def test_a_photograph_is_restored_by_its_task(name):
    image = photograph(network(name).spec.channels)
    settings = tasks.Settings()
    result = tasks.choose("denoise", settings)(Photograph(noisy(image, 20)), settings, no_progress)
    assert float(psnr(image[None], result.pixels[None])[0]) > 29
