"""jaxgen's own objectives, run by jaxgen's own executions.

Unlike the other systems, their steps also average the parameters and return metrics and gradient norms.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from benchmarks.cases import ADAM, NOISE_SCALE, PENALTY_WEIGHT, Case
from benchmarks.jax_program import count, make_program
from benchmarks.program import Program
from jaxgen.data import Feed
from jaxgen.degradations.noise import gaussian_noise
from jaxgen.losses import adversarial, reconstruction
from jaxgen.models.gan import dcgan, mlp
from jaxgen.models.restoration import dncnn
from jaxgen.models.vae import vae
from jaxgen.objectives.adversarial.gan import make_gan
from jaxgen.objectives.restoration import Damage, make_restoration
from jaxgen.objectives.vae import make_vae
from jaxgen.restoration.pretrained import load_restorer
from jaxgen.restoration.restorer import restore
from jaxgen.training import execute
from jaxgen.training.state import Batch, Metrics, Objective, TrainState


def hyper(case: Case, **more: float) -> dict[str, float]:
    """Returns a recipe's numbers."""
    rate, b1, b2 = ADAM[case.recipe]
    return {"learning_rate": rate, "b1": b1, "b2": b2, "ema_decay": 0.999, "clip_norm": 0.0} | more


def build_gan(case: Case, dtype: Any, norm: str, **options: Any) -> Objective:
    """Returns the objective of Radford's networks."""
    return make_gan(
        dcgan.Generator(case.size, case.channels, case.width, dtype=dtype),
        dcgan.Discriminator(norm, case.width, dtype=dtype),
        latent=case.latent,
        **options,
    )


def build_gan_mlp(case: Case, dtype: Any) -> Objective:
    """Returns the objective of a GAN of dense layers."""
    return make_gan(
        mlp.Generator("batch_norm", case.size, case.channels, dtype=dtype),
        mlp.Discriminator("batch_norm", dtype=dtype),
        latent=case.latent,
        loss=adversarial.non_saturating,
        hyper=hyper(case, discriminator_scale=1.0),
    )


def build_dcgan(case: Case, dtype: Any) -> Objective:
    """Returns the objective of a DCGAN."""
    numbers = hyper(case, discriminator_scale=1.0)
    return build_gan(case, dtype, "batch", loss=adversarial.non_saturating, hyper=numbers)


def build_wgan_gp(case: Case, dtype: Any) -> Objective:
    """Returns the objective of a Wasserstein GAN with gradient penalty, one critic update a step."""
    numbers = hyper(case, discriminator_scale=1.0, penalty_weight=PENALTY_WEIGHT, penalty_target=1.0)
    options = {"loss": adversarial.wasserstein, "hyper": numbers, "penalties": ("gradient_penalty",)}
    return build_gan(case, dtype, "none", **options)


def build_vae(case: Case, dtype: Any) -> Objective:
    """Returns the objective of a convolutional variational autoencoder."""
    model = vae.ConvVAE(
        case.size, case.channels, case.latent, features=(case.width, 2 * case.width), hidden=case.hidden, dtype=dtype
    )
    return make_vae(model, latent=case.latent, hyper=hyper(case, kl_weight=1.0, free_bits=0.0))


def build_dncnn(case: Case, dtype: Any) -> Objective:
    """Returns the objective of a denoiser."""
    return make_restoration(
        dncnn.DnCNN(case.depth, case.width, dtype=dtype),
        degrade=lambda keys, images, hyper: Damage(gaussian_noise(keys, images, hyper["noise_scale"])),
        loss=lambda clean, restored, hyper: reconstruction.mse(clean, restored),
        hyper=hyper(case, noise_scale=NOISE_SCALE),
    )


RECIPES = {
    "gan_mlp": build_gan_mlp,
    "dcgan": build_dcgan,
    "wgan_gp": build_wgan_gp,
    "vae": build_vae,
    "dncnn": build_dncnn,
}


def critic_only(step: execute.Step) -> execute.Step:
    """Returns the step without what it does to the generator, which XLA then does not compute."""

    def update(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        new, metrics = step(state, batch)
        kept = {
            field: getattr(state, field) | {"discriminator": getattr(new, field)["discriminator"]}
            for field in ("params", "stats", "opt_state")
        }
        critic_metrics = {name: value for name, value in metrics.items() if name.startswith("discriminator/")}
        return state.replace(step=new.step, **kept), critic_metrics

    return update


def make_restore(case: Case) -> Program:
    """Returns the shipped denoiser on single pictures, as `jaxgen restore` applies it: tiles, margins and all."""
    restorer = load_restorer("denoise_gray")

    def advance(state: Array, images: Array) -> Array:
        restore(restorer, np.asarray(images[0, 0]), NOISE_SCALE)
        return state

    return make_program(case, advance, jnp.zeros(()), restorer.spec.parameters)


def make(
    case: Case, *, fused: int = 1, members: int = 0, member_execution: str = "vmap", bfloat16: bool = False
) -> Program:
    """Returns a case's training in jaxgen.

    Args:
      case: what is trained.
      fused: steps in one dispatch.
      members: of a population; 0 trains one model without.
      member_execution: how its members are run.
      bfloat16: whether the networks compute in bfloat16, with float32 parameters and losses.
    """
    if case.recipe == "restore":
        return make_restore(case)
    objective = RECIPES[case.recipe](case, jnp.bfloat16 if bfloat16 else None)
    if case.recipe == "wgan_gp":
        objective = dataclasses.replace(objective, step=critic_only(objective.step))
    first = {"image": jnp.zeros((1, case.size, case.size, case.channels))}
    init = lambda key: objective.init(key, first)
    parameters = count(jax.eval_shape(init, jax.random.key(0)).params)
    next_images: list[Array] = []

    program = execute.compile_program(
        lambda axis_name: objective,
        lambda images: Feed(
            fetch=lambda first, steps: {"image": next_images.pop()},
            select=lambda payload, step, k, positions: {"image": payload["image"][k]},
            streamed=True,
        ),
        case.batch,
        steps=fused,
        members=members,
        member_execution=member_execution,
    )

    def advance(state: TrainState, images: Array) -> TrainState:
        next_images.append(images)
        return program.advance(state, 0)[0]

    root = jax.random.key(0)
    state = jax.jit(jax.vmap(init))(jax.random.split(root, members)) if members else jax.jit(init)(root)
    return make_program(case, advance, program.place(state), parameters, fused=fused, members=max(members, 1))
