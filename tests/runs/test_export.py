import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.config import Config
from jaxgen.errors import UsageError
from jaxgen.models.features.classifier import BinaryClassifier, Classifier
from jaxgen.models.restoration.dehazer import Dehazer
from jaxgen.models.restoration.inpainter import Inpainter
from jaxgen.models.restoration.patch_inpainter import PatchInpainter
from jaxgen.models.restoration.rnn import RNN
from jaxgen.models.restoration.srresnet import SRResNet
from jaxgen.models.restoration.unet import UNet
from jaxgen.objectives.classification import make_classification
from jaxgen.restoration import pretrained
from jaxgen.restoration.restorer import condition_channels
from jaxgen.runs import export, reopen
from jaxgen.runs.reopen import OpenOptions
from jaxgen.runs.train import train
from jaxgen.training.state import averaged

pytestmark = pytest.mark.usefixtures("no_samples", "no_evaluation")

QUIET = {"steps": 1, "batch_size": 2, "tensorboard": False, "sample_every": 0, "evaluate_images": 2}

ALONE = """
import importlib, sys
import numpy as np

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"jaxgen", "flax", "optax", "orbax"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
for source, given, code in zip(*[iter(sys.argv[1:])] * 3):
    for inputs in (f"{given}-{i}.npz" for i in range(2)):
        names = dict(np.load(inputs))
        exec(code, names)
        np.savez(inputs.replace(".npz", "-made.npz"), made=names[source])
for name in ("jaxgen", "flax"):
    assert name not in sys.modules
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    raise AssertionError(name)
"""


@pytest.fixture(scope="module")
def restorer(load_experiment, tmp_path_factory):
    """The folder of a denoiser's run of one step."""
    module, path = load_experiment("residual_unet"), tmp_path_factory.mktemp("runs") / "residual_unet"
    config = module.Config(**QUIET, run=str(path), widths=(4,), blocks=1)
    data = dataclasses.replace(config.data, name="digits", size=16, channels=1, fit="resize")
    train(dataclasses.replace(config, data=data), module.build, say=lambda line: None)
    return path


@pytest.fixture(scope="module")
def generator(load_experiment):
    """A generator of classes as it is before its first step."""
    module = load_experiment("conditional")
    config = module.Config(network="mlp", latent=3)
    objective = module.build(config, None)
    state = objective.init(jax.random.key(0), {"image": jnp.zeros((1, config.data.size, config.data.size, 1))})
    return reopen.Opened(Path(), config, objective, averaged(state, objective.player), 0)


def picture(*shape):
    return np.random.default_rng(sum(shape)).random(shape, np.float32)


def hidden(*shape):
    return (picture(*shape) > 0.7).astype(np.float32)


def test_files_run_without_jaxgen_for_any_number_and_size(generator, restorer, monkeypatch, tmp_path):
    build, load_weights = reopen.build, reopen.load_weights
    built = reopen.Built(Path(), generator.config, generator.objective, (28, 28, 1))
    stand_in = lambda run, *words: built if run.name == "generator" else build(run, *words)
    monkeypatch.setattr(reopen, "build", stand_in)
    monkeypatch.setattr(
        reopen,
        "load_weights",
        lambda chosen, *words: generator if chosen is built else load_weights(chosen, *words),
    )
    denoiser = reopen.open_run(restorer, OpenOptions(ema=False))
    variables, card = pretrained.read("noise_level")
    estimator = card.module()
    level = lambda images, level: jnp.broadcast_to(level[:, None, None, None], images.shape)
    cases = {
        "generator": (
            "generator",
            [{"latents": picture(n, 3), "labels": np.arange(n, dtype=np.int32)} for n in (2, 5)],
            lambda latents, labels: generator.objective.generative.generate(generator.variables, latents, labels),
        ),
        "restorer": (
            restorer,
            [{"images": picture(n, n + 8, 5, 1), "level": picture(n)} for n in (1, 3)],
            lambda images, noise: denoiser.objective.restoring.restore(
                denoiser.variables, images, level(images, noise)
            ),
        ),
        "shipped": (
            "noise_level",
            [{"images": picture(n, 15, 16 + n, 1)} for n in (1, 2)],
            lambda images: estimator.apply(variables, images, False),
        ),
    }
    words = []
    for name, (source, inputs, _) in cases.items():
        file = tmp_path / f"{name}.stablehlo"
        message = export.export_network(str(source), file, options=OpenOptions(ema=source != restorer))
        for i, arguments in enumerate(inputs):
            np.savez(tmp_path / f"{name}-{i}.npz", **arguments)
        code = message.partition("flatbuffers):\n")[2]
        words += [
            "level" if name == "shipped" else "images",
            str(tmp_path / name),
            re.sub("^  ", "", code, flags=re.MULTILINE),
        ]
        assert b"jaxgen/" not in file.read_bytes()
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    code = words[2]
    for label in (-1, 10):
        wrong = {"latents": picture(2, 3), "labels": np.int32([0, label])}
        with pytest.raises(ValueError, match=r"^labels: classes, 0 to 9$"):
            exec(code, wrong)
    for name, (_, inputs, own) in cases.items():
        for i, arguments in enumerate(inputs):
            made = np.load(tmp_path / f"{name}-{i}-made.npz")["made"]
            np.testing.assert_allclose(made, jax.jit(own)(*arguments.values()), atol=2e-5, err_msg=name)


