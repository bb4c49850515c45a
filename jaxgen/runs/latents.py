"""Samples latents from another distribution than the prior: a mixture of Gaussians, or the truncated prior.

A Gaussian mixture is fitted to the codes of a variational autoencoder's training images. The truncated prior gives less
diverse images, of higher fidelity.
"""

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgen.config.gan import classes
from jaxgen.config.vae import VariationalConfig
from jaxgen.errors import UsageError
from jaxgen.evaluation.features import dataset_batches
from jaxgen.evaluation.report import load_training_images
from jaxgen.runs.reopen import Opened, require_generative
from jaxgen.training import execute
from jaxgen.training.randomness import example_keys
from jaxgen.training.state import PyTree

COMPONENTS = 10
MAX_IMAGES = 10_000
"""Training images that a mixture is fitted to."""
BATCH = 500
SEED = 0
"""Seed of the fit's initial clusters and of binarization."""
Mixture = tuple[Array, Array, Array]
"""(log weights[k], means[k, latent], Cholesky factors of the covariances[k, latent, latent]), float32."""
STATISTICS_BATCHES, STATISTICS_BATCH = 60, 256
"""Batches of latents by which batch statistics are updated: their former values keep a weight of 0.9⁶⁰."""
Draw = Callable[[Array, int, Array | int], tuple[Array, Array | None]]
"""(key, count, index of the first one) -> (latents, labels or None)."""


def with_latents(opened: Opened, mixture: int | None, truncation: float | None) -> tuple[Opened, str]:
    """Returns a run that samples latents from another distribution, and what that is, for a protocol.

    Args:
      opened: the run.
      mixture: components, see `with_mixture`; None or 0: none.
      truncation: limit, see `with_truncation`; None or 0: none. With neither, the run is returned as it is.
    Raises:
      UsageError: if the run has no codes, or generates no images.
    """
    source = "the prior"
    if mixture:
        source = f"a mixture of {mixture} Gaussians fitted to the codes of up to {MAX_IMAGES} training images"
        opened = with_mixture(opened, mixture)
    if truncation:
        opened, source = with_truncation(opened, truncation), f"the prior, truncated to ±{truncation:g}"
    return opened, source


def training_codes(opened: Opened, count: int = MAX_IMAGES) -> np.ndarray:
    """Returns the posterior means of a run's training images, float32[images, latent].

    Raises:
      UsageError: if the run has no codes.
    """
    latent, config = opened.objective.latent, opened.config
    if latent is None or not isinstance(config, VariationalConfig):
        raise UsageError("this run has no codes of images; only variational experiments have them")
    dataset = load_training_images(config.data)
    encode, rng = execute.jit_on_first_device(latent.encode), np.random.default_rng(SEED)

    def preprocess(images: Array) -> np.ndarray:
        """Returns images as the encoder sees them in training."""
        pixels = np.asarray(images)
        return (rng.random(pixels.shape) < pixels).astype(pixels.dtype) if config.binarise else pixels

    batches = dataset_batches(dataset, min(count, len(dataset)), min(BATCH, len(dataset)))
    return np.concatenate([np.asarray(encode(opened.variables, preprocess(batch["image"]))[0]) for batch in batches])


def fit_mixture(codes: np.ndarray, components: int) -> Mixture:
    """Fits a mixture of Gaussians with full covariances by expectation maximization.

    Args:
      codes: float[images, latent].
      components: number of Gaussians.
    Raises:
      UsageError: if there are fewer codes than components.
    """
    from sklearn.mixture import GaussianMixture

    if not 1 <= components <= len(codes):
        raise UsageError(f"{components} components for {len(codes)} codes: give from 1 to as many as there are codes")
    fitted = GaussianMixture(components, reg_covar=1e-4, random_state=SEED).fit(codes.astype(np.float64))
    # scikit-learn sets them to None before the fit.
    weights, means, covariances = map(np.asarray, (fitted.weights_, fitted.means_, fitted.covariances_))
    factors = np.linalg.cholesky(covariances)
    return jnp.float32(np.log(weights)), jnp.float32(means), jnp.float32(factors)


def draw_mixture(keys: Array, mixture: Mixture) -> Array:
    """Samples a latent from a mixture by each key, float32[count, latent]."""
    log_weights, means, factors = mixture

    def draw(key: Array) -> Array:
        component_key, noise_key = jax.random.split(key)
        component = jax.random.categorical(component_key, log_weights)
        return means[component] + factors[component] @ jax.random.normal(noise_key, (means.shape[1],))

    return jax.vmap(draw)(keys)


def with_mixture(opened: Opened, components: int = COMPONENTS) -> Opened:
    """Returns a run that samples latents from a mixture fitted to the codes of its training images.

    Raises:
      UsageError: if the run has no codes, or fewer than components.
    """
    mixture = fit_mixture(training_codes(opened), components)
    generative = require_generative(opened.objective)

    def sample(variables: PyTree, key: Array, count: int, labels: Array | None = None, first: Array | int = 0) -> Array:
        return generative.generate(variables, draw_mixture(example_keys(key, count, first=first), mixture), labels)

    return opened._replace(objective=replace(opened.objective, generative=replace(generative, sample=sample)))


def with_truncation(opened: Opened, limit: float) -> Opened:
    """Returns a run that samples latents from the normal distribution truncated to ±limit.

    The generator's batch statistics are first estimated again on such latents: those of the full prior would give
    images of low contrast.

    Args:
      opened: the run.
      limit: in standard deviations of the prior, above 0.
    Raises:
      UsageError: if the run generates no images.
    Reference: Brock, Donahue, Simonyan 2019, section 3.1, and for the statistics appendix C ("standing statistics").
    """
    objective, num_classes = opened.objective, classes(opened.config)
    generative = require_generative(objective, f"leave truncation {limit:g} out")

    def draw(key: Array, count: int, first: Array | int = 0) -> tuple[Array, Array | None]:
        labels = (first + jnp.arange(count)) % num_classes if num_classes else None
        one = lambda key: jax.random.truncated_normal(key, -limit, limit, (generative.latent_size,))
        return jax.vmap(one)(example_keys(key, count, first=first)), labels

    def sample(variables: PyTree, key: Array, count: int, labels: Array | None = None, first: Array | int = 0) -> Array:
        latents, all_labels = draw(key, count, first)
        return generative.generate(variables, latents, all_labels if labels is None else labels)

    variables = opened.variables
    if generative.update_statistics is not None and jax.tree.leaves(variables["stats"]):
        variables = estimate_statistics(generative.update_statistics, variables, draw)
    return opened._replace(
        objective=replace(objective, generative=replace(generative, sample=sample)), variables=variables
    )


def estimate_statistics(update: Callable[..., PyTree], variables: PyTree, draw: Draw) -> PyTree:
    """Returns variables with batch statistics estimated on latents.

    Args:
      update: see `Generative.update_statistics`.
      variables: of the generator.
      draw: samples the latents and labels.
    """

    def body(variables: PyTree, key: Array) -> tuple[PyTree, None]:
        return update(variables, *draw(key, STATISTICS_BATCH, 0)), None

    keys = jax.random.split(jax.random.key(0), STATISTICS_BATCHES)
    return jax.jit(lambda variables: lax.scan(body, variables, keys)[0])(variables)
