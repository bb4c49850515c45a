import dataclasses

import numpy as np
import pytest

from jaxgen.config.damage import OVERLAYS
from jaxgen.data import Config as Data
from jaxgen.errors import UsageError
from jaxgen.models.restoration.residual_unet import ResidualUNet
from jaxgen.restoration import pretrained
from jaxgen.restoration.restorer import measure_spec, restore
from jaxgen.runs.open_restorer import conditioning, open_restorer
from jaxgen.runs.reopen import open_run
from jaxgen.runs.train import train

pytestmark = pytest.mark.usefixtures("no_samples")

QUIET = {"steps": 1, "batch_size": 2, "tensorboard": False, "sample_every": 0, "evaluate_images": 2}
IMAGE = np.random.default_rng(0).random((30, 40, 1), np.float32)


@pytest.fixture(scope="module")
def make(load_experiment, tmp_path_factory):
    def make(name, **fields):
        module, path = load_experiment(name), tmp_path_factory.mktemp("runs") / name
        config = module.Config(**QUIET, run=str(path), **fields)
        data = dataclasses.replace(config.data, name="digits", size=8, channels=1, fit="resize")
        train(dataclasses.replace(config, data=data), module.build, say=lambda line: None)
        return path

    return make


def test_a_run_and_a_file_of_its_weights_restore_alike(make, tmp_path):
    run = make("residual_unet", widths=(4,), blocks=1)
    module, opened = ResidualUNet((4,), 1, channels=1), open_run(run)
    variables = {"params": opened.variables["params"], **opened.variables["stats"]}
    card = {"damage": "noise", "command": "c", "training": "t", "data": "d", "data_license": "l", "scores": {}}
    path = tmp_path / "own.safetensors"
    spec = measure_spec(module, variables, 1, "noise_level")
    pretrained.write(path, variables, pretrained.make_card(module, "image", spec, **card))
    by_run, by_file = (restore(open_restorer(str(source)), IMAGE, 0.1) for source in (run, path))
    np.testing.assert_array_equal(by_run, by_file)
    expected = module.apply(variables, np.concatenate([IMAGE, np.full_like(IMAGE, 0.1)], -1)[None], False)[0]
    np.testing.assert_allclose(by_run[10:20, 10:30], expected[10:20, 10:30], atol=1e-5)


def test_what_is_no_restorer_is_refused(make, tmp_path):
    with pytest.raises(UsageError, match=r"it has no config\.json"):
        open_restorer(str(tmp_path))
    with pytest.raises(UsageError, match="this run restores nothing"):
        open_restorer(str(make("noise_level", depth=2, width=4)))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("noise", "noise_level"),
        ("photo_noise", "noise_level"),
        ("jpeg", "none"),
        *((damage, "mask") for damage in OVERLAYS),
    ],
)
def test_conditioning_follows_from_the_damage(load_experiment, damage, expected):
    module = load_experiment("residual_unet")
    assert conditioning(module.Config(damage=damage, data=Data(channels=1))) == expected
    assert conditioning(module.Config(damage=damage, conditioning=False)) == "none"
    assert conditioning(load_experiment("noise_level").Config()) == "none"


def test_a_restorer_may_enlarge_images(make):
    restorer = open_restorer(str(make("srresnet", width=2, blocks=1, scale=2)))
    assert restorer.spec.scale == 2
    assert restore(restorer, IMAGE).shape == (60, 80, 1)
