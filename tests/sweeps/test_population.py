"""A member equals its solo run, whenever it started and whatever else is in the population. Nothing compiles twice."""

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
from jaxgen.sweeps.population import Population, choose_execution, require_in_memory
from jaxgen.sweeps.population_executor import PopulationExecutor
from jaxgen.training import execute

SMALL = {"data": DataConfig(name="digits", size=8, channels=1), "batch_size": 8, "evaluate_images": 16}


def configure(module, **fields):
    config = module.Config(**SMALL | fields)
    return config, lambda rate, seed=0: dataclasses.replace(
        config, seed=seed, hyper=dataclasses.replace(config.hyper, learning_rate=rate)
    )


def in_float64(build):
    """Returns a build function whose states are float64."""
    cast = lambda state: jax.tree.map(lambda x: x.astype(jnp.float64) if x.dtype == jnp.float32 else x, state)

    def build_float64(config, axis_name=None):
        objective = build(config, axis_name)
        return dataclasses.replace(objective, init=lambda key, batch: cast(objective.init(key, batch)))

    return build_float64


def train_solo(prepared, build, config, steps):
    """Returns the state of a solo run."""
    program = execute.compile_program(partial(build, config), prepared.dataset.feed, config.batch_size)
    state = program.place(jax.jit(build(config, None).init)(jax.random.key(config.seed), prepared.first))
    for step in range(steps):
        state, _ = program.advance(state, step)
    return state


def distance(one, other):
    """Returns the largest relative difference of two states."""
    numbers = lambda state: [x for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.inexact)]
    pairs = zip(numbers(one), numbers(other), strict=True)
    return max(float(jnp.max(jnp.abs(a - b)) / (1 + jnp.max(jnp.abs(b)))) for a, b in pairs)


@pytest.fixture(scope="module")
def solo(load_experiment):
    """Returns an experiment in float64, two configurations, and the states of their solo runs."""
    module = load_experiment("gan_mlp")
    config, at = configure(module, variant="plain")
    with jax.enable_x64(True):
        build = in_float64(module.build)
        prepared, members = prepare(config, build), (at(4e-3, seed=1), at(2e-3, seed=2))
        solo_states = [
            train_solo(prepared, build, member, steps) for member, steps in zip(members, (100, 80), strict=True)
        ]
    return prepared, build, members, solo_states


@pytest.mark.parametrize("execution", ["vmap", "map", "unroll"])
def test_a_member_is_its_solo_run(solo, execution):
    prepared, build, (first, second), solo_states = solo
    with jax.enable_x64(True):
        population = Population(prepared, build, 2, execution)
        population.start(0, dataclasses.replace(first, seed=5))
        population.start(1, first)
        population.advance(20)
        # Replaces a run 20 steps after the other started.
        population.start(0, second)
        population.advance(80)
        for slot, state in ((1, solo_states[0]), (0, solo_states[1])):
            member = execute.take_member(population._states, slot)
            assert int(member.step) == int(state.step)
            assert distance(member, state) < 1e-9


RATES = (1e-3, 3e-3)


# Without batch norm, through which rounding grows: see the module's docstring.
SINGLE = {"conv_vae": {"features": (4, 8), "hidden": 8}, "gan_mlp": {"variant": "plain"}}


@pytest.fixture(scope="module", params=SINGLE)
def single(load_experiment, request):
    """Returns an experiment in float32, a function from learning rate to configuration, and two solo states."""
    module = load_experiment(request.param)
    config, at = configure(module, latent=3, **SINGLE[request.param])
    prepared = prepare(config, module.build)
    return prepared, module.build, at, [train_solo(prepared, module.build, at(rate), 10) for rate in RATES]


@pytest.mark.parametrize("execution", ["map", "vmap"])
def test_a_member_is_its_solo_run_in_float32(single, execution):
    prepared, build, at, solo_states = single
    population = Population(prepared, build, 2, execution)
    for slot, rate in enumerate(RATES):
        population.start(slot, at(rate))
    population.advance(10)
    for slot, state in enumerate(solo_states):
        assert distance(execute.take_member(population._states, slot), state) < 1e-5
    assert population.finite().tolist() == [True, True]
    metric = prepared.objective.selection.metric
    assert population.evaluate(1)[metric] == pytest.approx(float(prepared.measure(solo_states[1])[metric]), rel=1e-4)


def test_convolutional_networks_are_mapped_on_cpu(load_experiment):
    module = load_experiment("conv_vae")
    config, _ = configure(module, features=(4, 8), hidden=8, latent=3)
    prepared = prepare(config, module.build)
    # vmap over kernels would give grouped convolutions.
    assert choose_execution(prepared.objective.step, prepared.template, batch_shapes(prepared)) == "map"


