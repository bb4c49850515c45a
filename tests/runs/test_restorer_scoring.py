import dataclasses
import json

import numpy as np
import pytest
import skimage.data
from PIL import Image

from jaxgen.degradations.resampling import downsample, upsample
from jaxgen.errors import UsageError
from jaxgen.evaluation import restoration
from jaxgen.runs import open_restorer, restorer_scoring
from jaxgen.runs.reopen import OpenOptions
from jaxgen.runs.train import train

pytestmark = pytest.mark.usefixtures("no_samples")

QUIET = {"steps": 1, "batch_size": 2, "tensorboard": False, "sample_every": 0, "evaluate_images": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures")
    values = np.random.default_rng(0).integers(0, 256, (20, 24)).astype(np.uint8)
    Image.fromarray(values).save(path / "a.png")
    return str(path)


def small(module, path):
    config = module.Config(**QUIET, widths=(4,), blocks=1, run=str(path))
    return dataclasses.replace(config, data=dataclasses.replace(config.data, name="digits", size=8, fit="resize"))


@pytest.fixture(scope="module")
def run(load_experiment, tmp_path_factory):
    module = load_experiment("residual_unet")
    path = tmp_path_factory.mktemp("runs") / "run"
    train(small(module, path), module.build, say=lambda line: None)
    return path


def test_a_run_is_measured_and_the_result_kept(run, folder):
    result = restorer_scoring.evaluate(run, [folder], sigmas=(10.0, 50.0))
    assert (result["step"], result["checkpoint"]) == (1, "last")
    assert result["protocol"].startswith("gray8: ")
    by_damage = result["sets"][folder]["damages"]
    assert list(by_damage) == ["σ 10", "σ 50"]
    for sigma, rows in zip((10, 50), by_damage.values(), strict=True):
        # 480 pixels: the mean square is known to √(2/480).
        assert rows["damaged input"]["psnr"] == pytest.approx(20 * np.log10(255 / sigma), abs=1.5)
    assert json.loads((run / "evaluations.jsonl").read_text().splitlines()[-1]) == result


def test_the_network_is_conditioned_on_the_level_of_the_option(run, folder, monkeypatch):
    seen = []
    monkeypatch.setattr(
        open_restorer,
        "make_restorer",
        lambda module, variables, spec: restorer_scoring.Restorer(
            lambda inputs: seen.append(inputs[..., -1]) or inputs[..., :-1], spec
        ),
    )
    restorer_scoring.evaluate(run, [folder], sigmas=(51.0,))
    np.testing.assert_allclose(seen[0], 51 / 255, rtol=1e-6)


@pytest.mark.parametrize("chosen", [{"checkpoint": "best"}, {"ema": False}])
def test_of_a_file_no_weights_are_chosen(folder, chosen):
    with pytest.raises(UsageError, match="denoise_gray is one network and no run: leave --checkpoint, --no-ema"):
        restorer_scoring.evaluate("denoise_gray", [folder], options=OpenOptions(**chosen))


@pytest.mark.parametrize(("sigma", "message"), [(-1.0, "sigma -1: give gray levels"), (300.0, "sigma 300")])
def test_levels_that_cannot_be_are_reported(run, folder, sigma, message):
    with pytest.raises(UsageError, match=message):
        restorer_scoring.evaluate(run, [folder], sigmas=(25.0, sigma))


def test_what_is_no_restorer_of_noise_is_reported(run, folder, monkeypatch, tmp_path):
    with pytest.raises(UsageError, match=r"missing"):
        restorer_scoring.evaluate(tmp_path / "missing", [folder], sigmas=(25.0,))
    opened = restorer_scoring.reopen.open_run(run)
    other = opened._replace(objective=dataclasses.replace(opened.objective, restoring=None))
    monkeypatch.setattr(restorer_scoring.reopen, "open_run", lambda *_, **__: other)
    with pytest.raises(UsageError, match="this run restores nothing; leave --images out"):
        restorer_scoring.evaluate(run, [folder], sigmas=(25.0,))


def test_damage_of_other_kinds_has_columns_of_its_own(load_experiment, folder, tmp_path):
    module = load_experiment("residual_unet")
    config = dataclasses.replace(small(module, tmp_path / "jpeg"), damage="jpeg")
    train(config, module.build, say=lambda line: None)
    result = restorer_scoring.evaluate(tmp_path / "jpeg", [folder], ensemble=True)
    by_damage = result["sets"][folder]["damages"]
    assert list(by_damage) == ["quality 10", "quality 20", "quality 30", "quality 40"]
    inputs = [rows["damaged input"]["psnr"] for rows in by_damage.values()]
    assert inputs == sorted(inputs)
    assert {"network", "network, ensemble", "mean 3×3"} <= by_damage["quality 10"].keys()
    assert "JPEG with halved chroma, seed 0" in result["protocol"]
    with pytest.raises(UsageError, match=r"sigma 25: .* undoes jpeg, which has fixed columns; leave --sigma out"):
        restorer_scoring.evaluate(tmp_path / "jpeg", [folder], sigmas=(25.0,))


def test_super_resolution_is_compared_with_bicubic_interpolation(load_experiment, tmp_path):
    module = load_experiment("srresnet")
    plain = module.Config(
        steps=1, batch_size=2, width=2, blocks=1, scale=2, norm=False, residual=True, tensorboard=False
    )
    config = dataclasses.replace(
        plain,
        run=str(tmp_path / "sr"),
        sample_every=0,
        evaluate_images=2,
        data=dataclasses.replace(plain.data, name="digits", size=8, channels=3, fit="resize"),
    )
    train(config, module.build, say=lambda line: None)
    rng = np.random.default_rng(0)
    folder = str(tmp_path / "pictures")
    (tmp_path / "pictures").mkdir()
    Image.fromarray(rng.integers(0, 256, (25, 31, 3), np.uint8)).save(tmp_path / "pictures" / "a.png")
    result = restorer_scoring.evaluate(tmp_path / "sr", [folder], protocols=["y601-shave4"])
    (rows,) = result["sets"][folder]["damages"].values()
    assert set(rows) == {"bicubic enlargement", "network"}
    assert list(result["sets"][folder]["damages"]) == ["×2"]
    whole = restoration.read_images(folder, "y601-shave4")[0][None, :24, :30]
    small = np.round(np.clip(downsample(whole, 2), 0, 1) * 255) / np.float32(255)
    expected = restoration.score("y601-shave4", whole, upsample(small, 2))
    assert rows["bicubic enlargement"]["psnr"] == pytest.approx(float(expected["psnr"][0]), abs=1e-3)


def test_the_noise_of_a_folder_is_estimated_by_its_protocol(folder):
    found = restorer_scoring.evaluate("noise_level", [folder, folder], sigmas=(25.0,), protocols=["gray8", "rgb8"])
    assert list(found["levels"]) == [f"{folder}, gray8", f"{folder}, rgb8"]
    assert found["protocol"].startswith("gray and color; ")
    with pytest.raises(
        UsageError, match="noise_level estimates the noise level and restores nothing; leave --ensemble"
    ):
        restorer_scoring.evaluate("noise_level", [folder], ensemble=True)


def test_inpainting_refuses_what_has_no_effect_on_it(folder):
    with pytest.raises(UsageError, match="sigma: inpaint_all inpaints, which has fixed columns; leave --sigma out"):
        restorer_scoring.evaluate("inpaint_all", [folder], sigmas=[5.0])
    with pytest.raises(UsageError, match="masked_psnr is of hidden pixels: leave it out, or evaluate a network that"):
        restorer_scoring.evaluate("denoise_gray", [folder], metrics=["masked_psnr"])
    with pytest.raises(UsageError, match=r"a\.png is 20×24: give images of at least 256×256 pixels"):
        restorer_scoring.evaluate("inpaint_all", [folder])


@pytest.mark.parametrize("options", [{"metrics": ["mse"]}, {"baselines": ["bm3d"]}, {"sigmas": [5.0]}])
def test_of_detection_the_marked_pixels_alone_are_measured(folder, options):
    (name,) = options
    with pytest.raises(UsageError, match=f"{name.removesuffix('s')}.*: detect is measured by the pixels that it marks"):
        restorer_scoring.evaluate("detect", [folder], **options)
    with pytest.raises(UsageError, match="masks: it is for detect; leave --masks out"):
        restorer_scoring.evaluate("denoise_gray", [folder], masks=[folder])


def test_detection_is_measured_on_pairs_of_photographs_and_masks(tmp_path):
    # A portrait with a hole of one gray, which the shipped detectors find.
    photograph, mask = skimage.data.astronaut()[:96, 180:276].copy(), np.zeros((96, 96), np.uint8)
    mask[30:60, 40:70] = 255
    photograph[mask > 0] = 230
    (tmp_path / "masks").mkdir()
    Image.fromarray(photograph).save(tmp_path / "a.png")
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    found = restorer_scoring.evaluate("detect", [str(tmp_path)], masks=[str(tmp_path / "masks")])
    (row,) = found["sets"][str(tmp_path)]["damages"].values()
    assert row["damaged"] == pytest.approx(30 * 30 / 96**2)
    assert row["iou"] == pytest.approx(1 / (1 / row["precision"] + 1 / row["recall"] - 1), rel=1e-5)
    assert row["recall"] > 0.7 and row["precision"] > 0.6
    assert "as in the masks" in restorer_scoring.to_text(found)


def test_denoisers_of_other_libraries_receive_the_noise_level(run, folder, monkeypatch):
    seen = []
    spy = lambda noisy, sigma: seen.append(sigma) or noisy
    entry = restorer_scoring.DENOISERS["non-local-means"]._replace(denoise=spy)
    monkeypatch.setitem(restorer_scoring.DENOISERS, "non-local-means", entry)
    options = {"baselines": ["non-local-means"], "metrics": ["psnr"]}
    found = restorer_scoring.evaluate(run, [folder], sigmas=(51.0, 10.0), **options)
    assert seen == [0.2, 10 / 255]
    rows = found["sets"][folder]["damages"]["σ 51"]
    assert rows["non-local means, σ given"] == rows["damaged input"]
    with pytest.raises(UsageError, match="unknown baseline 'bmd3': did you mean bm3d"):
        restorer_scoring.evaluate(run, [folder], baselines=["bmd3"])
    with pytest.raises(UsageError, match="baselines: they remove noise, and dejpeg undoes jpeg"):
        restorer_scoring.evaluate("dejpeg", [folder], baselines=["bm3d"])
    with pytest.raises(UsageError, match="metrics: noise_level estimates the noise level and restores nothing"):
        restorer_scoring.evaluate("noise_level", [folder], metrics=["mse"])
