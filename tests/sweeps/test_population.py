"""A member is its solo run, whenever it began and whatever else is in the population; nothing compiles twice."""

import dataclasses
import logging
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.data import Config as DataConfig
from jaxgen.data import Feed
from jaxgen.errors import UsageError
from jaxgen.runs.train import batch_shapes, prepare
from jaxgen.sweeps.population import Answerer, Population, choose_execution, feed_members
from jaxgen.training import execute

SMALL = {"data": DataConfig(name="digits", size=8, channels=1), "batch_size": 8, "evaluate_images": 16}


def settle(module, **fields):
    config = module.Config(**SMALL | fields)
    return config, lambda rate, seed=0: dataclasses.replace(
        config, seed=seed, hyper=dataclasses.replace(config.hyper, learning_rate=rate)
    )


def wide(build):
    """Returns a build whose states are float64."""
    cast = lambda state: jax.tree.map(lambda x: x.astype(jnp.float64) if x.dtype == jnp.float32 else x, state)

    def built(config, axis_name=None):
        objective = build(config, axis_name)
        return dataclasses.replace(objective, init=lambda key, batch: cast(objective.init(key, batch)))

    return built


def alone(prepared, build, config, steps):
    """Returns the state of a run by itself."""
    program = execute.compile_program(partial(build, config), prepared.dataset.feed, config.batch_size)
    state = program.place(jax.jit(build(config, None).init)(jax.random.key(config.seed), prepared.first))
    for step in range(steps):
        state, _ = program.advance(state, step)
    return state


def distance(one, other):
    """Returns the largest difference of two states, beside the size of what differs."""
    numbers = lambda state: [x for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.inexact)]
    pairs = zip(numbers(one), numbers(other), strict=True)
    return max(float(jnp.max(jnp.abs(a - b)) / (1 + jnp.max(jnp.abs(b)))) for a, b in pairs)


@pytest.fixture(scope="module")
def solo(load_experiment):
    """Returns what two runs in float64 start from, how they are set, and the states that they reach by themselves."""
    module = load_experiment("gan_mlp")
    config, at = settle(module, variant="plain")
    with jax.enable_x64(True):
        build = wide(module.build)
        prepared, members = prepare(config, build), (at(4e-3, seed=1), at(2e-3, seed=2))
        reached = [alone(prepared, build, member, steps) for member, steps in zip(members, (100, 80), strict=True)]
    return prepared, build, members, reached


@pytest.mark.parametrize("execution", ["vmap", "map", "unroll"])
def test_a_member_is_its_solo_run(solo, execution):
    prepared, build, (first, second), reached = solo
    with jax.enable_x64(True):
        population = Population(prepared, build, 2, execution)
        population.put(0, dataclasses.replace(first, seed=5))
        population.put(1, first)
        population.advance(20)
        # Another run in the place of one, 20 steps after the other began.
        population.put(0, second)
        population.advance(80)
        for place, state in ((1, reached[0]), (0, reached[1])):
            member = execute.take_member(population._states, place)
            assert int(member.step) == int(state.step)
            assert distance(member, state) < 1e-9


RATES = (1e-3, 3e-3)


# Without batch norm, through which rounding grows: see the module's docstring.
SINGLE = {"conv_vae": {"features": (4, 8), "hidden": 8}, "gan_mlp": {"variant": "plain"}}


@pytest.fixture(scope="module", params=SINGLE)
def single(load_experiment, request):
    """Returns an experiment in float32, how to set it, and the states that runs of two rates reach by themselves."""
    module = load_experiment(request.param)
    config, at = settle(module, latent=3, **SINGLE[request.param])
    prepared = prepare(config, module.build)
    return prepared, module.build, at, [alone(prepared, module.build, at(rate), 10) for rate in RATES]


@pytest.mark.parametrize("execution", ["map", "vmap"])
def test_in_single_precision_too(single, execution):
    prepared, build, at, reached = single
    population = Population(prepared, build, 2, execution)
    for place, rate in enumerate(RATES):
        population.put(place, at(rate))
    population.advance(10)
    for place, state in enumerate(reached):
        assert distance(execute.take_member(population._states, place), state) < 1e-5
    assert population.sound().tolist() == [True, True]
    metric = prepared.objective.selection.metric
    assert population.measure(1)[metric] == pytest.approx(float(prepared.measure(reached[1])[metric]), rel=1e-4)


