import json

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from jaxgen.degradations.noise import gaussian_noise
from jaxgen.errors import UsageError
from jaxgen.evaluation import restoration
from jaxgen.metrics.image import METRICS
from jaxgen.metrics.metric import Metric
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
# The network subtracts its conditioning.
RESTORER = Restorer(lambda inputs: inputs[..., :-1] - inputs[..., -1:], SPEC)


METHODS = {"network": lambda damaged, conditioning: restore(RESTORER, damaged, conditioning)}


def brighten(key, images, strength):
    """Adds a constant, which is also the conditioning of the network."""
    return images + strength, images[..., :1] * 0 + strength


@pytest.fixture
def folder(tmp_path):
    for index, channels in enumerate((1, 3)):
        values = GENERATOR.integers(30, 200, (24, 20 + index, 3)).astype(np.uint8)
        Image.fromarray(values[..., 0] if channels == 1 else values).save(tmp_path / f"{index}.png")
    return tmp_path


def test_images_have_the_channels_of_the_protocol(folder):
    first, second = restoration.read_images(str(folder), "gray8")
    assert (first.shape, second.shape) == ((24, 20, 1), (24, 21, 1))
    np.testing.assert_allclose(second * 255, np.rint(second * 255), atol=1e-4)
    gray, color = restoration.read_images(str(folder), "rgb8")
    assert color.shape == (24, 21, 3)
    np.testing.assert_array_equal(gray, first.repeat(3, -1))


def test_each_folder_has_its_protocol():
    pairs = restoration.pair_folders(["a", "b", "a"], ["gray8", "rgb8", "y601-shave4"])
    assert pairs == {"a, gray8": ("a", "gray8"), "b": ("b", "rgb8"), "a, y601-shave4": ("a", "y601-shave4")}
    assert restoration.pair_folders(["a", "b"], ["rgb8"]) == {"a": ("a", "rgb8"), "b": ("b", "rgb8")}
    with pytest.raises(UsageError, match="2 protocols for 3 folders: give one for all, or one for each"):
        restoration.pair_folders(["a", "b", "c"], ["rgb8", "rgb8"])
    with pytest.raises(UsageError, match="unknown protocol 'gray9'"):
        restoration.pair_folders(["a"], ["gray9"])


def test_rows_are_means_over_the_images(folder):
    pictures = restoration.read_images(str(folder), "gray8")
    rows = {row.name: row.metrics for row in restoration.measure(METHODS, brighten, 0.1, pictures, "gray8")}
    assert list(rows) == [restoration.INPUT, *restoration.BASELINES, "network"]
    stored = [np.rint(picture * 255).astype(np.uint8) for picture in pictures]
    changed = [np.rint((picture + 0.1) * 255).clip(0, 255).astype(np.uint8) for picture in pictures]
    expected = np.mean([peak_signal_noise_ratio(*pair) for pair in zip(stored, changed, strict=True)])
    assert rows[restoration.INPUT]["psnr"] == pytest.approx(expected, abs=1e-3)
    assert rows["network"]["psnr"] == np.inf
    assert rows["network"]["ssim"] == pytest.approx(1, abs=1e-6)
    assert rows["mean 3×3"]["psnr"] < expected


def test_every_image_has_its_own_reproducible_noise(folder):
    pictures = [np.full((24, 24, 1), 0.5, np.float32)] * 2
    inputs = []
    spy = {"network": lambda damaged, conditioning: inputs.append(damaged) or damaged}
    damage = lambda key, images, strength: (gaussian_noise(key, images, strength), None)
    for seed in (0, 0, 1):
        restoration.measure(spy, damage, 0.1, pictures, "gray8", seed=seed)
    first, second, again, _, other, _ = inputs
    np.testing.assert_array_equal(first, again)
    assert abs(first - second).max() > 0.1
    assert abs(first - other).max() > 0.1


def test_a_restorer_of_other_channels_is_refused(folder):
    with pytest.raises(UsageError, match="a restorer of 1 channels, and protocol rgb8 needs 3"):
        restoration.evaluate(RESTORER, METHODS, brighten, {"a": 0.1}, [str(folder)], ["rgb8"], description="lifted")


def test_protocols_of_folders_are_named_in_the_report(folder):
    color = RESTORER._replace(spec=SPEC._replace(channels=3))
    folders, protocols = [str(folder), str(folder)], ["rgb8", "y601-shave4"]
    methods = {"network": lambda damaged, conditioning: restore(color, damaged, conditioning)}
    found = restoration.evaluate(color, methods, brighten, {"a": 0.1}, folders, protocols, description="lifted")
    assert [table["protocol"] for table in found["sets"].values()] == protocols
    whole, luma = (table["damages"]["a"][restoration.INPUT]["psnr"] for table in found["sets"].values())
    # Luma has 219 levels where RGB has 255; clipped pixels are few.
    assert luma - whole == pytest.approx(20 * np.log10(255 / 219), abs=0.2)
    assert found["protocol"].startswith("rgb8: all of RGB") and "; y601-shave4: BT.601" in found["protocol"]
    text = restoration.to_text(found)
    assert all(f"{folder}, {protocol} (2)" in text for protocol in protocols)


