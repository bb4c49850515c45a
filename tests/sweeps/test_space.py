import dataclasses

import pytest

from jaxgen.errors import UsageError
from jaxgen.sweeps.space import make_space, parse_field


@pytest.fixture(scope="module")
def gan(load_experiment):
    return load_experiment("gan_mlp")


@pytest.fixture(scope="module")
def vae(load_experiment):
    return load_experiment("conv_vae")


def space(module, *texts, arguments=()):
    return make_space(texts, module.Config, arguments, module.build)


def test_every_kind_of_field(gan):
    fields = [
        parse_field(text, gan.Config)
        for text in (
            "hyper.learning-rate=log:1e-5:1e-3",
            "hyper.b1=uniform:0:0.9",
            "batch-size=int:8:33:8",
            "hyper.b2=choice:0.9,0.99",
        )
    ]
    assert [(f.option, f.low, f.high, f.step, f.choices) for f in fields] == [
        ("hyper.learning_rate", 1e-5, 1e-3, 1, ()),
        ("hyper.b1", 0, 0.9, 1, ()),
        ("batch_size", 8, 32, 8, ()),
        ("hyper.b2", None, None, 1, (0.9, 0.99)),
    ]
    assert [f.values() for f in fields] == [(), (), (8, 16, 24, 32), (0.9, 0.99)]


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "hyper.learning-rte=log:1e-5:1e-3",
            r"unknown search field 'hyper.learning-rte': did you mean hyper.learning-rate",
        ),
        ("seed=int:1:3", "seed cannot be searched"),
        ("run=choice:a,b", "run cannot be searched"),
        ("hyper.b1", "--search 'hyper.b1': write hyper.b1= and then log:LOW:HIGH"),
        ("hyper.b1=between:0:1", "and then log:LOW:HIGH"),
        ("hyper.b1=uniform:0", "write uniform:LOW:HIGH, each of them a number"),
        ("hyper.b1=uniform:0:high", "each of them a number"),
        ("hyper.b1=uniform:0:nan", "each of them a number"),
        ("hyper.b1=uniform:0:0.5:2", "write uniform:LOW:HIGH"),
        ("hyper.b1=uniform:0.9:0.1", "is inverted: write the smaller end first"),
        ("hyper.b1=uniform:0.5:0.5", "is empty: write two different ends"),
        ("hyper.b1=log:0:0.5", "starts at 0: a logarithmic range needs ends above 0"),
        ("batch-size=int:8:16:0", "has a step of 0: give one from 1 to 8"),
        ("batch-size=int:8:16:9", "has a step of 9"),
        ("hyper.b1=choice:", "has no values"),
        ("hyper.b1=choice:0.1,0.1", "has a value twice"),
        ("hyper.b1=choice:0.001,1e-3", "has a value twice"),
    ],
)
def test_an_invalid_field_is_refused(gan, text, message):
    with pytest.raises(UsageError, match=message):
        parse_field(text, gan.Config)


@pytest.mark.parametrize(
    "texts, arguments, message",
    [
        ((), (), "no option is searched: give --search"),
        (("hyper.b1=choice:0,0.1", "hyper.b1=choice:0.2"), (), "--search has hyper.b1 twice"),
        (("batch-size=uniform:1:8",), (), "batch_size is an integer"),
        (("loss=uniform:1:8",), (), "loss is not a number: search it by choice"),
        (("loss=choice:minimax,maximin",), (), "maximin"),
        (("tensorboard=choice:true,false",), (), "tensorboard cannot be searched"),
        (("conditional=choice:yes,no",), (), "conditional is true or false: search it by choice:true,false"),
        # The experiment refuses an end of the range.
        (("hyper.b1=uniform:0.5:1",), (), "hyper.b1 is 1: give at least 0 and less than 1"),
        (("hyper.weight-decay=log:1e-4:1e-2",), (), "has no effect: set optimizer to adamw"),
        (("hyper.b1=uniform:0:0.5",), ("--stepz", "3"), "unknown option 'stepz'"),
    ],
)
def test_an_invalid_space_is_refused(gan, texts, arguments, message):
    with pytest.raises(UsageError, match=message):
        space(gan, *texts, arguments=arguments)


def test_values_and_their_arguments_give_the_same_configuration(vae):
    from jaxgen.runs.command_line import parse

    texts = (
        "hyper.learning-rate=log:1e-5:1e-3",
        "features=choice:4 8,8 16",
        "binarise=choice:true,false",
        "latent=int:2:9",
    )
    searched = space(vae, *texts, arguments=["--steps", "7"])
    values = {"hyper.learning_rate": 1.23456789e-4, "features": "8 16", "binarise": "false", "latent": 5}
    config = searched.configure(values, seed=3)
    assert config == parse(vae.Config, ["--steps", "7", "--seed", "3", *searched.arguments(values)], "", "")
    assert (config.features, config.binarise, config.latent, config.steps) == ((8, 16), False, 5, 7)
    assert searched.configure(values | {"binarise": "true"}).binarise
    assert not searched.is_in_state()


def test_a_grid_is_every_combination(gan):
    searched = space(gan, "hyper.b1=choice:0,0.5", "batch-size=int:8:24:8")
    assert [tuple(point.values()) for point in searched.points()] == [
        (b1, size) for b1 in (0, 0.5) for size in (8, 16, 24)
    ]
    assert searched.configure(searched.points()[-1]) == dataclasses.replace(
        gan.Config(), batch_size=24, hyper=dataclasses.replace(gan.Config().hyper, b1=0.5)
    )
    with pytest.raises(UsageError, match=r"a grid needs a list of values, and hyper.b1 is uniform:0:0.5"):
        space(gan, "hyper.b1=uniform:0:0.5").points()
