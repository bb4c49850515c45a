import dataclasses
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import data
from jaxgen.config.base import check
from jaxgen.config.damage import NOISES
from jaxgen.errors import UsageError
from jaxgen.runs import command_line
from jaxgen.runs.disk.config_file import from_dict, to_dict
from jaxgen.runs.experiment_copy import find_script
from jaxgen.runs.scripts import PACKAGE, installed_experiments, load_script, read_recipe

FAMILY_NAMES = importlib.import_module(PACKAGE).FAMILIES
REQUIRED = {"steps", "batch_size", "seed", "run", "checkpoint_every", "data.name", "data.dir", "data.seed"}


def describe_batch(count, shape):
    return {
        "image": jax.ShapeDtypeStruct((count, *shape), jnp.float32),
        "label": jax.ShapeDtypeStruct((count,), jnp.int32),
    }


def image_shape(config):
    """The shape of a data set's images; MNIST may not be there, and Stacked-MNIST's is in the configuration."""
    if config.name == "stacked_mnist":
        return config.size, config.size, config.channels
    return data.load(config).image_shape


# One experiment of each objective: tests/models/test_dtypes.py holds for every network.
FAMILIES = (
    *("classifier", "conv_vae", "damage_detector", "dcgan", "deep_image_prior", "denoise", "neighbor2neighbor"),
    *("noise_level", "pix2pix", "srgan", "video"),
)


@pytest.fixture(params=installed_experiments())
def module(request, load_experiment):
    return load_experiment(request.param)


def test_every_experiment_has_the_fields_that_all_have(module):
    names = set(command_line.option_names(module.Config))
    assert names >= REQUIRED
    assert any(name.startswith("hyper.") for name in names)


def test_every_field_is_documented(module, capsys):
    with pytest.raises(SystemExit):
        command_line.parse(module.Config, ["--help"], "", "script.py")
    words = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for name in command_line.option_names(module.Config):
        flag = "--" + name.replace("_", "-")
        described = re.search(rf"{re.escape(flag)},? (.*?)\(default", words)
        assert described and len(described[1].split()) >= 3, flag


def test_its_docstring_is_a_recipe(module):
    recipe = read_recipe(Path(module.__file__))
    assert all(recipe[field] for field in ("Source", "Command", "Score", "Time"))
    assert recipe["Family"] in FAMILY_NAMES
    assert recipe["Summary"].endswith(".") and len(recipe["Summary"]) <= 60, "a line of `jaxgen train --help`"
    assert f"python experiments/{Path(module.__file__).name}" in module.__doc__


def test_a_recipe_is_read_without_executing_the_script(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        '"""Does it.\n\nNote that: this is text.\n\nSource: A and B 2001;\nC 2002\n'
        'Command: python mine.py --steps 3 \\\\\n    --seed 1\nScore: 1: 2\n"""\nraise SystemExit\n'
    )
    assert read_recipe(path) == {
        "Summary": "Does it.",
        "Source": "A and B 2001; C 2002",
        "Command": "python mine.py --steps 3 --seed 1",
        "Score": "1: 2",
        "Time": "not measured",
    }
    path.write_text('"""Does it."""\nraise SystemExit\n')
    assert read_recipe(path)["Command"] == "python experiments/mine.py"


def quick_config(module, **fields):
    """The default configuration, except for all damages at once, which take long to trace."""
    config = module.Config(**fields)
    drawn = getattr(config, "damage", "") in {"ruined", "torn", "worn"}
    return dataclasses.replace(config, damage="holes") if drawn else config


def trace_step(config, objective):
    """Returns the types of the state, and the program of the step, whose state keeps its structure and types."""
    batch = describe_batch(objective.chunks * config.batch_size, image_shape(config.data))
    state = jax.eval_shape(objective.init, jax.random.key(0), batch)
    assert set(state.hyper) == {field.name for field in dataclasses.fields(config.hyper)}
    program, (after, metrics) = jax.make_jaxpr(objective.step, return_shape=True)(state, batch)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), after) == jax.tree.map(lambda x: (x.shape, x.dtype), state)
    assert all(value.shape == () for value in metrics.values())
    assert any(name.endswith("gradient_norm") for name in metrics)
    return state, program, metrics


@pytest.mark.parametrize("name", sorted(installed_experiments().keys() - set(FAMILIES)))
def test_it_builds_for_its_own_data_and_every_number_is_in_the_state(load_experiment, name):
    module = load_experiment(name)
    config = quick_config(module)
    trace_step(config, module.build(config))


