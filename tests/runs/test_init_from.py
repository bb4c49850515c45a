import dataclasses
import re

import jax
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.models.restoration.srresnet import SRResNet
from jaxgen.restoration import pretrained
from jaxgen.runs import init_from
from jaxgen.runs.disk.leaves import named_leaves
from jaxgen.runs.init_from import compare
from jaxgen.runs.reopen import open_run
from jaxgen.runs.train import train
from jaxgen.training.state import TrainState

pytestmark = pytest.mark.usefixtures("no_samples", "no_evaluation")

QUIET = {"steps": 1, "batch_size": 2, "tensorboard": False, "sample_every": 0, "evaluate_images": 2}
SMALL = {"width": 2, "blocks": 1, "scale": 2}


@pytest.fixture(scope="module")
def config(load_experiment):
    def config(name, run, **fields):
        module = load_experiment(name)
        config = module.Config(**QUIET, **SMALL, run=str(run), **fields)
        small = dataclasses.replace(config.data, name="digits", size=8, channels=1, fit="resize")
        return dataclasses.replace(config, data=small), module.build

    return config


@pytest.fixture(scope="module")
def srresnet_run(config, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "pretrained"
    train(*config("srresnet", path), say=lambda line: None)
    return path


def test_the_main_player_is_initialized_with_another_runs_averages(config, srresnet_run, tmp_path):
    fields = {"discriminator_widths": (2,), "discriminator_hidden": 2, "init_from": str(srresnet_run)}
    settings, build = config("srgan", tmp_path / "run", **fields)
    still = dataclasses.replace(settings, hyper=dataclasses.replace(settings.hyper, learning_rate=0.0))
    state = train(still, build, say=lambda line: None)
    expected = open_run(srresnet_run).variables
    jax.tree.map(np.testing.assert_array_equal, state.params["generator"], expected["params"])
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5)
    jax.tree.map(close, state.ema["generator"]["params"], expected["params"])


def test_a_file_of_weights_is_a_start_too(config, srresnet_run, tmp_path):
    variables = open_run(srresnet_run).variables
    texts = {"damage": "noise", "command": "c", "training": "t", "data": "d", "data_license": "l", "scores": {}}
    card = pretrained.make_card(SRResNet(2, 1, 2), "image", None, **texts)
    path = tmp_path / "start.safetensors"
    pretrained.write(path, {"params": variables["params"], **variables["stats"]}, card)
    settings, build = config("srresnet", tmp_path / "run", init_from=str(path))
    still = dataclasses.replace(settings, hyper=dataclasses.replace(settings.hyper, learning_rate=0.0))
    state = train(still, build, say=lambda line: None)
    jax.tree.map(np.testing.assert_array_equal, state.params["model"], variables["params"])


@pytest.fixture(scope="module")
def grow(load_experiment):
    def grow(run, size, **fields):
        module, lines = load_experiment("growing"), []
        # Without a penalty, the second derivatives of which take long to compile.
        plain = {"width": 4, "loss": "hinge", "penalties": ()}
        config = module.Config(**QUIET | plain | {"run": str(run)} | fields)
        config = dataclasses.replace(
            config,
            data=dataclasses.replace(config.data, size=size),
            hyper=dataclasses.replace(config.hyper, learning_rate=0.0),
        )
        return train(config, module.build, say=lines.append), lines

    return grow


def test_both_players_start_from_a_smaller_run_and_the_new_block_is_faded_in(grow, tmp_path):
    small, _ = grow(tmp_path / "small", 8)
    large, lines = grow(
        tmp_path / "large", 16, init_from=str(tmp_path / "small"), steps=3, fade_steps=4, critic_steps=2
    )
    # What makes pictures starts from the averages.
    taken = {"generator": small.ema["generator"]["params"], "discriminator": small.params["discriminator"]}
    for player, params in taken.items():
        expected, result = named_leaves(params), named_leaves(large.params[player])
        assert expected.keys() < result.keys()
        for path, leaf in expected.items():
            np.testing.assert_array_equal(result[path], leaf)
        # The step that both ran last, though the critic was updated twice in each.
        assert large.stats[player]["growth"]["fade_16"]["step"] == 2
    assert large.ema["generator"]["stats"]["growth"]["fade_16"]["step"] == 2
    assert sum(line.startswith(f"init_from {tmp_path / 'small'}") for line in lines) == 2
    assert any("(discriminator): " in line and "block_16" in line for line in lines)


@pytest.mark.parametrize("names", [("main",), ("generator",)])
def test_the_main_player_may_be_initialized_alone(grow, tmp_path, names):
    small, _ = grow(tmp_path / "small", 8)
    again, lines = grow(tmp_path / "again", 8, init_from=str(tmp_path / "small"), init_players=names, seed=5)
    jax.tree.map(np.testing.assert_array_equal, again.params["generator"], small.ema["generator"]["params"])
    kernel = lambda state: state.params["discriminator"]["map_8"]["kernel"]
    assert (kernel(again) != kernel(small)).any()
    assert not any("(discriminator)" in line for line in lines)


