"""Training steps with stock Flax layers, optax and plain jit, written as a careful Flax user writes them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from benchmarks.cases import ADAM, NOISE_SCALE, PENALTY_WEIGHT, Case
from benchmarks.jax_program import count, make_program
from benchmarks.program import Program
from benchmarks.stock_networks import VAE, DenseDiscriminator, DenseGenerator, Discriminator, DnCNN, Generator

PyTree = Any


class Player(NamedTuple):
    """One network in training."""

    params: PyTree
    stats: PyTree
    opt_state: PyTree


class State(NamedTuple):
    """A training."""

    step: Array
    players: dict[str, Player]


Step = Callable[[State, Array, Array], State]


def discriminator_loss(real_logits: Array, fake_logits: Array) -> Array:
    """Returns the mean binary cross-entropy of real images labelled 1 and generated ones labelled 0."""
    return (jax.nn.softplus(-real_logits) + jax.nn.softplus(fake_logits)).mean()


def generator_loss(fake_logits: Array) -> Array:
    """Returns the mean non-saturating loss."""
    return jax.nn.softplus(-fake_logits).mean()


def critic_loss(critic: Callable[[Array], Array], real: Array, fake: Array, weights: Array) -> Array:
    """Returns Gulrajani et al. 2017, algorithm 1, line 7; weights float[b, 1, 1, 1] interpolate real and fake."""
    between = weights * real + (1 - weights) * fake
    slope = jax.grad(lambda x: critic(x).sum())(between)
    penalty = (jnp.sqrt((slope**2).sum((1, 2, 3)) + 1e-12) - 1) ** 2
    return (critic(fake) - critic(real) + PENALTY_WEIGHT * penalty).mean()


def vae_loss(outputs: tuple[Array, Array, Array], images: Array) -> Array:
    """Returns the negative evidence lower bound, nats per image, with a Bernoulli likelihood."""
    logits, mean, log_variance = outputs
    reconstruction = optax.sigmoid_binary_cross_entropy(logits, images).sum()
    divergence = (mean**2 + jnp.exp(log_variance) - 1 - log_variance).sum() / 2
    return (reconstruction + divergence) / len(images)


def restoration_loss(restored: Array, clean: Array) -> Array:
    """Returns the mean squared error."""
    return ((restored - clean) ** 2).mean()


def make_adam(recipe: str) -> optax.GradientTransformation:
    """Returns the optimizer of a recipe."""
    rate, b1, b2 = ADAM[recipe]
    return optax.adam(rate, b1, b2)


def start(module, adam: optax.GradientTransformation, key: Array, *inputs: Array) -> Player:
    """Returns a network's first state."""
    variables = module.init(key, *inputs, train=False)
    params, stats = variables["params"], variables.get("batch_stats", {})
    return Player(params, stats, adam.init(params))


def call(module, params: PyTree, stats: PyTree, *inputs: Array) -> tuple[Any, PyTree]:
    """Returns a network's output in training and its updated statistics."""
    outputs, updated = module.apply(
        {"params": params, "batch_stats": stats}, *inputs, train=True, mutable=["batch_stats"]
    )
    return outputs, updated.get("batch_stats", {})


def descend(
    adam: optax.GradientTransformation, player: Player, loss: Callable[[PyTree], tuple[Array, PyTree]]
) -> Player:
    """Returns a network after one step down the gradient of loss: params -> (loss, updated statistics)."""
    gradients, stats = jax.grad(loss, has_aux=True)(player.params)
    updates, opt_state = adam.update(gradients, player.opt_state)
    return Player(optax.apply_updates(player.params, updates), stats, opt_state)


def make_gan(case: Case, dtype: Any) -> tuple[Callable[[Array], dict], Step]:
    """Returns (init, step) of a discriminator and a generator update."""
    if case.recipe == "gan_mlp":
        generator = DenseGenerator(case.width, case.channels, case.size, dtype)
        discriminator = DenseDiscriminator(case.width, dtype)
    else:
        generator = Generator(case.width, case.channels, dtype)
        discriminator = Discriminator(case.width, True, dtype)
    adam = make_adam(case.recipe)

    def init(key: Array) -> dict[str, Player]:
        images = jnp.zeros((1, case.size, case.size, case.channels))
        return {
            "generator": start(generator, adam, key, jnp.zeros((1, case.latent))),
            "discriminator": start(discriminator, adam, jax.random.fold_in(key, 1), images),
        }

    def step(state: State, images: Array, key: Array) -> State:
        discriminator_player, generator_player = state.players["discriminator"], state.players["generator"]
        real = 2 * images - 1
        latents = jax.random.normal(key, (len(real), case.latent))
        fake, _ = call(generator, generator_player.params, generator_player.stats, latents)

        def discriminator_player_loss(params: PyTree) -> tuple[Array, PyTree]:
            real_logits, stats = call(discriminator, params, discriminator_player.stats, real)
            fake_logits, stats = call(discriminator, params, stats, fake)
            return discriminator_loss(real_logits, fake_logits), stats

        discriminator_player = descend(adam, discriminator_player, discriminator_player_loss)

        def generator_player_loss(params: PyTree) -> tuple[Array, PyTree]:
            # The same pass as above: under one jit, XLA computes it once.
            fake, stats = call(generator, params, generator_player.stats, latents)
            fake_logits, _ = call(discriminator, discriminator_player.params, discriminator_player.stats, fake)
            return generator_loss(fake_logits), stats

        return State(
            state.step + 1,
            {
                "generator": descend(adam, generator_player, generator_player_loss),
                "discriminator": discriminator_player,
            },
        )

    return init, step