def test_dense_networks_are_batched(load_experiment):
    module = load_experiment("gan_mlp")
    config, _ = configure(module)
    prepared = prepare(config, module.build)
    assert choose_execution(prepared.objective.step, prepared.template, batch_shapes(prepared)) == "vmap"


@pytest.fixture
def run_sweep(load_experiment, make_queue, toy_space, tmp_path):
    """Returns a function that runs a sweep of the toy, and returns its queue and executor."""
    module = load_experiment("gan_mlp")

    def run(count, members, stopped=lambda: False, **fields):
        space = fields.get("space") or toy_space("--variant", "plain", "--evaluate-images", "16")
        prepared = prepare(space.config, module.build)
        with make_queue(space=space, **{name: x for name, x in fields.items() if name != "space"}) as queue:
            executor = PopulationExecutor(
                queue, tmp_path, print, prepared=prepared, build=module.build, members=members, execution=None
            )
            list(executor.run(count, stopped))
        return queue, executor

    return run


def test_new_trials_reuse_the_compiled_program(run_sweep, caplog):
    with jax.log_compiles(), caplog.at_level(logging.WARNING, logger="jax"):
        queue, _ = run_sweep(5, 2)
    compiled = [
        record.getMessage()
        for record in caplog.records
        if "Finished XLA compilation of jit(on_shard)" in record.getMessage()
    ]
    assert len(compiled) == 1
    assert len(queue.finished()) == 5
    assert all(trial.user_attrs["steps"] == 9 for trial in queue.finished())


def test_metrics_do_not_depend_on_the_number_of_members(run_sweep):
    values = []
    for members, name in ((1, "one"), (3, "three")):
        queue, _ = run_sweep(3, members, name=name)
        values.append([trial.value for trial in queue.finished()])
    np.testing.assert_allclose(*values, rtol=1e-4)


def test_the_mean_over_seeds_is_optimized(run_sweep, toy_space):
    grid = toy_space("--variant", "plain", "--evaluate-images", "16", search=("hyper.learning-rate=choice:1e-3,1e-2",))
    queue, _ = run_sweep(2, 4, space=grid, sampler="grid", seeds=2)
    one, other = queue.finished()
    assert one.value == pytest.approx(np.mean(one.user_attrs["values"]))
    assert len({*one.user_attrs["values"], *other.user_attrs["values"]}) == 4


def test_pruned_trials_end_early(run_sweep):
    queue, _ = run_sweep(6, 2, pruner="asha")
    steps = [trial.user_attrs["steps"] for trial in queue.finished()]
    assert len(steps) == 6
    assert min(steps) == 3
    assert max(steps) == 9


def test_a_run_that_is_not_finite_fails_and_the_others_continue(run_sweep, toy_space):
    search = ("hyper.learning-rate=choice:1e-3,1e30",)
    space = toy_space("--variant", "plain", "--evaluate-images", "16", "--optimizer", "sgd", search=search)
    queue, _ = run_sweep(2, 2, space=space, sampler="grid")
    good, bad = queue.finished()
    assert (good.state.name, bad.state.name) == ("COMPLETE", "FAIL")
    assert "was not finite at step 3, seed 0" in bad.user_attrs["reason"]


def test_every_run_has_a_history(run_sweep, tmp_path):
    from jaxgen.runs.disk.run_folder import RunFolder

    queue, _ = run_sweep(2, 2)
    for trial in queue.finished():
        folder = RunFolder(tmp_path / "trials" / f"{trial.user_attrs['index']:05d}-0")
        assert [line["step"] for line in folder.history()] == [3, 6, 9]
        assert folder.history()[-1]["evaluation/pixel_frechet"] == pytest.approx(trial.value)
        assert folder.config()["config"]["hyper"]["learning_rate"] == trial.params["hyper.learning_rate"]


def test_an_experiment_that_ends_by_itself_is_refused(load_experiment, tmp_path):
    module = load_experiment("deep_image_prior")
    prepared = prepare(module.Config(), module.build)
    with pytest.raises(UsageError, match=r"ends at a step of its own: set --executor processes"):
        Population(prepared, module.build, 2, None)


def test_streamed_data_are_refused():
    streamed = Feed(lambda first, steps: None, lambda payload, step, k, at: {}, streamed=True)
    with pytest.raises(UsageError, match=r"needs its data in memory: raise --data.memory"):
        require_in_memory(lambda images: streamed)(8)