@pytest.fixture
def players(monkeypatch):
    """Returns a function that starts two players from others, of which the discriminator does not fit."""
    variables = lambda value, width: {"params": {"kernel": np.full((width,), value, np.float32)}, "stats": {}}
    there = {"generator": variables(1, 2), "discriminator": variables(1, 3), "encoder": variables(1, 2)}
    monkeypatch.setattr(init_from, "load_variables", lambda source, player, trust: there)
    here = {name: variables(0, 2) for name in ("discriminator", "generator", "teacher")}
    state = TrainState(
        step=0,
        params={name: x["params"] for name, x in here.items()},
        stats={name: {} for name in here},
        opt_state={},
        ema={"generator": here["generator"]},
        hyper={},
        key=None,
    )

    def begin(*which):
        lines = []
        begun = init_from.init_from(state, "generator", "it", which, lines.append)
        return {name: params["kernel"][0].item() for name, params in begun.params.items()}, lines

    return begin


def test_a_discriminator_of_which_nothing_fits_starts_anew_unless_it_was_named(players):
    result, lines = players("all")
    assert result == {"discriminator": 0, "generator": 1, "teacher": 0}
    assert sorted(lines) == [
        "init_from it (discriminator) has another network: params/kernel is float32[3] there and float32[2] here, "
        "and no array fits: all 1 stay random",
        "init_from it: 1 of 1 arrays copied (params/kernel)",
    ]
    assert players("main") == players("generator") == (result, lines[1:])
    with pytest.raises(UsageError, match="leave discriminator out of --init-players, as in --init-players main"):
        players("generator", "discriminator")


@pytest.mark.parametrize(
    ("which", "message"),
    [
        (("teacher",), "init_from it has no teacher: name of generator discriminator encoder in --init-players"),
        (("generater",), "unknown player in init_players 'generater': did you mean generator"),
        ((), "init_players is empty: give all, main, or some of discriminator generator teacher"),
    ],
)
def test_players_that_are_not_there_are_reported(players, which, message):
    with pytest.raises(UsageError, match=message):
        players(*which)


def test_a_wrong_player_is_reported_before_anything_is_written(config, srresnet_run, tmp_path):
    settings, build = config("srresnet", tmp_path / "run", init_from=str(srresnet_run), init_players=("generator",))
    with pytest.raises(UsageError, match="unknown player in init_players 'generator': allowed: all, main, model"):
        train(settings, build, say=lambda line: None)
    assert not (tmp_path / "run").exists()
    settings, build = config("srresnet", tmp_path / "run", init_players=("model", "main"))
    with pytest.raises(UsageError, match="init_players is model main and has no effect: set init_from"):
        train(settings, build, say=lambda line: None)


def test_of_another_network_what_fits_is_taken_and_a_line_tells_the_rest(config, srresnet_run, tmp_path):
    deeper, build = config("srresnet", tmp_path / "deeper", init_from=str(srresnet_run))
    deeper = dataclasses.replace(deeper, blocks=2, hyper=dataclasses.replace(deeper.hyper, learning_rate=0.0))
    lines = []
    state = train(deeper, build, say=lines.append)
    expected = named_leaves(open_run(srresnet_run).variables["params"])
    result = named_leaves(state.params["model"])
    assert expected.keys() < result.keys()
    for path, leaf in expected.items():
        np.testing.assert_array_equal(result[path], leaf)
    (line,) = (line for line in lines if line.startswith(f"init_from {srresnet_run}"))
    new = result.keys() - expected.keys()
    assert "arrays copied; random: " in line and "not used" not in line
    assert all(f"params/{path} (absent there)" in line for path in new)


def test_what_is_left_and_what_has_another_shape_is_reported():
    array = lambda *shape: {"dtype": "float32", "shape": list(shape)}
    there = {"params/a": array(2), "params/b": array(3, 4), "params/c": array(1)}
    here = {"params/a": array(2), "params/b": array(3, 5)}
    expected = (
        "init_from it: 1 of 2 arrays copied (params/a); random: params/b (float32[3, 4] there); not used: params/c"
    )
    assert compare("it", there, here, "") == expected
    assert compare("it", here, here, "") == "init_from it: 2 of 2 arrays copied (params/a, params/b)"
    # Many are counted.
    many = {f"params/{i}": array(2) for i in range(5)}
    assert compare("it", many, many, "") == "init_from it: 5 of 5 arrays copied"


def test_a_start_of_which_nothing_fits_is_refused(config, tmp_path):
    array = {"dtype": "float32", "shape": [2]}
    message = r"init_from it has another network: a is float32\[2\] there and absent here, and no array fits"
    with pytest.raises(UsageError, match=f"{message}; do this"):
        compare("it", {"a": array}, {"b": array}, "do this")
    assert re.fullmatch(f"{message}: all 1 stay random", compare("it", {"a": array}, {"b": array}, ""))
    settings, build = config("srresnet", tmp_path / "run", init_from=str(tmp_path))
    with pytest.raises(UsageError, match=r"it has no config\.json"):
        train(settings, build, say=lambda line: None)
