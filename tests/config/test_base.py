import math

import pytest

from jaxgen.config import Config, GanConfig, GanHyper, Hyper
from jaxgen.config.base import check
from jaxgen.errors import UsageError
from jaxgen.runs import command_line

UNSEEN = {
    "dcgan --hyper.learning-rate-final 1e-5": "hyper.learning_rate_final is 1e-05 .*: set schedule to linear or cosine",
    "vae --hyper.schedule-steps 50": "hyper.schedule_steps is 50 and has no effect: set schedule to linear",
    "denoise --hyper.weight-decay 3": "hyper.weight_decay is 3 and has no effect: set optimizer to adamw",
    "wgan --hyper.b1 0.5": "hyper.b1 is 0.5 and has no effect: set optimizer to adam, adamw",
    "vae --optimizer sgd --hyper.b2 0.5": "hyper.b2 is 0.5 and has no effect: set optimizer to adam, adamw",
    "vae --hyper.likelihood-scale 0.3": "hyper.likelihood_scale is 0.3 .*: set likelihood to gaussian",
    "r3gan --schedule constant --hyper.b2-final 0.5": "hyper.b2_final is 0.5 .*: set schedule to linear or cosine",
    "classifier --positive 7": "positive is 7 and has no effect: set variant to binary, or leave it out",
}
SEEN = (
    "dcgan --schedule linear --hyper.schedule-steps 50 --hyper.learning-rate-final 1e-5",
    "denoise --optimizer adamw --hyper.weight-decay 3",
    "wgan --optimizer adam --hyper.b1 0.5",
    "r3gan --hyper.b2-final 0.5",
    "r3gan --schedule constant",
    "classifier --variant binary --positive 7",
    "vae --likelihood gaussian --hyper.likelihood-scale 0.3",
)


@pytest.fixture
def parsed(load_experiment):
    """Returns a function from a script and its words to the configuration."""

    def parse(words):
        name, *options = words.split()
        return command_line.parse(load_experiment(name).Config, options, "", name)

    return parse


@pytest.mark.parametrize("words", UNSEEN)
def test_an_option_that_nothing_looks_at_is_refused_with_what_would(parsed, words):
    with pytest.raises(UsageError, match=UNSEEN[words]):
        check(parsed(words))


@pytest.mark.parametrize("words", SEEN)
def test_an_option_that_something_looks_at_is_taken(parsed, words):
    check(parsed(words))


def test_every_experiment_accepts_its_own_configuration(experiments, load_experiment):
    for path in experiments.glob("[!_]*.py"):
        check(load_experiment(path.stem).Config())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("learning_rate", -1e-3, "is -0.001: give a finite number of at least 0"),
        ("learning_rate", math.nan, "is nan: give a finite number of at least 0"),
        ("clip_norm", math.inf, "is inf: give a finite number"),
        ("r1_weight", -1.0, "is -1: give a finite number of at least 0"),
        ("ema_decay", 1.0, "is 1: give at least 0 and less than 1"),
        ("ema_decay", -0.1, "is -0.1: give at least 0 and less than 1"),
        ("b1", 1.0, "is 1: give at least 0 and less than 1"),
        ("b2", 1.5, "is 1.5: give at least 0 and less than 1"),
        ("label_smoothing", 1.0, "is 1: give at least 0 and less than 1"),
    ],
)
def test_numbers_that_cannot_be_are_refused(name, value, message):
    with pytest.raises(UsageError, match=f"hyper.{name} {message}"):
        check(GanConfig(penalties=("r1",), remedies=("label_smoothing",), hyper=GanHyper(**{name: value})))


def test_the_end_of_a_schedule_has_the_range_of_its_start(parsed):
    with pytest.raises(UsageError, match=r"hyper.b2_final is 1: give at least 0 and less than 1"):
        check(parsed("r3gan --hyper.b2-final 1"))


def test_the_ends_of_the_ranges_are_taken():
    check(Config(hyper=Hyper(learning_rate=0.0, b1=0.0, b2=0.0, ema_decay=0.0, clip_norm=0.0)))
