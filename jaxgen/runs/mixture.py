"""Latents drawn where a variational run's images lie: from a Gaussian mixture fitted to their codes."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.evaluation.features import dataset_batches
from jaxgen.evaluation.report import load_training_images
from jaxgen.runs.reopen import Opened
from jaxgen.training import execute
from jaxgen.training.state import PyTree

COMPONENTS = 10
IMAGES = 10_000
BATCH = 500
SEED = 0  # of the fit, which starts from clusters, and of black and white


def training_codes(opened: Opened, count: int = IMAGES) -> np.ndarray:
    """Returns the posterior means of a run's training images, float32[images, latent].

    Raises:
      UsageError: if the run has no codes.
    """
    latent = opened.objective.latent
    if latent is None:
        raise UsageError("this run has no codes of images; only variational experiments have them")
    dataset = load_training_images(opened.config.data)
    encode, chance = execute.jit_on_first_device(latent.encode), np.random.default_rng(SEED)

    def seen(images: Array) -> np.ndarray:
        """Returns images as training shows them to the encoder."""
        images = np.asarray(images)
        return (chance.random(images.shape) < images).astype(images.dtype) if opened.config.binarise else images

    batches = dataset_batches(dataset, min(count, len(dataset)), min(BATCH, len(dataset)))
    return np.concatenate([np.asarray(encode(opened.variables, seen(batch["image"]))[0]) for batch in batches])


def fit_mixture(codes: np.ndarray, components: int) -> tuple[Array, Array, Array]:
    """Returns a mixture of Gaussians with full covariances, fitted by expectation maximisation.

    Args:
      codes: float[images, latent].
      components: how many.
    Returns:
      (log weights[k], means[k, latent], Cholesky factors[k, latent, latent]), float32.
    Raises:
      UsageError: if there are fewer codes than components.
    """
    from sklearn.mixture import GaussianMixture

    if not 1 <= components <= len(codes):
        raise UsageError(f"{components} components for {len(codes)} codes: give from 1 to as many as there are codes")
    found = GaussianMixture(components, reg_covar=1e-4, random_state=SEED).fit(codes.astype(np.float64))
    factors = np.linalg.cholesky(found.covariances_)
    return tuple(jnp.asarray(x, jnp.float32) for x in (np.log(found.weights_), found.means_, factors))


def draw(key: Array, count: int, mixture: tuple[Array, Array, Array]) -> Array:
    """Returns latents of a mixture, float32[count, latent]."""
    log_weights, means, factors = mixture
    which, noise = jax.random.split(key)
    chosen = jax.random.categorical(which, log_weights, shape=(count,))
    normal = jax.random.normal(noise, (count, means.shape[1]))
    return means[chosen] + jnp.einsum("bij,bj->bi", factors[chosen], normal)


def with_mixture(opened: Opened, components: int = COMPONENTS) -> Opened:
    """Returns a run whose `sample` draws latents from a mixture fitted to the codes of its training images.

    Raises:
      UsageError: if the run has no codes, or fewer than components.
    """
    mixture = fit_mixture(training_codes(opened), components)
    generative = opened.objective.generative

    def sample(variables: PyTree, key: Array, count: int) -> Array:
        return generative.generate(variables, draw(key, count, mixture), None)

    return opened._replace(objective=replace(opened.objective, generative=replace(generative, sample=sample)))


def describe(components: int) -> str:
    """Returns in words, for a protocol, how `with_mixture` draws latents."""
    return f"a mixture of {components} Gaussians fitted to the codes of up to {IMAGES} training images"
