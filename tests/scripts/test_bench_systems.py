"""The libraries compute the same: with one network's parameters and the same numbers, they find the same loss."""

import dataclasses
import inspect
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.degradations.noise import gaussian_noise
from jaxgen.training import execute
from jaxgen.training.randomness import Stream, example_keys, step_key, stream

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from benchmarks import jaxgen_systems, stock_networks, stock_systems, systems, torch_networks, torch_systems  # noqa: E402
from benchmarks.cases import CASES, NOISE_SCALE  # noqa: E402

TINY = {
    "gan_mlp": dataclasses.replace(CASES["gan_mlp"], batch=4, size=8, latent=8),
    "dcgan": dataclasses.replace(CASES["dcgan"], batch=4, width=4, latent=8),
    "wgan_gp": dataclasses.replace(CASES["wgan_gp"], batch=4, width=4, latent=8),
    "vae": dataclasses.replace(CASES["vae"], batch=4, size=8, width=4, latent=3, hidden=16),
    "dncnn": dataclasses.replace(CASES["dncnn"], batch=2, size=10, width=4, depth=4),
}


def call_order(init):
    """Returns parameters, as shapes, in the order in which a network calls its layers; what jit returns is sorted."""
    seen = {}
    jax.eval_shape(lambda: seen.update(init()))
    return seen


def ordered(values, order):
    """Returns the values in that order."""
    return {name: ordered(values[name], order[name]) for name in order} if isinstance(values, dict) else values


def layers(params):
    """Yields the parameters of every layer."""
    if any(not isinstance(value, dict) for value in params.values()):
        yield params
    else:
        for value in params.values():
            yield from layers(value)


def torch_layers(module):
    return [layer for layer in module.modules() if list(layer.parameters(recurse=False))]


def channels_first(array, axis, shape):
    """Reorders an axis that is a flattened map from (height, width, channel) to PyTorch's order."""
    before, after = array.shape[:axis], array.shape[axis + 1 :]
    return np.moveaxis(array.reshape(*before, *shape, *after), axis + 2, axis).reshape(array.shape)


def give_torch(module, params, flat):
    """Copies jaxgen's parameters into a PyTorch module; flat: layer number -> (axis, map) of its dense kernel."""
    for number, (layer, given) in enumerate(zip(torch_layers(module), layers(params), strict=True)):
        arrays = {name: np.asarray(array) for name, array in given.items()}
        if number in flat:
            axis, shape = flat[number]
            arrays["kernel"] = channels_first(arrays["kernel"], axis, shape)
            if axis == 1 and "bias" in arrays:
                arrays["bias"] = channels_first(arrays["bias"], 0, shape)
        if "kernel" in arrays:
            kernel = arrays.pop("kernel")
            arrays["scale"] = kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T
        for name, array in arrays.items():
            parameter = layer.bias if name == "bias" else layer.weight
            assert parameter.shape == array.shape
            parameter.data = torch.tensor(np.ascontiguousarray(array))


def as_stock(order, params, module):
    """Returns jaxgen's parameters under the names of a stock network, whose transposed kernels are mirrored."""
    given = {}
    for layer, name, arrays in zip(torch_layers(module), order, layers(params), strict=True):
        given[name] = dict(arrays)
        if isinstance(layer, torch.nn.ConvTranspose2d):
            given[name]["kernel"] = arrays["kernel"][::-1, ::-1].swapaxes(2, 3)
    return given


