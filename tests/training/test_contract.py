"""jit = scan = pmap = pmap(scan) = shard_map = every member of a population, on the full state after three steps.

In float64 the executions agree to 1e-9, which proves that they compute the same thing; in float32 to round-off. Each
objective is run in every way, with XLA's optimisations on; the recipes of `MORE` take other paths through an objective
and are spread over devices. The population of each objective is executed as a sweep on a CPU would choose, and one of
convolutions as on an accelerator too. A population whose members are written out is in tests/sweeps/test_population.py.
"""

import dataclasses
from contextlib import nullcontext
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.data import Config as DataConfig
from jaxgen.data import feed_batches
from jaxgen.runs.disk.checkpoints import Checkpoints
from jaxgen.runs.disk.digests import digest
from jaxgen.training import execute

STEPS = 3
DEVICES = 4


def recipe(script, **fields):
    """A script and what its Config is given; those of hyper are recognised by name."""
    return script, fields


SMALL = DataConfig(name="digits", size=8, channels=1, classes=3)
# The smallest at which a discriminator of convolutions has a norm.
MIDDLE = DataConfig(name="digits", size=16, channels=1)
MORE = {
    "relativistic with R1 and R2, packed in microbatches": recipe(
        "gan_mlp",
        variant="plain",
        data=SMALL,
        loss="relativistic",
        penalties=("r1", "r2"),
        batch_size=16,
        microbatches=2,
        packing=2,
        schedule="cosine",
        schedule_steps=4.0,
    ),
    "minimax of augmented images with batch norm, in microbatches": recipe(
        "dcgan",
        width=4,
        data=MIDDLE,
        loss="minimax",
        augment=("translation", "color", "cutout"),
        optimizer="sgd",
        microbatches=2,
        clip_norm=0.5,
        schedule="linear",
        schedule_steps=9.0,
    ),
    "wgan_gp, filters at right angles": recipe(
        "wgan_gp", width=4, critic_steps=1, data=SMALL, remedies=("orthogonal_regularisation",)
    ),
    "wgan, clipped": recipe("wgan", width=4, data=MIDDLE, critic_steps=2, remedies=("historical_averaging",)),
    "a guided restorer": recipe("residual_unet", widths=(4,), blocks=1, data=MIDDLE),
    "dropout and batch norm, fed back": recipe("crnn", turns=2, widths=(4,), data=MIDDLE),
    "super-resolution against a discriminator": recipe(
        "srgan",
        width=4,
        blocks=1,
        scale=2,
        discriminator_widths=(4,),
        discriminator_hidden=4,
        discriminator_norm="none",
        data=MIDDLE,
        loss="relativistic",
        penalties=("r1",),
    ),
    "denoising without clean pictures": recipe("neighbor2neighbor", widths=(4,), blocks=1, data=MIDDLE),
    "clips": recipe("video", frames=2, window=12, speed=2, width=4, blocks=1, data=MIDDLE),
    "a detector of scratches": recipe(
        "damage_detector", network="residual", widths=(4,), blocks=1, data=MIDDLE, damage="scratches"
    ),
    "several codes of binary images": recipe("iwae", latent=3, samples=4, hidden=(8,), data=SMALL),
    "grey levels and free bits": recipe("vae", latent=3, hidden=(8,), likelihood="logistic", data=SMALL, free_bits=0.1),
    "growing, its block faded in": recipe(
        "growing", width=4, fade_steps=9, init_from="x", data=MIDDLE, loss="hinge", penalties=()
    ),
    "the level of noise": recipe("noise_level", depth=2, width=4, data=MIDDLE),
    "pacgan with classes and kernels": recipe(
        "pacgan", width=4, data=SMALL, conditional=True, minibatch_kernels=2, critic_steps=2
    ),
}
OBJECTIVES = {
    "wasserstein distance of convolutions": recipe(
        "dcgan",
        width=4,
        norm="none",
        data=SMALL,
        loss="wasserstein",
        penalties=("gradient_penalty",),
        critic_steps=2,
        warmup_steps=2.0,
    ),
    # Packs are of the same images however many devices there are.
    "packs, classes and remedies": recipe(
        "gan_mlp",
        variant="plain",
        data=SMALL,
        penalties=("gradient_penalty",),
        penalty_every=2,
        packing=2,
        conditional=True,
        remedies=("feature_matching", "label_smoothing"),
    ),
    "vae": recipe("conv_vae", data=SMALL, features=(4, 8), hidden=8, latent=3),
    "denoise": recipe("denoise", depth=3, width=4, data=MIDDLE, microbatches=2, batch_size=16),
}
# By plain descent: Adam turns round-off in a small gradient into a step of full size.
SINGLE_PRECISION = {"descent": recipe("gan_mlp", variant="plain", data=SMALL, optimizer="sgd", learning_rate=0.05)}
POPULATION = 2
name_of = lambda name: name.replace(" ", "-")


