import json

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from jaxgen.degradations.noise import gaussian_noise
from jaxgen.errors import UsageError
from jaxgen.evaluation import restoration
from jaxgen.restoration.restorer import NetworkSpec, Restorer, restore

GENERATOR = np.random.default_rng(0)
SPEC = NetworkSpec(
    channels=1,
    conditioning="noise_level",
    receptive_field_radius=0,
    size_multiple=2,
    multiply_adds_per_pixel=7.0,
    parameters=9,
)
# The network takes the guide for what was added.
RESTORER = Restorer(lambda inputs: inputs[..., :-1] - inputs[..., -1:], SPEC)


WAYS = {"network": lambda damaged, guide: restore(RESTORER, damaged, guide)}


def lifted(key, images, strength):
    """Everything lighter, of which the network is told."""
    return images + strength, images[..., :1] * 0 + strength


@pytest.fixture
def folder(tmp_path):
    for index, channels in enumerate((1, 3)):
        values = GENERATOR.integers(30, 200, (24, 20 + index, 3)).astype(np.uint8)
        Image.fromarray(values[..., 0] if channels == 1 else values).save(tmp_path / f"{index}.png")
    return tmp_path


def test_pictures_come_with_the_channels_of_the_protocol(folder):
    first, second = restoration.read_pictures(str(folder), "gray8")
    assert (first.shape, second.shape) == ((24, 20, 1), (24, 21, 1))
    np.testing.assert_allclose(second * 255, np.rint(second * 255), atol=1e-4)
    with pytest.raises(UsageError, match=r"0\.png is gray, and protocol rgb8 compares colours; choose gray8"):
        restoration.read_pictures(str(folder), "rgb8")
    with pytest.raises(UsageError, match="unknown protocol 'gray9'"):
        restoration.read_pictures(str(folder), "gray9")


def test_rows_are_means_over_the_pictures(folder):
    pictures = restoration.read_pictures(str(folder), "gray8")
    rows = {row.name: row for row in restoration.measure(WAYS, lifted, 0.1, pictures, "gray8")}
    assert list(rows) == [restoration.INPUT, *restoration.BASELINES, "network"]
    stored = [np.rint(picture * 255).astype(np.uint8) for picture in pictures]
    changed = [np.rint((picture + 0.1) * 255).clip(0, 255).astype(np.uint8) for picture in pictures]
    expected = np.mean([peak_signal_noise_ratio(*pair) for pair in zip(stored, changed, strict=True)])
    assert rows[restoration.INPUT].psnr == pytest.approx(expected, abs=1e-3)
    assert rows["network"].psnr == np.inf
    assert rows["network"].ssim == pytest.approx(1, abs=1e-6)
    assert rows["mean 3×3"].psnr < expected


def test_every_picture_meets_its_own_noise_and_always_the_same(folder):
    pictures = [np.full((24, 24, 1), 0.5, np.float32)] * 2
    seen = []
    spy = {"network": lambda damaged, guide: seen.append(damaged) or damaged}
    damage = lambda key, images, strength: (gaussian_noise(key, images, strength), None)
    for seed in (0, 0, 1):
        restoration.measure(spy, damage, 0.1, pictures, "gray8", seed=seed)
    first, second, again, _, other, _ = seen
    np.testing.assert_array_equal(first, again)
    assert abs(first - second).max() > 0.1
    assert abs(first - other).max() > 0.1


def test_a_restorer_of_other_channels_is_told(folder):
    with pytest.raises(UsageError, match="a restorer of 1 channels, and protocol rgb8 compares 3"):
        restoration.evaluate(RESTORER, WAYS, lifted, {"a": 0.1}, [str(folder)], "rgb8", about="lifted")


def test_a_picture_too_small_to_compare_is_named(folder):
    Image.fromarray(np.zeros((18, 30), np.uint8)).save(folder / "2.png")
    with pytest.raises(UsageError, match=r"2\.png is 18×30: pictures of at least 19×19 pixels are compared"):
        restoration.read_pictures(str(folder), "gray8")


def test_the_evaluation_is_a_table_with_protocol_and_cost(folder):
    found = restoration.evaluate(
        RESTORER, WAYS, lifted, {"lifted": 0.1}, [str(folder)], "gray8", about="lifted", seed=3
    )
    assert found["protocol"] == "gray8: gray, results rounded to 8 bits; lifted, seed 3"
    assert (found["parameters"], found["multiply_adds_per_pixel"]) == (9, 7.0)
    assert found["seconds_per_megapixel"] > 0
    told = found["sets"][str(folder)]
    assert told["pictures"] == 2
    assert told["damages"]["lifted"]["network"] == {"psnr": "inf", "ssim": pytest.approx(1)}
    json.dumps(found, allow_nan=False)
    lines = restoration.as_text(found).splitlines()
    assert lines[0] == found["protocol"]
    assert lines[2].split() == [str(folder), "(2)", "lifted"]
    assert lines[3].startswith("damaged input")
    assert lines[-1].startswith("network: 9 parameters, 7 multiply-adds a pixel, ")
