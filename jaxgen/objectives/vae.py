"""Variational autoencoders: maximise a lower bound of log p(x).

With one sample of the code the bound is E_q log p(x|z) − KL(q(z|x) ‖ p(z)), the divergence in closed form; with K it is
log (1/K) Σ p(x, zₖ) / q(zₖ|x).
Reference: Kingma and Welling 2014, equation 10; Burda, Grosse, Salakhutdinov 2016, equation 8; β by Higgins et al.
2017, equation 4.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.errors import UsageError, unknown
from jaxgen.losses import variational
from jaxgen.objectives.codes import COLLAPSE, active_units, interpolations, rows_of_pairs, traversals
from jaxgen.objectives.likelihoods import LIKELIHOODS
from jaxgen.objectives.modules import apply, in_parts
from jaxgen.objectives.single import PLAYER, make_single
from jaxgen.training.optimizers import MakeOptimizer, require_hyper
from jaxgen.training.randomness import Stream, example_keys, stream
from jaxgen.training.schedules import Hyper, Schedule, constant
from jaxgen.training.state import Batch, Generative, Latent, Metrics, Objective, PyTree, Selection, TrainState, averaged

NUM_SAMPLES = 64
PAIRS = 32
TOGETHER = 500  # codes of held-out images whose activations are in memory at once


def check_options(likelihood: str, samples: int, binarise: bool, hyper: Mapping[str, float]) -> None:
    """Raises UsageError for options that are unknown, out of range, contradictory or missing; see `make_vae`."""
    if likelihood not in LIKELIHOODS:
        raise unknown("likelihood", likelihood, LIKELIHOODS)
    if samples < 1:
        raise UsageError(f"samples {samples}: give at least 1 code for each image")
    if binarise and likelihood != "bernoulli":
        raise UsageError(f"binarise with likelihood {likelihood}: set likelihood to bernoulli, or give --no-binarise")
    scales = LIKELIHOODS[likelihood].hyper
    needed = ["kl_weight", *["free_bits"] * (samples == 1)]
    needed += [field.name for field in fields(scales)] if scales else []
    require_hyper(hyper, needed)


def make_vae(
    module: Any,
    *,
    latent: int,
    hyper: Mapping[str, float],
    likelihood: str = "bernoulli",
    samples: int = 1,
    binarise: bool = False,
    optimizer: str | MakeOptimizer = "adam",
    schedule: Schedule = constant,
    microbatches: int = 1,
    axis_name: str | None = None,
) -> Objective:
    """Returns the objective of a variational autoencoder with a standard normal prior.

    Args:
      module: module with (images, noise, train) -> (decoded, mean, log_variance), see `models.vae.VAE`, and the methods
        `encode` and `decode`.
      latent: size of the code z.
      hyper: kl_weight (β; 1 is the bound itself), free_bits (nats of divergence that each latent has for nothing; with
        one sample), likelihood_scale (standard deviation of the Gaussian likelihood, in units of the [0, 1] range), and
        what `make_single` reads.
      likelihood: "bernoulli", "gaussian" or "logistic", discretised to 256 levels.
      samples: K, codes of each image in one bound.
      binarise: whether every step draws the pixels anew, white with their intensity as probability.
      optimizer, schedule, microbatches, axis_name: see `make_single`.
    Returns:
      Objective with `generative` and `latent`. Its metrics are in nats per image.
    Raises:
      UsageError: if the likelihood is unknown, there is no sample, gray levels are wanted of binary images, or a
        hyperparameter is missing.
    Reference: Burda, Grosse, Salakhutdinov 2016, equation 8; "dynamic" binarisation as in its section 5.
    """
    check_options(likelihood, samples, binarise, hyper)
    decoder = LIKELIHOODS[likelihood]

    def draw_noise(keys: Array, count: int) -> Array:
        return jax.vmap(lambda key: jax.random.normal(key, (count, latent)))(keys)

    def seen(keys: Array, images: Array) -> Array:
        return jax.vmap(jax.random.bernoulli)(keys, images).astype(images.dtype) if binarise else images

    def shown(state: TrainState, images: Array) -> Array:
        """Returns held-out images as training shows its own, the same at every step."""
        return seen(example_keys(stream(state.key, Stream.BINARISATION), len(images)), images)

    def terms(variables: PyTree, images: Array, noise: Array, hyper: Hyper, train: bool):
        """Returns −log p(x|z), [batch, samples]; log p(z) − log q(z|x), the same; mean, log variance; statistics."""
        (decoded, mean, log_variance), stats = apply(module, variables, images, noise, train=train)
        flat = decoded.reshape(-1, *decoded.shape[2:])
        nll = decoder.nll(flat, jnp.repeat(images, noise.shape[1], axis=0), hyper).reshape(noise.shape[:2])
        return nll, variational.prior_log_ratio(mean, log_variance, noise), mean, log_variance, stats

    def bound(nll: Array, ratio: Array, mean: Array, log_variance: Array, hyper: Hyper) -> Array:
        """Returns the negative bound of each image."""
        if samples == 1:
            return nll[:, 0] + hyper["kl_weight"] * variational.free_bits(mean, log_variance, hyper["free_bits"])
        return -variational.importance_weighted_bound((hyper["kl_weight"] * ratio - nll).T)

    def initialise(key: Array, batch: Batch) -> PyTree:
        return module.init(key, jnp.zeros((1, *batch["image"].shape[1:])), jnp.zeros((1, 1, latent)), False)

    def draw(keys: Callable, batch: Batch, hyper: Hyper) -> PyTree:
        return seen(keys(Stream.BINARISATION), batch["image"]), draw_noise(keys(Stream.POSTERIOR), samples)

    def loss(variables: PyTree, examples: PyTree, hyper: Hyper):
        nll, ratio, mean, log_variance, stats = terms(variables, examples[0], examples[1], hyper, train=True)
        total = bound(nll, ratio, mean, log_variance, hyper).mean()
        metrics = {
            "loss": total,
            "reconstruction": nll.mean(),
            "kl": variational.kl_standard_normal(mean, log_variance).mean(),
            "active_units": active_units(mean, axis_name),
        }
        return total, (metrics, stats)

    def encode(variables: PyTree, images: Array) -> tuple[Array, Array]:
        return apply(module, variables, images, train=False, method="encode")[0]

    def generate(variables: PyTree, latents: Array, labels: Array | None = None) -> Array:
        del labels
        return decoder.image(apply(module, variables, latents, train=False, method="decode")[0])

    def sample(variables: PyTree, key: Array, count: int, labels: Array | None = None, first: Array | int = 0) -> Array:
        return generate(variables, draw_noise(example_keys(key, count, first=first), 1)[:, 0], labels)

    def reconstruct(variables: PyTree, images: Array) -> Array:
        return generate(variables, encode(variables, images)[0])

    def log_weights(variables: PyTree, key: Array, images: Array, count: int, hyper: Hyper) -> Array:
        noise = draw_noise(example_keys(key, len(images)), count)
        nll, ratio, *_ = terms(variables, images, noise, hyper, train=False)
        return (ratio - nll).T

    def visualize(state: TrainState, batch: Batch) -> dict[str, Array]:
        """Returns samples; rows of images, each above the row of its reconstructions; walks between and along codes."""
        variables, images = averaged(state, PLAYER), shown(state, batch["image"])
        codes = in_parts(lambda part: encode(variables, part)[0], images, TOGETHER)
        decode = lambda codes: generate(variables, codes.reshape(-1, latent)).reshape(
            *codes.shape[:-1], *images.shape[1:]
        )
        return {
            "samples": sample(variables, stream(state.key, Stream.SAMPLES), NUM_SAMPLES),
            "reconstructions": rows_of_pairs(images[:PAIRS], reconstruct(variables, images[:PAIRS])),
            "interpolations": decode(interpolations(codes[:PAIRS])),
            "traversals": decode(traversals(codes)),
        }

    def evaluate(state: TrainState, batch: Batch) -> Metrics:
        variables = averaged(state, PLAYER)

        def measure(part: PyTree) -> tuple[Array, ...]:
            codes, images = part
            noise = draw_noise(codes, samples)
            nll, ratio, mean, log_variance, _ = terms(variables, images, noise, state.hyper, train=False)
            weighted = variational.importance_weighted_bound((ratio - nll).T)
            return nll.mean(1), variational.kl_standard_normal(mean, log_variance), weighted, mean

        keys = example_keys(stream(state.key, Stream.EVALUATION), len(batch["image"]))
        examples = keys, shown(state, batch["image"])
        nll, kl, weighted, means = in_parts(measure, examples, max(TOGETHER // samples, 1))
        tighter = {"evaluation/negative_bound": -weighted.mean()} if samples > 1 else {}
        return tighter | {
            "evaluation/negative_elbo": nll.mean() + kl.mean(),
            "evaluation/reconstruction": nll.mean(),
            "evaluation/kl": kl.mean(),
            "evaluation/active_units": active_units(means),
        }

    return make_single(
        initialise,
        draw,
        loss,
        hyper=hyper,
        visualize=visualize,
        evaluate=evaluate,
        selection=Selection(f"evaluation/negative_{'elbo' if samples == 1 else 'bound'}", direction="minimize"),
        alarms=(COLLAPSE,),
        generative=Generative(sample, generate, latent),
        latent=Latent(encode, reconstruct, log_weights),
        optimizer=optimizer,
        schedule=schedule,
        microbatches=microbatches,
        axis_name=axis_name,
    )