def make_wgan_gp(case: Case, dtype: Any) -> tuple[Callable[[Array], dict], Step]:
    """Returns (init, step) of a critic update; the generator only samples."""
    generator = Generator(case.width, case.channels, dtype)
    critic = Discriminator(case.width, False, dtype)
    adam = make_adam(case.recipe)

    def init(key: Array) -> dict[str, Player]:
        images = jnp.zeros((1, case.size, case.size, case.channels))
        return {
            "generator": start(generator, adam, key, jnp.zeros((1, case.latent))),
            "discriminator": start(critic, adam, jax.random.fold_in(key, 1), images),
        }

    def step(state: State, images: Array, key: Array) -> State:
        generator_player, discriminator_player = state.players["generator"], state.players["discriminator"]
        latent_key, weight_key = jax.random.split(key)
        real = 2 * images - 1
        fake, _ = call(
            generator,
            generator_player.params,
            generator_player.stats,
            jax.random.normal(latent_key, (len(real), case.latent)),
        )
        weights = jax.random.uniform(weight_key, (len(real), 1, 1, 1))

        def loss(params: PyTree) -> tuple[Array, PyTree]:
            judge_images = lambda x: jnp.asarray(critic.apply({"params": params}, x, train=True))
            return critic_loss(judge_images, real, fake, weights), {}

        return State(
            state.step + 1, {"generator": generator_player, "discriminator": descend(adam, discriminator_player, loss)}
        )

    return init, step


def make_vae(case: Case, dtype: Any) -> tuple[Callable[[Array], dict], Step]:
    """Returns (init, step) of a variational autoencoder."""
    model, adam = VAE(case.latent, case.width, case.hidden, dtype), make_adam(case.recipe)

    def init(key: Array) -> dict[str, Player]:
        images = jnp.zeros((1, case.size, case.size, case.channels))
        return {"model": start(model, adam, key, images, jnp.zeros((1, case.latent)))}

    def step(state: State, images: Array, key: Array) -> State:
        player = state.players["model"]
        noise = jax.random.normal(key, (len(images), case.latent))

        def loss(params: PyTree) -> tuple[Array, PyTree]:
            outputs, stats = call(model, params, player.stats, images, noise)
            return vae_loss(outputs, images), stats

        return State(state.step + 1, {"model": descend(adam, player, loss)})

    return init, step


def make_dncnn(case: Case, dtype: Any) -> tuple[Callable[[Array], dict], Step]:
    """Returns (init, step) of a denoiser."""
    model, adam = DnCNN(case.depth, case.width, dtype), make_adam(case.recipe)

    def init(key: Array) -> dict[str, Player]:
        return {"model": start(model, adam, key, jnp.zeros((1, case.size, case.size, case.channels)))}

    def step(state: State, images: Array, key: Array) -> State:
        player = state.players["model"]
        damaged = images + NOISE_SCALE * jax.random.normal(key, images.shape)

        def loss(params: PyTree) -> tuple[Array, PyTree]:
            restored, stats = call(model, params, player.stats, damaged)
            return restoration_loss(restored, images), stats

        return State(state.step + 1, {"model": descend(adam, player, loss)})

    return init, step


RECIPES = {"gan_mlp": make_gan, "dcgan": make_gan, "wgan_gp": make_wgan_gp, "vae": make_vae, "dncnn": make_dncnn}


def make(case: Case, *, bfloat16: bool = False) -> Program:
    """Returns a case's training in stock Flax.

    Args:
      case: what is trained.
      bfloat16: whether the layers compute in bfloat16, with float32 parameters and losses.
    """
    init, step = RECIPES[case.recipe](case, jnp.bfloat16 if bfloat16 else None)
    root = jax.random.key(1)
    advance = jax.jit(
        lambda state, images: step(state, images[0], jax.random.fold_in(root, state.step)), donate_argnums=0
    )
    players = jax.jit(init)(jax.random.key(0))
    parameters = count({name: player.params for name, player in players.items()})
    return make_program(case, advance, State(jnp.int32(0), players), parameters)
