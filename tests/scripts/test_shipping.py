import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgen.errors import UsageError
from jaxgen.restoration import pretrained
from jaxgen.restoration.restorer import restore
from jaxgen.runs import command_line
from jaxgen.runs.reopen import open_run

pytestmark = pytest.mark.usefixtures("no_samples")

SCRIPTS = Path(__file__).parents[2] / "scripts"
TINY = (
    "--data.name digits --data.size 16 --data.fit resize --steps 1 --batch-size 2 --evaluate-images 2 "
    "--sample-every 0 --no-tensorboard"
)


@pytest.fixture(scope="module")
def shipping():
    """The module scripts/shipping/restorers.py."""
    sys.path.insert(0, str(SCRIPTS))
    yield importlib.import_module("shipping.restorers")
    sys.path.remove(str(SCRIPTS))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "set").mkdir()
    values = np.random.default_rng(0).integers(0, 256, (20, 24)).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "set" / "a.png")
    return tmp_path


@pytest.fixture
def ship(shipping, folder, monkeypatch):
    """Trains a network by a command, and registers its file."""
    monkeypatch.setattr(shipping, "TEST_SETS", {1: ("set",)})

    def ship(name, command):
        sha256 = shipping.make(name, str(folder), folder / "runs", folder, "a test", command)
        monkeypatch.setitem(pretrained.NETWORKS, name, sha256)
        return pretrained.read_card(name), open_run(folder / "runs" / name)

    yield ship


@pytest.fixture(autouse=True)
def _folder_of_files(folder, monkeypatch, request):
    """Files of networks are in the test's folder, but for the shipped estimator of noise."""
    if "ship" in request.fixturenames:
        shipped = pretrained.FOLDER / "noise_level.safetensors"
        (folder / shipped.name).write_bytes(shipped.read_bytes())
        monkeypatch.setattr(pretrained, "FOLDER", folder)


def test_a_new_noise_estimator_is_shipped_with_its_card(ship):
    command = f"python experiments/noise_level.py {TINY} --depth 2 --width 4"
    card, _ = ship("new_level", command)
    assert (card.command, card.training, card.output) == (command, "a test", "noise_level")
    assert list(card.scores) == ["held-out pictures, error"]
    image = np.random.default_rng(1).random((1, 16, 16, 1), np.float32)
    assert np.isfinite(pretrained.load_noise_estimator("new_level")(image)).all()
    description = pretrained.describe("new_level")
    assert pretrained.to_text(description).splitlines()[0].split() == ["sha256", pretrained.NETWORKS["new_level"]]
    json.dumps(description)


def test_a_denoiser_is_trained_from_run_to_run_and_evaluated_on_test_sets(ship, folder):
    script, small = "python experiments/residual_unet.py", f"{TINY} --widths 4 --blocks 1"
    command = " && ".join(
        [
            f"{script} {small} --run RUN-before-1",
            f"{script} {small} --seed 1 --init-from RUN-before-1 --run RUN-before-2",
            f"{script} {small} --data.rotate --init-from RUN-before-2 --run RUN",
        ]
    )
    card, opened = ship("new_denoiser", command)
    assert card.command == command
    runs = [folder / "runs" / f"new_denoiser{part}" for part in ("-before-1", "-before-2", "")]
    before = open_run(runs[1])
    assert [open_run(run).config.init_from for run in runs] == ["", str(runs[0]), str(runs[1])]
    # One step of the average is a small step from where it started.
    first, last = (run.variables["params"] for run in (before, opened))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-2), first, last)
    assert any(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a != b).any()), first, last)))
    assert card.spec.conditioning == "noise_level"
    image = np.random.default_rng(1).random((1, 16, 16, 1), np.float32)
    level = np.full_like(image, 0.1)
    output = pretrained.load_restorer("new_denoiser").network(np.concatenate([image, level], -1))
    np.testing.assert_allclose(output, opened.objective.restoring.restore(opened.variables, image, level), atol=1e-6)
    methods = {key.partition("network")[2] for key in card.scores if "network" in key}
    assert len(card.scores) == 1 + 4 * len(methods)
    assert all(key.startswith(("protocol", "set, σ ")) for key in card.scores)


SMALL = {
    "dehazer": ("--widths 4 4 --side 8", "image", "none"),
    "inpainter": ("--widths 4 --blocks 1 --damage holes", "image", "mask"),
    "srresnet": ("--width 4 --blocks 1 --scale 2 --no-norm --residual", "image", "none"),
    "damage_detector": ("--network residual --widths 4 8 --blocks 1 --damage holes", "mask", "none"),
}


@pytest.mark.parametrize("experiment", SMALL)
def test_networks_for_other_damage_are_shipped_too(ship, experiment):
    words, output, conditioning = SMALL[experiment]
    card, opened = ship("new", f"python experiments/{experiment}.py {TINY} --data.channels 3 {words}")
    assert (card.output, card.spec.conditioning) == (output, conditioning)
    assert all(score.startswith("held-out pictures, ") for score in card.scores)
    image = np.random.default_rng(1).random((16, 16, 3), np.float32)
    network = pretrained.load("new", card.output)
    restored = restore(network, image, 1.0 if conditioning == "mask" else None)
    assert restored.shape == (16 * card.spec.scale, 16 * card.spec.scale, 1 if output == "mask" else 3)
    condition = np.ones((1, 16, 16, 1), np.float32) if conditioning == "mask" else None
    inputs = image[None] if condition is None else np.concatenate([image[None], condition], -1)
    if output == "mask":
        expected = opened.objective.detecting.detect(opened.variables, image[None])
        np.testing.assert_allclose(1 / (1 + np.exp(-network.network(inputs))), expected, atol=1e-5)
    else:
        expected = opened.objective.restoring.restore(opened.variables, image[None], condition)
        np.testing.assert_allclose(network.network(inputs), expected, atol=1e-5)
    with pytest.raises(UsageError, match=f"new is {output} and not noise_level: choose another network"):
        pretrained.load_noise_estimator("new")


@pytest.mark.parametrize(
    "name", [name for name in pretrained.NETWORKS if pretrained.read_card(name).output != "confidence"]
)
def test_the_command_of_a_card_builds_the_network_of_the_file(shipping, load_experiment, name):
    card = pretrained.read_card(name)
    for script, words in shipping.trainings(card.command):
        module = load_experiment(script.stem)
        config = command_line.parse(module.Config, words, "", script.name)
        objective = module.build(config)
    network, output, conditioning = shipping.network(SimpleNamespace(objective=objective, config=config))
    assert (output, conditioning) == (card.output, "none" if card.spec is None else card.spec.conditioning)
    same = card.module()
    assert {field: getattr(network, field) for field in card.fields} == {
        field: getattr(same, field) for field in card.fields
    }


def test_invalid_choices_are_refused(shipping, tmp_path):
    with pytest.raises(UsageError, match="unknown shipped network 'denoise_grey': did you mean denoise_gray"):
        shipping.make("denoise_grey", "", tmp_path, tmp_path, "")
    with pytest.raises(UsageError, match=r"no folder .*missing: create it first"):
        shipping.make("denoise_gray", "", tmp_path, tmp_path / "missing", "")