def networks(case):
    """Returns (stock network, PyTorch module, inputs to initialise with, `flat` of give_torch) by player."""
    images, latents = jnp.zeros((1, case.size, case.size, case.channels)), jnp.zeros((1, case.latent))
    if case.recipe == "dncnn":
        theirs = torch_networks.DnCNN(case.depth, case.width, case.channels)
        return {"model": (stock_networks.DnCNN(case.depth, case.width), theirs, [images], {})}
    if case.recipe == "vae":
        theirs = torch_networks.VAE(case.latent, case.width, case.channels, case.size, case.hidden)
        small = (case.size // 4, case.size // 4, 2 * case.width)
        stock = stock_networks.VAE(case.latent, case.width, case.hidden)
        return {"model": (stock, theirs, [images, latents], {2: (0, small), 6: (1, small)})}
    if case.recipe == "gan_mlp":
        generator = torch_networks.DenseGenerator(case.latent, case.width, case.channels, case.size)
        discriminator = torch_networks.DenseDiscriminator(case.width, case.channels, case.size)
        return {
            "generator": (
                stock_networks.DenseGenerator(case.width, case.channels, case.size),
                generator,
                [latents],
                {},
            ),
            "discriminator": (stock_networks.DenseDiscriminator(case.width), discriminator, [images], {}),
        }
    batch_norm, top = case.recipe == "dcgan", (4, 4, 4 * case.width)
    generator = torch_networks.Generator(case.latent, case.width, case.channels)
    discriminator = torch_networks.Discriminator(case.width, case.channels, batch_norm)
    last = len(torch_layers(discriminator)) - 1
    return {
        "generator": (stock_networks.Generator(case.width, case.channels), generator, [latents], {0: (1, top)}),
        "discriminator": (
            stock_networks.Discriminator(case.width, batch_norm),
            discriminator,
            [images],
            {last: (0, top)},
        ),
    }


def move(parameter):
    """Moves a parameter from where it is initialised: biases off zero, slopes to where the penalty depends on them."""
    return parameter + 0.1 * jax.random.normal(jax.random.key(parameter.size), parameter.shape)


def drawn(case, state, images):
    """Returns the random numbers that jaxgen's first step draws."""

    def keys(purpose):
        return example_keys(stream(step_key(state.key, state.step), purpose), case.batch)

    normal = lambda purpose: jax.vmap(lambda key: jax.random.normal(key, (case.latent,)))(keys(purpose))
    return {
        "latents": normal(Stream.LATENT),
        "noise": normal(Stream.POSTERIOR),
        "weights": jax.vmap(lambda key: jax.random.uniform(key, (1, 1, 1)))(keys(Stream.INTERPOLATION)),
        "damaged": gaussian_noise(keys(Stream.DEGRADATION), images, NOISE_SCALE),
    }


def stock_loss(case, modules, params, images, draws):
    run = lambda player, *inputs: stock_systems.call(modules[player], params[player], {}, *inputs)[0]
    if case.recipe == "vae":
        return stock_systems.vae_loss(run("model", images, draws["noise"]), images)
    if case.recipe == "dncnn":
        return stock_systems.restoration_loss(run("model", draws["damaged"]), images)
    real, fake, logits_of = 2 * images - 1, run("generator", draws["latents"]), partial(run, "discriminator")
    if case.recipe != "wgan_gp":
        return stock_systems.discriminator_loss(logits_of(real), logits_of(fake))
    return stock_systems.critic_loss(logits_of, real, fake, draws["weights"])


def torch_loss(case, modules, images, draws):
    if case.recipe == "vae":
        return torch_systems.vae_loss(modules["model"], images, draws["noise"])
    if case.recipe == "dncnn":
        return torch_systems.restoration_loss(modules["model"], draws["damaged"], images)
    real, fake, logits_of = 2 * images - 1, modules["generator"](draws["latents"]).detach(), modules["discriminator"]
    if case.recipe != "wgan_gp":
        return torch_systems.discriminator_loss(logits_of(real), logits_of(fake))
    return torch_systems.critic_loss(logits_of, real, fake, draws["weights"])


def to_torch(array):
    array = np.array(array)
    return torch.tensor(np.moveaxis(array, 3, 1) if array.ndim == 4 else array)


@pytest.mark.parametrize("name", TINY)
def test_the_libraries_find_the_same_loss(name):
    case = TINY[name]
    images = np.random.default_rng(0).random((case.batch, case.size, case.size, case.channels), np.float32)
    objective = jaxgen_systems.RECIPES[case.recipe](case, None)
    last_player = "discriminator" if case.recipe in {"gan_mlp", "dcgan", "wgan_gp"} else "model"

    def start(images):
        state = objective.init(jax.random.key(3), {"image": images})
        state = state.replace(params=jax.tree.map(move, state.params))
        _, metrics = objective.step(state, {"image": images})
        return state.params, metrics[f"{last_player}/loss"], drawn(case, state, images)

    params, ours, draws = jax.jit(start)(images)
    modules, stock_modules, stock_params = {}, {}, {}
    for player, (stock, theirs, inputs, flat) in networks(case).items():
        init = lambda player=player: objective.init(jax.random.key(3), {"image": images}).params[player]
        given = ordered(params[player], call_order(init))
        give_torch(theirs, given, flat)
        stock_init = partial(stock.init, jax.random.key(0), *inputs, train=False)
        stock_params[player] = as_stock(call_order(lambda init=stock_init: init()["params"]), given, theirs)
        modules[player], stock_modules[player] = theirs, stock
    stock = jax.jit(partial(stock_loss, case, stock_modules))(stock_params, images, draws)
    theirs = torch_loss(case, modules, to_torch(images), {name: to_torch(value) for name, value in draws.items()})
    np.testing.assert_allclose([stock, theirs.item()], ours, rtol=1e-4)


@pytest.mark.parametrize(
    "options, steps",
    [
        ({"fused": 2}, 2),
        ({"members": 3}, 3),
        ({"members": 2, "member_execution": "unroll"}, 2),
        ({"bfloat16": True}, 1),
    ],
)
def test_settings_of_jaxgen_train_the_same_network(options, steps):
    program = jaxgen_systems.make(TINY["vae"], **options)
    program.run(program.draw(2))
    expected = torch_systems.make(TINY["vae"], platform="cpu", threads=1, channels_last=False)
    assert (program.parameters, program.steps) == (expected.parameters, steps)


@pytest.mark.parametrize("name", TINY)
def test_pytorch_trains_in_bfloat16(name):
    options = {"platform": "cpu", "threads": 1, "channels_last": True}
    program = torch_systems.make(TINY[name], bfloat16=True, **options)
    program.run(program.draw(2))


@pytest.mark.parametrize(
    "platform, only_populations", [("cpu", ()), ("cpu", systems.EXECUTIONS), ("cpu", ("map",)), ("gpu", ())]
)
def test_every_row_can_be_made(platform, only_populations):
    makers = {"jaxgen": jaxgen_systems.make, "stock": stock_systems.make, "torch": torch_systems.make}
    rows = systems.rows("dcgan", platform, threads=2, only_populations=only_populations)
    executions = only_populations or (systems.EXECUTIONS if platform == "gpu" else ())
    expected = len(executions) + ("map" in executions)
    assert sum("population" in row[0].name for row in rows) == expected
    assert systems.EXECUTIONS == execute.MEMBER_EXECUTIONS
    for row in rows:
        assert len({system.name for system in row}) == 1
        assert len({system.setting for system in row}) == len(row)
        for system in row:
            inspect.signature(makers[system.library]).bind(CASES["vae"], **system.options)
    assert len({row[0].name for row in rows}) == len(rows)
