import dataclasses
import re

import jax
import pytest

from jaxgen.config import GanConfig, GanHyper, discriminator_options, gan_options
from jaxgen.config.base import check
from jaxgen.errors import UsageError
from jaxgen.runs import command_line
from jaxgen.runs.train import train

TINY = "--steps 2 --batch-size 4 --data.size 16 --checkpoint-every 2 --evaluate-images 8 --log-every 1 --no-tensorboard"


@pytest.mark.parametrize(
    ("name", "value", "needs", "fields"),
    [
        ("penalty_weight", 5.0, "add gradient_penalty to penalties", {"penalties": ("gradient_penalty",)}),
        ("penalty_target", 0.0, "add gradient_penalty to penalties", {"penalties": ("gradient_penalty", "r1")}),
        ("r1_weight", 5.0, "add r1 to penalties", {"penalties": ("r1",)}),
        ("r2_weight", 5.0, "add r2 to penalties", {"penalties": ("r1", "r2")}),
        ("clip_limit", 0.1, "set clip_weights", {"clip_weights": True}),
        ("label_smoothing", 0.2, "add label_smoothing to remedies", {"remedies": ("label_smoothing",)}),
        ("historical_weight", 0.2, "add historical_averaging to remedies", {"remedies": ("historical_averaging",)}),
    ],
)
def test_a_number_that_nothing_looks_at_is_refused(name, value, needs, fields):
    hyper = GanHyper(**{name: value})
    with pytest.raises(UsageError, match=f"hyper.{name} is {value:g} and has no effect: {needs}, or leave it"):
        check(GanConfig(hyper=hyper))
    check(GanConfig(hyper=hyper, **fields))


def test_the_end_of_a_schedule_that_nothing_looks_at_is_refused(load_experiment):
    module = load_experiment("r3gan")
    hyper = dataclasses.replace(module.Config().hyper, r2_weight_final=7.0)
    with pytest.raises(UsageError, match=r"hyper.r2_weight_final is 7 and has no effect: add r2 to penalties"):
        check(module.Config(penalties=("r1",), hyper=hyper))


def test_r3gan_is_averaged_by_its_half_life_alone(load_experiment):
    module = load_experiment("r3gan")
    hyper = dataclasses.replace(module.Config().hyper, ema_decay=0.9)
    with pytest.raises(UsageError, match=r"hyper.ema_decay is 0.9 and has no effect: set hyper.ema-half-life"):
        check(module.Config(hyper=hyper))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"packing": 3}, "packing 3 does not divide the 64 images of a microbatch: set batch_size to a multiple"),
        ({"packing": 4, "batch_size": 12, "microbatches": 2}, "packing 4 does not divide the 6 images"),
        ({"conditional": True}, "conditional needs the number of classes: set data.classes"),
    ],
)
def test_numbers_that_do_not_fit_together_are_refused(fields, message):
    with pytest.raises(UsageError, match=message):
        gan_options(GanConfig(**fields), None)


def test_both_players_are_conditioned_on_the_same_classes():
    config = GanConfig()
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, classes=10))
    for conditional, classes in ((True, 10), (False, 0)):
        asked = dataclasses.replace(config, conditional=conditional)
        assert gan_options(asked, None)["classes"] == discriminator_options(asked, None)["classes"] == classes


def parsed(module, words):
    return command_line.parse(module.Config, words.split(), "", "script.py")


REFUSED = {
    "pacgan --penalties r1": "penalties r1 are per example, and batch norm in the discriminator couples",
    "dcgan --norm none --penalties r1 --minibatch-kernels 4": "and minibatch discrimination in the discriminator",
    "wgan --norm spectral": "clip_weights bounds kernels that spectral norm then divides",
    "gan_mlp --minibatch-kernels 4": "minibatch discrimination compares images of one kind",
    "sngan --remedies label_smoothing": "label smoothing moves the target of real images, and this loss has none",
    "dcgan --penalty-every 4": "penalty_every is 4 and there is no penalty",
    "conditional --network mlp --width 8": "width 8: dense layers have their own widths",
    "conditional --network r3gan --norm spectral": "norm spectral: network r3gan has no normalisation",
    "conditional --network mlp --norm batch --minibatch-kernels 4": "minibatch discrimination compares images of one",
    "conv_gan --augment color color": "augmentation color is given twice",
    "conv_gan --remedies feature_matching --microbatches 2": "feature_matching compares the means of a batch",
    "conv_gan --minibatch-kernels 4 --microbatches 2": "minibatch discrimination compares the images of a batch",
}