CASES = [(name, True) for name in OBJECTIVES] + [(name, False) for name in SINGLE_PRECISION]
EXECUTIONS = {
    "scan": {"steps": STEPS},
    "pmap": {"devices": DEVICES, "execution": "pmap"},
    "pmap-scan": {"devices": DEVICES, "execution": "pmap", "steps": STEPS},
    "shard_map": {"devices": DEVICES, "execution": "shard_map"},
    "shard_map-scan": {"devices": DEVICES, "steps": STEPS},
}


@pytest.fixture(scope="module")
def make_case(load_experiment, optimized):
    """Returns a function that makes each case once, in whatever order the tests ask for it."""
    recipes = OBJECTIVES | SINGLE_PRECISION
    return cache(lambda name, double: Case(load_experiment, double, *recipes[name], context=optimized))


@pytest.fixture(
    scope="module",
    params=CASES,
    ids=lambda arguments: f"{name_of(arguments[0])}-{'float64' if arguments[1] else 'float32'}",
)
def case(request, make_case):
    name, double = request.param
    with jax.enable_x64(double):
        yield make_case(name, double)


@pytest.fixture(params=MORE, ids=name_of)
def other_recipe(request, load_experiment):
    with jax.enable_x64(True):
        yield Case(load_experiment, True, *MORE[request.param])


class Case:
    """One recipe, its batches, and the state that plain jit reaches."""

    def __init__(self, load_experiment, double, script, fields, context=nullcontext):
        self.context = context
        module = load_experiment(script)
        numbers = {f.name for f in dataclasses.fields(module.Config().hyper)}
        hyper = {k: v for k, v in fields.items() if k in numbers}
        config = module.Config(**{"batch_size": 8} | {k: v for k, v in fields.items() if k not in numbers})
        self.config = dataclasses.replace(config, hyper=dataclasses.replace(config.hyper, **hyper))
        self.build = partial(module.build, self.config)
        self.objective = objective = self.build(None)
        size, channels = self.config.data.size, self.config.data.channels
        shape = (STEPS, objective.chunks * self.config.batch_size, size, size, channels)
        rng = np.random.default_rng(0)
        self.batches = {"image": rng.uniform(0, 1, shape).astype("float64" if double else "float32")}
        if getattr(self.config, "conditional", False):
            self.batches["label"] = rng.integers(0, self.config.data.classes, shape[:2], "int32")
        self.tolerance = 1e-9 if double else 1e-4
        self.init = lambda key: self.cast(objective.init(key, jax.tree.map(lambda x: x[0], self.batches)), double)
        self.start = jax.jit(self.init)(jax.random.key(1))
        self.single = self.compile()
        self.reference = self.run(self.start, self.single)

    @staticmethod
    def cast(state, double):
        wide = lambda x: x.astype(jnp.float64) if double and x.dtype == jnp.float32 else x
        return jax.tree.map(wide, state)

    def compile(self, **options):
        feed = lambda images: feed_batches(self.batches)
        return execute.compile_program(self.build, feed, self.config.batch_size, **options)

    def run(self, state, program, steps=1):
        state = program.place(jax.tree.map(jnp.copy, state))
        with self.context():
            for first in range(0, STEPS, steps):
                state, metrics = program.advance(state, first)
        return execute.first_replica(state), {name: values[-1] for name, values in metrics.fetch().items()}


