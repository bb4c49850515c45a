"""What a Python caller gives to restore, detect_damage, estimate_noise and a loaded network, and what comes back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from skimage import data

import jaxgen
from jaxgen.errors import UsageError
from jaxgen.metrics.image import psnr
from jaxgen.restoration import functions, tasks
from jaxgen.restoration.inference import Result

CLEAN = data.astronaut()[40:72, 200:232]
NOISY = np.clip(CLEAN + np.random.default_rng(0).normal(0, 25, CLEAN.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def recorded(monkeypatch):
    """Replaces every task by one that darkens the photograph by half, and returns the settings that it was given."""
    calls = []

    def darken(photograph, settings, progress):
        calls.append(settings)
        progress(1, 1)
        return Result(photograph.pixels / 2, "halved")

    for name, task in tasks.TASKS.items():
        monkeypatch.setitem(tasks.TASKS, name, task._replace(restore=darken))
    return calls


def test_noise_is_removed_from_every_kind_of_image(tmp_path):
    path = tmp_path / "noisy.png"
    Image.fromarray(NOISY).save(path)
    restored = jaxgen.restore(NOISY, "denoise", sigma=25)
    assert restored.dtype == np.uint8
    gain = lambda image: float(psnr(image[None] / 255.0, CLEAN[None] / 255.0)[0])
    assert gain(restored) > gain(NOISY) + 6
    for image in (path, str(path), Image.fromarray(NOISY)):
        result = jaxgen.restore(image, "denoise", sigma=25)
        assert isinstance(result, Image.Image)
        assert "25.0" in result.info["restoration"]
        np.testing.assert_array_equal(np.asarray(result), restored)
    batch = jaxgen.restore(jnp.asarray(NOISY / 255, jnp.float32)[None], "denoise", sigma=25)
    assert isinstance(batch, jax.Array)
    np.testing.assert_allclose(batch[0] * 255, restored, atol=0.6)
    network = jaxgen.load("denoise_color")
    np.testing.assert_array_equal(network(NOISY, sigma=25), restored)


def test_a_batch_is_its_images_one_by_one(recorded):
    batch = np.stack([NOISY, CLEAN])
    masks = np.zeros((2, 32, 32), bool)
    masks[0, :3], masks[1, 5:] = True, True
    result = jaxgen.restore(batch, "inpaint", mask=masks, mask_color="white")
    np.testing.assert_array_equal(result[1], jaxgen.restore(CLEAN, "inpaint", mask=masks[1], mask_color="white"))
    for settings, mask in zip(recorded, masks, strict=False):
        np.testing.assert_array_equal(settings.mask[..., 0], mask)


def test_alpha_stays_and_upsampling_enlarges_it(monkeypatch):
    image = np.zeros((8, 8, 4), np.uint8)
    image[..., 3] = 200
    upsample = lambda photograph, settings, progress: Result(photograph.pixels.repeat(4, 0).repeat(4, 1), "")
    monkeypatch.setitem(tasks.TASKS, "superres", tasks.TASKS["superres"]._replace(restore=upsample))
    result = jaxgen.restore(image, "superres", scale=4)
    assert result.shape == (32, 32, 4)
    np.testing.assert_array_equal(result[..., 3], 200)


@pytest.mark.parametrize("kind", ["path", "pillow", "bool", "uint8", "float", "jax"])
def test_masks_of_every_kind_are_the_same(kind, recorded, tmp_path):
    mask = np.zeros((32, 32), np.uint8)
    mask[3:9, 4:20] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    kinds = {
        "path": tmp_path / "mask.png",
        "pillow": Image.fromarray(mask),
        "bool": mask > 0,
        "uint8": mask[..., None],
        "float": mask / 255,
        "jax": jnp.asarray(mask > 0),
    }
    jaxgen.restore(NOISY, "scratches", mask=kinds[kind])
    np.testing.assert_array_equal(recorded[0].mask[..., 0], mask / 255)


def test_every_option_reaches_the_task(recorded, tmp_path):
    seen = []
    out = tmp_path / "out.png"
    result = jaxgen.restore(
        NOISY,
        sigma=12,
        strength=0.5,
        ensemble=True,
        tile_size=128,
        progress=lambda done, total: seen.append((done, total)),
        out=out,
    )
    assert recorded[0][:4] == (12, 0.5, True, 128)
    assert seen == [(1, 1)]
    np.testing.assert_array_equal(np.asarray(Image.open(out)), result)


def test_the_image_that_was_given_is_not_changed(recorded):
    image = NOISY.copy()
    jaxgen.restore(image)
    np.testing.assert_array_equal(image, NOISY)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "denoize"}, "denoise"),
        ({"sigma": 300}, "sigma 300"),
        ({"sigma": np.array([5.0, 25.0])}, "sigma of several values: give one for all images"),
        ({"task": "dehaze", "sigma": 5}, "sigma 5"),
        ({"task": "denoise", "mask": np.ones((32, 32), bool)}, "mask"),
        ({"task": "inpaint"}, "mask"),
        ({"mask": np.zeros((32, 32), bool)}, "white"),
        ({"mask": np.zeros((32, 32), int)}, "int64"),
        ({"mask": np.zeros((3, 3), bool)}, "3×3"),
        ({"mask": np.zeros((32, 32, 3), bool)}, r"\(32, 32, 3\)"),
        ({"scale": 2}, "scale 2"),
        ({"task": "superres", "scale": 2}, "give 4"),
        ({"strength": 2}, "strength 2"),
        ({"tile_size": 1}, "tile_size 1"),
        ({"out": "x.abc"}, "x.abc"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(options, message, recorded):
    with pytest.raises(UsageError, match=message):
        jaxgen.restore(NOISY, **options)


def test_the_original_is_never_replaced_and_a_batch_is_no_file(recorded, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(NOISY).save(path)
    with pytest.raises(UsageError, match="never replaced"):
        jaxgen.restore(path, out=path)
    with pytest.raises(UsageError, match="batch"):
        jaxgen.restore(NOISY[None], out=tmp_path / "b.png")


def test_damage_is_above_a_half_exactly_where_it_is_inpainted(monkeypatch):
    mask = np.zeros((4, 4, 1), np.float32)
    mask[:2] = 1
    probability = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4, 1)
    monkeypatch.setattr(functions.detection, "detect_damage", lambda pixels: (mask, probability, 1.0))
    found = jaxgen.detect_damage(np.zeros((4, 4, 3)))
    np.testing.assert_array_equal(found > 0.5, mask[..., 0] > 0)
    np.testing.assert_allclose(found[2:], 0.5)
    assert jaxgen.detect_damage(np.zeros((2, 4, 4, 3))).shape == (2, 4, 4)


def test_noise_is_estimated_in_gray_levels():
    noise = np.random.default_rng(1).normal(0.5, 20 / 255, (2, 128, 128, 1)).clip(0, 1)
    estimates = jaxgen.estimate_noise(noise)
    np.testing.assert_allclose(estimates, 20, atol=1)
    assert jaxgen.estimate_noise(noise[0]) == pytest.approx(estimates[0])
    assert jaxgen.load("noise_level")(noise[0]) == pytest.approx(estimates[0])


def test_a_detector_gives_probabilities():
    network = jaxgen.load("detect")
    found = network(NOISY)
    assert (found.shape, found.dtype) == ((32, 32), np.float32)
    assert 0 <= found.min() <= found.max() <= 1
    with pytest.raises(UsageError, match="sigma"):
        network(NOISY, sigma=5)
    with pytest.raises(UsageError, match="mask"):
        network(NOISY, mask=np.ones((32, 32), bool))
    with pytest.raises(UsageError, match="ensemble"):
        jaxgen.load("noise_level")(NOISY, ensemble=True)