@pytest.mark.parametrize("words", REFUSED)
def test_combinations_without_sense_are_refused_with_the_reason(load_experiment, words):
    name, _, words = words.partition(" ")
    module = load_experiment(name)
    with pytest.raises(UsageError, match=REFUSED[f"{name} {words}"]):
        objective = module.build(config := parsed(module, words))
        size, channels = config.data.size, config.data.channels
        batch = {"image": jax.ShapeDtypeStruct((config.batch_size, size, size, channels), "float32")}
        jax.eval_shape(objective.init, jax.random.key(0), batch)


ACCEPTED = {
    "sngan --norm none --penalties r1": {"params"},
    "sngan --norm batch": {"params", "batch_stats"},
    "sngan": {"params", "spectral"},
    "conditional": {"params", "spectral"},
    "conditional --norm batch": {"params", "batch_stats"},
    "conditional --network dcgan --norm none --penalties r1 r2": {"params"},
    "conditional --network mlp": {"params"},
    "conditional --network mlp --norm spectral --penalties gradient_penalty": {"params", "spectral"},
    "gan_mlp": {"params", "batch_stats"},
    "gan_mlp --variant plain": {"params"},
    "gan_mlp --norm spectral --penalties r1": {"params", "spectral"},
    "stacked_mnist --network r3gan": {"params"},
}


@pytest.mark.parametrize("words", ACCEPTED)
def test_every_norm_goes_with_every_network_that_has_it(load_experiment, words):
    name, _, options = words.partition(" ")
    module = load_experiment(name)
    objective = module.build(config := parsed(module, options))
    size, channels = config.data.size, config.data.channels
    batch = {"image": jax.ShapeDtypeStruct((config.batch_size, size, size, channels), "float32")}
    state = jax.eval_shape(objective.init, jax.random.key(0), batch)
    assert {"params", *state.stats["discriminator"]} == ACCEPTED[words]


ADVISED = (
    "dcgan",
    "lsgan",
    "wgan",
    "wgan_gp --batch-size 48",
    "pacgan",
    "r3gan",
    "sngan --augment color",
    "conditional --penalties r1",
    "conv_gan --minibatch-kernels 4",
    "gan_mlp",
    "stacked_mnist",
)


@pytest.mark.parametrize("words", ADVISED)
def test_what_a_run_is_advised_its_command_line_accepts(load_experiment, words):
    name, *arguments = words.split()
    module = load_experiment(name)
    for alarm in module.build(parsed(module, " ".join(arguments))).alarms:
        named = re.findall(r"hyper\.[a-z0-9_]+|[a-z]+_[a-z_]+", alarm.advice)
        assert named and set(named) <= set(command_line.option_names(module.Config))
        for name, value in re.findall(r"(packing|augment) to (\d+|[a-z ]+cutout)", alarm.advice):
            objective = module.build(config := parsed(module, " ".join([*arguments, f"--{name} {value}"])))
            check(config)
            size, channels = config.data.size, config.data.channels
            batch = {"image": jax.ShapeDtypeStruct((4, size, size, channels), "float32")}
            jax.eval_shape(objective.init, jax.random.key(0), batch)


TWO_STEPS = {
    "r3gan": "--width 4 --penalties r1",
    "conditional": "--network mlp --critic-steps 1 --minibatch-kernels 3 --packing 2",
}


@pytest.mark.parametrize("name", TWO_STEPS)
def test_two_steps_from_the_command_line(load_experiment, name, tmp_path):
    module, output = load_experiment(name), []
    train(parsed(module, f"{TINY} {TWO_STEPS[name]} --run {tmp_path / name}"), module.build, say=output.append)
    lines = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
    assert any('"step": 2' in line and "variance_ratio" in line for line in lines)
    assert "nan" not in "".join(lines).lower()
    assert list((tmp_path / name / "samples").glob("*.png"))


def test_a_label_outside_the_classes_is_named(load_experiment, tmp_path):
    module = load_experiment("conditional")
    with pytest.raises(UsageError, match="outside the 3 classes from 0 to 2"):
        train(parsed(module, f"{TINY} --data.classes 3 --run {tmp_path / 'run'}"), module.build)