def test_an_image_that_is_too_small_is_named(folder):
    Image.fromarray(np.zeros((10, 30), np.uint8)).save(folder / "2.png")
    with pytest.raises(UsageError, match=r"2\.png is 10×30: give images of at least 11×11 pixels"):
        restoration.read_images(str(folder), "gray8")
    with pytest.raises(UsageError, match=r"0\.png is 24×20: give images of at least 161×161 pixels"):
        restoration.evaluate(
            *(RESTORER, METHODS, brighten, {"a": 0.1}, [str(folder)], ["gray8"]),
            description="lifted",
            metrics=["ms_ssim"],
        )


def test_an_evaluation_has_tables_protocol_and_cost(folder):
    evaluation = restoration.evaluate(
        RESTORER, METHODS, brighten, {"lifted": 0.1}, [str(folder)], ["gray8"], description="lifted", seed=3
    )
    assert evaluation["protocol"] == "gray8: gray, results rounded to 8 bits; lifted, seed 3"
    assert (evaluation["parameters"], evaluation["multiply_adds_per_pixel"]) == (9, 7.0)
    assert evaluation["seconds_per_megapixel"] > 0
    table = evaluation["sets"][str(folder)]
    assert table["pictures"] == 2
    assert table["damages"]["lifted"]["network"] == {"psnr": "inf", "ssim": pytest.approx(1)}
    json.dumps(evaluation, allow_nan=False)
    lines = restoration.to_text(evaluation).splitlines()
    assert lines[0] == evaluation["protocol"]
    assert lines[2].split() == [str(folder), "(2)", "lifted"]
    assert lines[3].startswith("damaged input")
    assert lines[-1].startswith("network: 9 parameters, 7 multiply-adds a pixel, ")


def test_a_registered_metric_is_a_column_of_the_table(folder, monkeypatch):
    largest_error = Metric(lambda reference, image: abs(reference - image).max((1, 2, 3)), "minimize", decimals=3)
    monkeypatch.setitem(METRICS, "largest_error", largest_error)
    # Metrics are compiled for each shape of images.
    for path in folder.glob("*.png"):
        Image.open(path).crop((0, 0, 20, 23)).save(path)
    evaluation = restoration.evaluate(
        RESTORER, METHODS, brighten, {"lifted": 0.1}, [str(folder)], ["gray8"], description="lifted"
    )
    rows = evaluation["sets"][str(folder)]["damages"]["lifted"]
    assert list(rows["network"]) == ["psnr", "ssim", "largest_error"]
    assert rows[restoration.INPUT]["largest_error"] == pytest.approx(0.1, abs=1 / 255)
    text = restoration.to_text(evaluation)
    assert f"{rows[restoration.INPUT]['largest_error']:.3f}" in text


def test_chosen_metrics_are_the_columns_and_stated_in_the_protocol(folder):
    def evaluate(**options):
        given = RESTORER, METHODS, brighten, {"lifted": 0.1}, [str(folder)], ["gray8"]
        return restoration.evaluate(*given, description="lifted", **options)

    for path in folder.glob("*.png"):
        Image.open(path).crop((0, 0, 20, 21)).save(path)
    doubled = {"doubled": lambda damaged, strength: damaged - 2 * strength}
    found = evaluate(metrics=["detector_distance", "mse", "mse"], baselines=doubled)
    rows = found["sets"][str(folder)]["damages"]["lifted"]
    assert list(rows)[-2:] == ["doubled", "network"]
    assert all(list(row) == ["detector_distance", "mse"] for row in rows.values())
    assert rows["network"]["mse"] == pytest.approx(0, abs=1e-9)
    assert rows["doubled"]["mse"] == pytest.approx(rows[restoration.INPUT]["mse"], rel=0.1)
    assert rows["network"]["detector_distance"] < 1e-6 < rows["doubled"]["detector_distance"]
    assert "detector_distance: cosine distance of the activations of the shipped network detect" in found["protocol"]
    lines = restoration.to_text(found).splitlines()
    assert lines[3].split() == ["detector_distance", "mse"]
    assert lines[3].endswith(" mse") and lines[4].index("0.") < lines[3].index("mse")
    with pytest.raises(UsageError, match="unknown metric 'lpisp': did you mean lpips"):
        evaluate(metrics=["lpisp"])
    with pytest.raises(UsageError, match="lpips needs the weights of its network: give --metric-weights FILE"):
        evaluate(metrics=["psnr", "lpips"])


def test_a_metric_without_a_reference_also_scores_undamaged_images(folder):
    evaluation = restoration.evaluate(
        *(RESTORER, METHODS, brighten, {"lifted": 0.1}, [str(folder)], ["gray8"]),
        description="lifted",
        metrics=["psnr", "piqe"],
    )
    rows = evaluation["sets"][str(folder)]["damages"]["lifted"]
    assert list(rows)[:2] == [restoration.UNDAMAGED, restoration.INPUT]
    assert rows[restoration.UNDAMAGED] == {"psnr": "inf", "piqe": rows["network"]["piqe"]}
    assert "piqe: no reference: share of the luma's" in evaluation["protocol"]
