import dataclasses

import pytest

from jaxgen.errors import UsageError
from jaxgen.sweeps.space import make_space, read_field


@pytest.fixture(scope="module")
def gan(load_experiment):
    return load_experiment("gan_mlp")


@pytest.fixture(scope="module")
def vae(load_experiment):
    return load_experiment("conv_vae")


def space(module, *texts, words=()):
    return make_space(texts, module.Config, words, module.build)


def test_every_kind_of_field(gan):
    found = [
        read_field(text, gan.Config)
        for text in (
            "hyper.learning-rate=log:1e-5:1e-3",
            "hyper.b1=uniform:0:0.9",
            "batch-size=int:8:33:8",
            "hyper.b2=choice:0.9,0.99",
        )
    ]
    assert [(f.option, f.low, f.high, f.step, f.choices) for f in found] == [
        ("hyper.learning_rate", 1e-5, 1e-3, 1, ()),
        ("hyper.b1", 0, 0.9, 1, ()),
        ("batch_size", 8, 32, 8, ()),
        ("hyper.b2", None, None, 1, (0.9, 0.99)),
    ]
    assert [f.values() for f in found] == [None, None, (8, 16, 24, 32), (0.9, 0.99)]


@pytest.mark.parametrize(
    "text, told",
    [
        (
            "hyper.learning-rte=log:1e-5:1e-3",
            r"unknown search field 'hyper.learning-rte': did you mean hyper.learning-rate",
        ),
        ("seed=int:1:3", "seed is not searched"),
        ("run=choice:a,b", "run is not searched"),
        ("hyper.b1", "search 'hyper.b1': write hyper.b1= and then log:LOW:HIGH"),
        ("hyper.b1=between:0:1", "and then log:LOW:HIGH"),
        ("hyper.b1=uniform:0", "write uniform:LOW:HIGH, each of them a number"),
        ("hyper.b1=uniform:0:high", "each of them a number"),
        ("hyper.b1=uniform:0:nan", "each of them a number"),
        ("hyper.b1=uniform:0:0.5:2", "write uniform:LOW:HIGH"),
        ("hyper.b1=uniform:0.9:0.1", "is inverted: write the smaller end first"),
        ("hyper.b1=uniform:0.5:0.5", "is empty: write two different ends"),
        ("hyper.b1=log:0:0.5", "begins at 0: a logarithm needs ends above 0"),
        ("batch-size=int:8:16:0", "goes in steps of 0: give one from 1 to 8"),
        ("batch-size=int:8:16:9", "goes in steps of 9"),
        ("hyper.b1=choice:", "has nothing to choose from"),
        ("hyper.b1=choice:0.1,0.1", "names a value twice"),
        ("hyper.b1=choice:0.001,1e-3", "names a value twice"),
    ],
)
def test_a_search_that_makes_no_sense_is_told(gan, text, told):
    with pytest.raises(UsageError, match=told):
        read_field(text, gan.Config)


@pytest.mark.parametrize(
    "texts, words, told",
    [
        ((), (), "nothing is searched: give --search"),
        (("hyper.b1=choice:0,0.1", "hyper.b1=choice:0.2"), (), "hyper.b1 is searched twice"),
        (("batch-size=uniform:1:8",), (), "batch_size takes whole numbers"),
        (("loss=uniform:1:8",), (), "loss is no number: search it by choice"),
        (("loss=choice:minimax,maximin",), (), "maximin"),
        (("tensorboard=choice:true,false",), (), "tensorboard is not searched"),
        (("conditional=choice:yes,no",), (), "conditional is on or off: search it by choice:true,false"),
        # Refused by the experiment, of the ends that the sampler would come to.
        (("hyper.b1=uniform:0.5:1",), (), "hyper.b1 is 1: give at least 0 and less than 1"),
        (("hyper.weight-decay=log:1e-4:1e-2",), (), "nothing looks at it: set optimizer to adamw"),
        (("hyper.b1=uniform:0:0.5",), ("--stepz", "3"), "unknown option 'stepz'"),
    ],
)
def test_a_space_that_makes_no_sense_is_told(gan, texts, words, told):
    with pytest.raises(UsageError, match=told):
        space(gan, *texts, words=words)


def test_a_setting_is_the_configuration_that_its_command_line_asks_for(vae):
    from jaxgen.runs.command_line import parse

    texts = (
        "hyper.learning-rate=log:1e-5:1e-3",
        "features=choice:4 8,8 16",
        "binarise=choice:true,false",
        "latent=int:2:9",
    )
    found = space(vae, *texts, words=["--steps", "7"])
    values = {"hyper.learning_rate": 1.23456789e-4, "features": "8 16", "binarise": "false", "latent": 5}
    asked = found.configure(values, seed=3)
    assert asked == parse(vae.Config, ["--steps", "7", "--seed", "3", *found.flags(values)], "", "")
    assert (asked.features, asked.binarise, asked.latent, asked.steps) == ((8, 16), False, 5, 7)
    assert found.configure(values | {"binarise": "true"}).binarise
    assert not found.is_numeric()


def test_a_grid_is_every_combination(gan):
    found = space(gan, "hyper.b1=choice:0,0.5", "batch-size=int:8:24:8")
    assert [tuple(point.values()) for point in found.points()] == [
        (b1, size) for b1 in (0, 0.5) for size in (8, 16, 24)
    ]
    assert found.configure(found.points()[-1]) == dataclasses.replace(
        gan.Config(), batch_size=24, hyper=dataclasses.replace(gan.Config().hyper, b1=0.5)
    )
    with pytest.raises(UsageError, match=r"a grid needs values to list, and hyper.b1 is uniform:0:0.5"):
        space(gan, "hyper.b1=uniform:0:0.5").points()