def assert_same(expected, result, tolerance):
    plain = lambda tree: jax.tree.map(
        lambda x: jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x, tree
    )
    leaves = jax.tree.leaves_with_path(plain(expected))
    for (path, a), b in zip(leaves, jax.tree.leaves(plain(result)), strict=True):
        assert a.dtype == b.dtype, jax.tree_util.keystr(path)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=jax.tree_util.keystr(path))


def executions(cases, ways):
    """Marks a test with every way of running every case."""
    pairs = [(pair, way) for pair in cases for way in ways[pair[0]]]
    names = [f"{name_of(name)}-{'float64' if double else 'float32'}-{way}" for (name, double), way in pairs]
    return pytest.mark.parametrize(("case", "way"), pairs, ids=names, indirect=["case"])


# Several steps in one dispatch contain the single step; one objective, and all of MORE, take single steps too.
SCANNED = ("scan", "pmap-scan", "shard_map-scan")
WAYS = dict.fromkeys(OBJECTIVES, SCANNED) | dict.fromkeys(SINGLE_PRECISION, ("scan", "shard_map-scan"))
WAYS["packs, classes and remedies"] = EXECUTIONS


@executions(CASES, WAYS)
def test_every_execution_computes_what_jit_computes(case, way):
    options = EXECUTIONS[way]
    result = case.run(case.start, case.compile(**options), options.get("steps", 1))
    assert_same(case.reference, result, case.tolerance)


def test_devices_compute_what_one_does_in_other_recipes(other_recipe):
    result = other_recipe.run(other_recipe.start, other_recipe.compile(devices=DEVICES))
    assert_same(other_recipe.reference, result, other_recipe.tolerance)
    assert_all_players_moved(other_recipe)


def assert_all_players_moved(case):
    state, metrics = case.reference
    assert int(state.step) == STEPS
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((state.params, metrics)))
    for player, params in state.params.items():
        pairs = zip(jax.tree.leaves(case.start.params[player]), jax.tree.leaves(params), strict=True)
        assert any(not np.array_equal(before, after) for before, after in pairs), player


def test_no_loop_of_a_step_has_a_length_that_depends_on_data(case, operations):
    """A GPU would have to ask its host before every iteration. A loop of fixed length is a scan."""
    batch = jax.tree.map(lambda x: x[0], case.batches)
    names = operations(jax.make_jaxpr(case.objective.step)(case.start, batch))
    assert len(names) > 10 and "while" not in names


def test_three_steps_move_every_player(case):
    assert_all_players_moved(case)


def test_saved_and_restored_it_goes_on_with_the_same_bits(case, tmp_path):
    state = case.single.place(jax.tree.map(jnp.copy, case.start))
    for step in range(STEPS - 1):
        state, _ = case.single.advance(state, step)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(STEPS - 1, state, {}, {})
    restored = Checkpoints(tmp_path).restore(jax.eval_shape(lambda: case.start))
    state, _ = case.single.advance(case.single.place(restored.state), STEPS - 1)
    assert digest(state) == digest(case.reference[0])


@pytest.fixture(scope="module")
def members(case):
    """Members that differ in seed and in learning rate, and where each comes to alone."""

    def member(key, rate):
        state = case.init(key)
        return state.replace(hyper=state.hyper | {"learning_rate": state.hyper["learning_rate"] * rate})

    keys = jax.random.split(jax.random.key(7), POPULATION)
    states = [jax.jit(member)(key, rate) for key, rate in zip(keys, (0.1, 3.0), strict=True)]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *states), [case.run(state, case.single) for state in states]


# A sweep on a CPU batches no kernels of convolutions, as one on an accelerator does.
MEMBER_WAYS = dict.fromkeys(OBJECTIVES, ("map",)) | {"packs, classes and remedies": ("vmap",), "vae": ("vmap", "map")}


@executions(CASES[: len(OBJECTIVES)], MEMBER_WAYS)
def test_every_member_of_a_population_computes_what_it_does_alone(case, members, way):
    steps = STEPS if way == "map" else 1
    together, alone = members
    program = case.compile(members=POPULATION, member_execution=way, steps=steps)
    state, metrics = case.run(together, program, steps)
    for index, expected in enumerate(alone):
        result = jax.tree.map(lambda x, index=index: x[index], (state, metrics))
        assert_same(expected, result, case.tolerance)