@pytest.mark.parametrize(
    "module",
    [
        Dehazer((4, 4), 8),
        Inpainter((4,), 1, 1, levels=2),
        PatchInpainter(1, 4, 1, channels=1, levels=2),
        RNN(3, 1, channels=1),
        SRResNet(4, 1, 2, residual=True),
        UNet((4, 4), channels=1),
    ],
    ids=lambda module: type(module).__name__,
)
def test_a_network_of_free_size_is_that_of_each_size(module):
    conditioning = "mask" if getattr(module, "channels", None) else "none"
    variables = module.init(
        jax.random.key(0), np.zeros((1, 8, 8, 1 + condition_channels(conditioning)), np.float32), False
    )
    own = jax.jit(lambda inputs: module.apply(variables, inputs, False))
    network = export.restorer_network(
        lambda images, mask: own(images if mask is None else jnp.concatenate([images, mask], -1)), 1, conditioning
    )
    program = export.lower(network, ("cpu",))
    # Smaller than what the network pads to, where no pixel is left to be reflected, and larger than that.
    arguments = [picture(2, 2, 9, 1)] + [hidden(2, 2, 9, 1)] * condition_channels(conditioning)
    np.testing.assert_allclose(program.call(*arguments), own(np.concatenate(arguments, -1)), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "gives"), [("detect", "mask float32[b, h, w, 1]"), ("noise_level", "level float32[b]")]
)
def test_what_finds_damage_is_exported_too(name, gives, tmp_path):
    message = export.export_network(name, tmp_path / "a.stablehlo", platforms=("cpu",))
    assert f"gives  {gives}, " in message
    variables, card = pretrained.read(name)
    images = picture(1, 20, 12, card.spec.channels if card.spec else 1)
    made = export.lower(export.load_file(name), ("cpu",)).call(images)
    own = card.module().apply(variables, images, False)
    np.testing.assert_allclose(made, jax.nn.sigmoid(own) if name == "detect" else own, atol=1e-5)


@pytest.mark.parametrize("positive", [None, 2])
def test_a_classifier_gives_the_probabilities_of_its_classes(positive, draw, monkeypatch, tmp_path):
    module = Classifier(3) if positive is None else BinaryClassifier()
    hyper = {"learning_rate": 0.1, "b1": 0.9, "b2": 0.9, "ema_decay": 0.0, "clip_norm": 0.0}
    objective = make_classification(module, classes=3, positive=positive, hyper=hyper)
    variables = draw(module, (1, 18, 20, 1)) | {"stats": {}}
    built = reopen.Built(Path(), Config(), objective, (18, 20, 1))
    monkeypatch.setattr(reopen, "build", lambda run, options, say: built)
    monkeypatch.setattr(reopen, "load_weights", lambda *words: reopen.Opened(*built[:3], variables, 7))
    monkeypatch.setattr(reopen, "read_config", lambda path: {"class_names": ["cat", "dog", "fox"]})
    out = tmp_path / "a.stablehlo"
    message = export.export_network("runs/a", out, platforms=("cpu",))
    assert "takes  images float32[b, 18, 20, 1], in [0, 1]" in message
    labels = (
        "float32[b, 3], of the classes cat, dog, fox" if positive is None else "float32[b, 2], of the classes not fox"
    )
    assert f"gives  probabilities {labels}" in message
    program, images = jax.export.deserialize(bytearray(out.read_bytes())), picture(3, 18, 20, 1)
    expected = jax.jit(objective.classifying.probabilities)(variables, images)
    np.testing.assert_allclose(program.call(images), expected, atol=1e-5)
    with pytest.raises(UsageError, match="size 4×5: the images of this network have one size; leave --size out"):
        export.export_network("runs/a", out, size=(4, 5), overwrite=True)


