"""Variational autoencoders: maximise E_q log p(x|z) − KL(q(z|x) ‖ p(z)).

Reference: Kingma and Welling 2014, equation 10; β by Higgins et al. 2017, equation 4.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.errors import unknown
from jaxgen.losses import variational
from jaxgen.objectives.modules import apply
from jaxgen.objectives.single import PLAYER, make_single
from jaxgen.step.randomness import Stream, example_keys, stream
from jaxgen.step.schedules import Hyper
from jaxgen.step.state import Batch, Metrics, Objective, PyTree, Selection, TrainState, averaged

LIKELIHOODS: dict[str, tuple[Callable[..., Array], Callable[[Array], Array]]] = {
    "bernoulli": (lambda decoded, images, hyper: variational.bernoulli_nll(decoded, images), jax.nn.sigmoid),
    "gaussian": (
        lambda decoded, images, hyper: variational.gaussian_nll(decoded, images, hyper["likelihood_scale"]),
        lambda decoded: jnp.clip(decoded, 0, 1),
    ),
}
PICTURES = 64
PAIRS, COLUMNS = 32, 8


def make_vae(
    module, *, latent: int, hyper: Mapping[str, float], likelihood: str = "bernoulli", **options: Any
) -> Objective:
    """Returns the objective of a variational autoencoder with a standard normal prior.

    Args:
      module: module with (images, noise, train) -> (decoded, mean, log_variance) and the method `decode`.
      latent: size of the code z.
      hyper: kl_weight (β; 1 is the bound itself), likelihood_scale (standard deviation of the Gaussian likelihood, in
        units of the [0, 1] range), and what `make_single` reads.
      likelihood: "bernoulli" on intensities in [0, 1], or "gaussian".
      **options: optimizer, schedule, microbatches, axis_name of `make_single`.
    Returns:
      Objective with `sample`, `generate` and `reconstruct`. Its metrics are in nats per image.
    Raises:
      UsageError: if the likelihood is unknown.
    Reference: Kingma and Welling 2014, equation 10.
    """
    if likelihood not in LIKELIHOODS:
        raise unknown("likelihood", likelihood, LIKELIHOODS)
    negative_log_likelihood, mean_image = LIKELIHOODS[likelihood]

    def draw_noise(keys: Array) -> Array:
        return jax.vmap(lambda key: jax.random.normal(key, (latent,)))(keys)

    def terms(variables: PyTree, images: Array, noise: Array, hyper: Hyper, train: bool):
        (decoded, mean, log_variance), stats = apply(module, variables, images, noise, train=train)
        reconstruction = negative_log_likelihood(decoded, images, hyper).mean()
        return reconstruction, variational.kl_standard_normal(mean, log_variance).mean(), stats

    def initialise(key: Array, batch: Batch) -> PyTree:
        return module.init(key, jnp.zeros((1, *batch["image"].shape[1:])), jnp.zeros((1, latent)), False)

    def draw(keys: Callable, batch: Batch, hyper: Hyper) -> PyTree:
        return batch["image"], draw_noise(keys(Stream.POSTERIOR))

    def loss(variables: PyTree, examples: PyTree, hyper: Hyper):
        reconstruction, kl, stats = terms(variables, *examples, hyper, train=True)
        total = reconstruction + hyper["kl_weight"] * kl
        return total, ({"loss": total, "reconstruction": reconstruction, "kl": kl}, stats)

    def generate(variables: PyTree, latents: Array, labels: None = None) -> Array:
        del labels
        return mean_image(apply(module, variables, latents, train=False, method="decode")[0])

    def sample(variables: PyTree, key: Array, count: int) -> Array:
        return generate(variables, draw_noise(example_keys(key, count)))

    def reconstruct(variables: PyTree, images: Array) -> Array:
        return mean_image(apply(module, variables, images, jnp.zeros((len(images), latent)), train=False)[0][0])

    def pictures(state: TrainState, batch: Batch) -> dict[str, Array]:
        """Returns samples, and rows of images each above the row of its reconstructions."""
        variables, images = averaged(state, PLAYER), batch["image"][:PAIRS]
        pairs = jnp.stack([x.reshape(-1, COLUMNS, *x.shape[1:]) for x in (images, reconstruct(variables, images))], 1)
        made = sample(variables, stream(state.key, Stream.PICTURES), PICTURES)
        return {"samples": made, "reconstructions": pairs.reshape(-1, *pairs.shape[2:])}

    def evaluate(state: TrainState, batch: Batch) -> Metrics:
        keys = example_keys(stream(state.key, Stream.EVALUATION), len(batch["image"]))
        reconstruction, kl, _ = terms(
            averaged(state, PLAYER), batch["image"], draw_noise(keys), state.hyper, train=False
        )
        return {
            "evaluation/negative_elbo": reconstruction + kl,
            "evaluation/reconstruction": reconstruction,
            "evaluation/kl": kl,
        }

    return make_single(
        initialise,
        draw,
        loss,
        hyper=hyper,
        pictures=pictures,
        evaluate=evaluate,
        selection=Selection("evaluation/negative_elbo", largest=False),
        sample=sample,
        generate=generate,
        latent=latent,
        reconstruct=reconstruct,
        **options,
    )