@pytest.mark.parametrize("name", FAMILIES)
def test_bfloat16_computes_in_it_and_keeps_float32_and_the_selecting_metric_is_evaluated(load_experiment, name):
    module = load_experiment(name)
    config = quick_config(module, dtype="bfloat16")
    objective = module.build(config)
    state, program, metrics = trace_step(config, objective)
    kinds = {leaf.dtype for leaf in jax.tree.leaves((state.params, state.stats, state.opt_state, metrics))}
    assert kinds <= {np.dtype("float32"), np.dtype("int32")}
    assert "bf16" in str(program)
    batch = describe_batch(8, image_shape(config.data))
    assert objective.selection.metric in jax.eval_shape(objective.evaluate, state, batch)


@pytest.mark.parametrize("name", ["damage_probability", "opaque_probability", "scan_probability"])
def test_the_probabilities_of_the_detector_are_checked(load_experiment, name):
    module = load_experiment("damage_detector")
    with pytest.raises(UsageError, match=rf"hyper\.{name} is 1.5: give .* at most 1"):
        check(module.Config(hyper=module.Hyper(**{name: 1.5})))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"data": data.Config(name="photos")}, r"data photos: .* one image; set data\.name to picture"),
        ({"damage": "downsample"}, "does not upsample; choose another damage"),
    ],
)
def test_data_that_are_not_one_image_are_refused(load_experiment, fields, message):
    module = load_experiment("deep_image_prior")
    with pytest.raises(UsageError, match=message):
        module.build(module.Config(**fields))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("damage", NOISES)
def test_the_level_of_every_noise_is_that_of_the_luma(load_experiment, damage, channels, monkeypatch):
    """Of clean images of one gray, whose luma's deviation is the noise's; photo_noise has tests of its own."""
    module, seen = load_experiment("noise_level"), []
    monkeypatch.setattr(module, "make_noise_level", lambda network, *, degrade, **options: seen.append(degrade))
    module.build(module.Config(damage=damage, data=data.Config(channels=channels)))
    images, keys = np.full((3, 48, 48, channels), 0.5, np.float32), jax.random.split(jax.random.key(0), 3)
    hyper = {"sigma": np.float32(30), "sigma_spread": np.float32(0.5)}
    noisy, level = jax.device_get(jax.jit(seen[0])(keys, images, hyper))
    assert noisy.shape[-1] == 1 and level.shape == (3,)
    if damage != "photo_noise":
        np.testing.assert_allclose((noisy - 0.5).std((1, 2, 3)), level, rtol=0.1)


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_the_fraction_of_held_out_pixels_is_between_0_and_1(load_experiment, fraction):
    module = load_experiment("deep_image_prior")
    with pytest.raises(UsageError, match=rf"hyper\.held_out is {fraction:g}: give more than 0 and less than 1"):
        check(module.Config(hyper=module.Hyper(held_out=fraction)))


@pytest.mark.parametrize("damage", ["noise", "none"])
def test_an_image_damaged_on_disk_is_not_compared_with_itself(load_experiment, damage):
    module = load_experiment("deep_image_prior")
    objective = module.build(module.Config(damage=damage, width=2, levels=1))
    batch = {"image": jax.ShapeDtypeStruct((1, 16, 16, 3), jnp.float32)}
    state = jax.eval_shape(objective.init, jax.random.key(0), batch)
    result = jax.eval_shape(objective.evaluate, state, batch)
    assert ("evaluation/psnr" in result) == (damage == "noise")


def test_a_configuration_survives_json(module):
    config = dataclasses.replace(module.Config(), steps=7, data=data.Config(name="photos", size=40, channels=3))
    assert from_dict(module.Config, json.loads(json.dumps(to_dict(config)))) == config


def test_unknown_fields_name_the_nearest(module):
    with pytest.raises(UsageError, match=r"'hyper.learning_rat'.*did you mean hyper.learning_rate"):
        from_dict(module.Config, {"hyper": {"learning_rat": 1.0}})


def test_a_script_is_identified_by_name_path_and_hash(load_experiment, experiments):
    script = find_script(load_experiment("vae").build)
    assert (script.name, script.path) == ("vae", (experiments / "vae.py").resolve())
    assert len(script.sha256) == 64


def test_a_script_without_build_is_named(tmp_path):
    path = tmp_path / "half.py"
    path.write_text("class Config: pass\n")
    with pytest.raises(UsageError, match="is no experiment: it has no build"):
        load_script(str(path))


def test_importing_jaxgen_is_light_and_touches_no_device():
    code = """
import sys, jax
from jax._src import xla_bridge
import jaxgen, jaxgen.losses.penalties, jaxgen.models.gan.dcgan, jaxgen.training.execute
import jaxgen.objectives.adversarial.gan
assert not xla_bridge.backends_are_initialized()
heavy = "orbax tyro tensorflow tensorflow_datasets grain PIL matplotlib tensorboardX skimage sklearn torch"
print(sorted(set(heavy.split()) & set(sys.modules)))
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