def test_a_size_may_be_given(tmp_path):
    message = export.export_network("denoise_gray", tmp_path / "a.stablehlo", platforms=("cpu", "cpu"), size=(16, 24))
    assert "for cpu, any b\n" in message
    assert "images float32[b, 16, 24, 1], in [0, 1]\n       level float32[b], standard" in message


def test_a_network_that_asks_for_a_number_is_reported(monkeypatch, tmp_path):
    squares = lambda images: images[:, : int(images.shape[1])]
    network = export.Network(squares, (export.image_operand(1),), "images", "squares")
    monkeypatch.setattr(export, "load_file", lambda source: network)
    out = tmp_path / "a.stablehlo"
    with pytest.raises(
        UsageError, match=r"for any number of images, height and width: give --size HEIGHT WIDTH \(.+\)$"
    ):
        export.export_network("inpaint_all", out)
    assert not out.exists()
    export.export_network("inpaint_all", out, platforms=("cpu",), size=(4, 5))
    counts = network._replace(function=lambda images: images[: int(images.shape[0])])
    monkeypatch.setattr(export, "load_file", lambda source: counts)
    with pytest.raises(UsageError, match=r"for any number of images: its code asks for that number \(.+\)$"):
        export.export_network("inpaint_all", out, size=(4, 5), overwrite=True)


@pytest.mark.parametrize("name", ["deep_image_prior", "noise_level", "video"])
def test_a_run_that_makes_no_images_of_arrays_is_reported(load_experiment, monkeypatch, tmp_path, name):
    module = load_experiment(name)
    built = reopen.Built(Path(), module.Config(), module.build(module.Config(), None), (28, 28, 1))
    monkeypatch.setattr(reopen, "build", lambda run, options, say: built)
    with pytest.raises(UsageError, match=r"^runs/a: this run generates, restores and classifies no images"):
        export.export_network("runs/a", tmp_path / "a.stablehlo")


def test_what_cannot_be_exported_is_reported(tmp_path):
    out = tmp_path / "a.stablehlo"
    with pytest.raises(UsageError, match=r"a\.onnx: give a file that ends in \.stablehlo"):
        export.export_network("inpaint_all", tmp_path / "a.onnx")
    with pytest.raises(UsageError, match=r"unknown platform 'gpu': .*allowed: cpu, cuda, rocm, tpu"):
        export.export_network("inpaint_all", out, platforms=("gpu",))
    for choice in ({"checkpoint": "best"}, {"ema": False}, {"trust": True}):
        with pytest.raises(UsageError, match="one network and no run: leave --checkpoint, --no-ema, --trust"):
            export.export_network("inpaint_all", out, options=OpenOptions(**choice))
    out.touch()
    with pytest.raises(UsageError, match="is there already: name another file with --out, or replace it with --over"):
        export.export_network("inpaint_all", out)


def test_the_package_that_writes_is_named_where_it_is_missing(monkeypatch, tmp_path):
    def serialize(program):
        raise ImportError("Please install 'flatbuffers'")

    monkeypatch.setattr(jax.export.Exported, "serialize", serialize)
    with pytest.raises(UsageError, match="by another package, pip install flatbuffers"):
        export.export_network("noise_level", tmp_path / "a.stablehlo", platforms=("cpu",))


def test_a_program_holds_no_paths_and_leaves_the_setting_as_it_was():
    usual = jax.config.jax_traceback_in_locations_limit
    program = export.lower(export.load_file("noise_level"), ("cpu",))
    assert "noise_level.py" not in program.mlir_module()
    assert jax.config.jax_traceback_in_locations_limit == usual