def test_networks_of_convolutions_follow_one_another(load_experiment):
    module = load_experiment("conv_vae")
    config, _ = settle(module, features=(4, 8), hidden=8, latent=3)
    prepared = prepare(config, module.build)
    # Kernels that differ would make grouped convolutions of them.
    assert choose_execution(prepared.objective.step, prepared.template, batch_shapes(prepared)) == "map"


def test_networks_without_convolutions_are_batched(load_experiment):
    module = load_experiment("gan_mlp")
    config, _ = settle(module)
    prepared = prepare(config, module.build)
    assert choose_execution(prepared.objective.step, prepared.template, batch_shapes(prepared)) == "vmap"


@pytest.fixture
def answer(load_experiment, make_ledger, toy_space, tmp_path):
    """Returns a function that answers a sweep of the toy, and returns its ledger and answerer."""
    module = load_experiment("gan_mlp")

    def run(count, members, stopped=lambda: False, **fields):
        space = fields.get("space") or toy_space("--variant", "plain", "--evaluate-images", "16")
        prepared = prepare(space.config, module.build)
        with make_ledger(space=space, **{name: x for name, x in fields.items() if name != "space"}) as ledger:
            answerer = Answerer(ledger, prepared, module.build, tmp_path, members=members, execution="", say=print)
            list(answerer.run(count, stopped))
        return ledger, answerer

    return run


def test_trials_make_room_for_others_without_compiling_again(answer, caplog):
    with jax.log_compiles(), caplog.at_level(logging.WARNING, logger="jax"):
        ledger, _ = answer(5, 2)
    compiled = [
        record.getMessage()
        for record in caplog.records
        if "Finished XLA compilation of jit(on_one)" in record.getMessage()
    ]
    assert len(compiled) == 1
    assert len(ledger.finished()) == 5
    assert all(trial.user_attrs["steps"] == 9 for trial in ledger.finished())


def test_values_do_not_depend_on_how_many_there_are_at_once(answer):
    values = []
    for members, name in ((1, "one"), (3, "three")):
        ledger, _ = answer(3, members, name=name)
        values.append([trial.value for trial in ledger.finished()])
    np.testing.assert_allclose(*values, rtol=1e-4)


def test_the_mean_over_seeds_is_judged(answer, toy_space):
    grid = toy_space("--variant", "plain", "--evaluate-images", "16", search=("hyper.learning-rate=choice:1e-3,1e-2",))
    ledger, _ = answer(2, 4, space=grid, sampler="grid", seeds=2)
    one, other = ledger.finished()
    assert one.value == pytest.approx(np.mean(one.user_attrs["values"]))
    assert len({*one.user_attrs["values"], *other.user_attrs["values"]}) == 4


def test_what_is_given_up_ends_early(answer):
    ledger, _ = answer(6, 2, pruner="asha")
    steps = [trial.user_attrs["steps"] for trial in ledger.finished()]
    assert len(steps) == 6
    assert min(steps) == 3
    assert max(steps) == 9


def test_a_run_that_is_not_finite_fails_and_leaves_the_others_alone(answer, toy_space):
    search = ("hyper.learning-rate=choice:1e-3,1e30",)
    space = toy_space("--variant", "plain", "--evaluate-images", "16", "--optimizer", "sgd", search=search)
    ledger, _ = answer(2, 2, space=space, sampler="grid")
    good, bad = ledger.finished()
    assert (good.state.name, bad.state.name) == ("COMPLETE", "FAIL")
    assert "was not finite at step 3, seed 0" in bad.user_attrs["reason"]


def test_every_run_leaves_its_history(answer, tmp_path):
    from jaxgen.runs.disk.run_folder import RunFolder

    ledger, _ = answer(2, 2)
    for trial in ledger.finished():
        folder = RunFolder(tmp_path / "trials" / f"{trial.user_attrs['ticket']:05d}-0")
        assert [line["step"] for line in folder.history()] == [3, 6, 9]
        assert folder.history()[-1]["evaluation/pixel_frechet"] == pytest.approx(trial.value)
        assert folder.config()["config"]["hyper"]["learning_rate"] == trial.params["hyper.learning_rate"]


def test_what_ends_by_itself_is_refused(load_experiment, tmp_path):
    module = load_experiment("deep_image_prior")
    prepared = prepare(module.Config(), module.build)
    with pytest.raises(UsageError, match=r"this experiment ends by itself"):
        Population(prepared, module.build, 2, "")


def test_streamed_data_are_refused():
    streamed = Feed(lambda first, steps: None, lambda payload, step, k, at: {}, streamed=True)
    with pytest.raises(UsageError, match=r"need data in memory: raise data.memory"):
        feed_members(lambda images: streamed)(8)
