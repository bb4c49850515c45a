"""The likelihood of held-out images under a variational model, by importance sampling, with the protocol."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import Array

from jaxgen import data
from jaxgen.errors import UsageError
from jaxgen.evaluation import MAX_SEED
from jaxgen.evaluation.features import dataset_batches
from jaxgen.evaluation.report import load_split
from jaxgen.metrics.likelihood import Estimate, bits_per_dimension, importance_sampling
from jaxgen.objectives.codes import active_units
from jaxgen.objectives.likelihoods import LIKELIHOODS, Likelihood
from jaxgen.training import memory
from jaxgen.training.state import Latent, PyTree

BATCH = 100
CHUNK_BYTES = 2**26
"""Bytes of the largest array of a chunk. Larger chunks are not faster."""
GREY_LEVELS = 256


def choose_chunk(log_weights: Callable[..., Array], arguments: tuple[Any, ...], samples: int, chunk: int) -> int:
    """Returns the number of codes of an image in a chunk.

    Args:
      log_weights: (*arguments, count) -> float[count, batch].
      arguments: arrays or their shapes.
      samples: number of codes of an image.
      chunk: the option; 0: as many as `CHUNK_BYTES` allows, in chunks of nearly equal size.
    Raises:
      UsageError: if it is larger than `samples`, or does not fit in memory.
    """
    needed = lambda count: memory.largest_array(lambda *arrays: log_weights(*arrays, count), *arguments)
    if not chunk:
        # An array that does not grow with the number of codes may be the largest one.
        allowed = max(int(samples * CHUNK_BYTES // max(needed(samples), 1)), 1)
        return -(-samples // -(-samples // allowed))
    if not 1 <= chunk <= samples:
        raise UsageError(f"--chunk-size {chunk}: give 1 to {samples}, the number of samples, or omit it")
    memory.require(needed(chunk), f"a chunk of {chunk} codes for {BATCH} images each", "set a smaller --chunk-size")
    return chunk


def describe_pixels(likelihood: Likelihood, binarise: bool) -> str:
    """Returns the random variable of the likelihood in words, for the protocol."""
    if binarise:
        return "black or white, drawn once with the intensity as probability of white"
    return {
        0: "intensities with noise of one level, a density",
        2: "intensities, which is no probability of images",
    }.get(likelihood.levels, f"{likelihood.levels} grey levels")


def padded(images: np.ndarray, start: int) -> np.ndarray:
    """Returns a batch of images from an index on; the last batch is padded, so that one program computes all."""
    return np.resize(images[start : start + BATCH], (BATCH, *images.shape[1:]))


def summarize(estimates: Estimate) -> dict[str, float]:
    """Returns the scores of the estimates of all images."""
    return {
        "nll": float(-estimates.log_likelihood.mean()),
        "nll_error": float(estimates.log_likelihood.std() / np.sqrt(len(estimates.log_likelihood))),
        "negative_elbo": float(-estimates.bound.mean()),
        "effective_samples": float(np.median(estimates.effective)),
    }


def evaluate(
    config: data.Config,
    model: Latent,
    variables: PyTree,
    hyper: dict[str, Array],
    *,
    likelihood: str,
    binarise: bool,
    samples: int = 5000,
    count: int = 10_000,
    chunk: int = 0,
    reference: str = "test",
    seed: int = 0,
    ema: bool = True,
) -> dict[str, Any]:
    """Estimates the likelihood of images.

    Args:
      config: of the run's data.
      model: the objective's `latent`.
      variables: of its player.
      hyper: hyperparameters.
      likelihood: of the decoder, one of `LIKELIHOODS`.
      binarise: whether the model is trained on binarized images.
      samples: latent codes drawn for each image.
      count: largest number of images.
      chunk: codes of an image in a chunk; 0: chosen by memory.
      reference: "test" or "train", the split.
      seed: of the codes and of the binarization.
      ema: whether the variables are the averaged ones, for the protocol.
    Returns:
      {"scores", "protocol", "seconds"}; two likelihoods are comparable only if their protocols are equal. Scores: nll
      and its standard error over images, negative_elbo (nats), bits_per_dimension if p is a probability of images,
      effective_samples (the median) and active_units.
    Raises:
      UsageError: if a number is out of range, or a chunk does not fit in memory.
    """
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"seed {seed}: give an integer from 0 to {MAX_SEED}")
    if samples < 1:
        raise UsageError(f"--likelihood {samples}: give at least 1 sample")
    begin, kind = time.perf_counter(), LIKELIHOODS[likelihood]
    dataset = load_split(config, reference, dequantize=not kind.levels)
    batches = dataset_batches(dataset, min(count, len(dataset)), BATCH)
    images = np.concatenate([np.asarray(batch["image"]) for batch in batches])
    codes_key, binarise_key = jax.random.split(jax.random.key(seed))
    if binarise:
        images = np.asarray(jax.random.bernoulli(binarise_key, images), np.float32)
    log_weights = lambda variables, key, images, samples: model.log_weights(variables, key, images, samples, hyper)
    chunk = choose_chunk(log_weights, (variables, codes_key, padded(images, 0)), samples, chunk)

    @jax.jit
    def estimate(variables: PyTree, key: Array, images: Array) -> tuple[Estimate, Array]:
        draw = partial(log_weights, variables, images=images, samples=chunk)
        return importance_sampling(draw, key, samples), model.encode(variables, images)[0]

    parts = [
        jax.device_get(estimate(variables, jax.random.fold_in(codes_key, start), padded(images, start)))
        for start in range(0, len(images), BATCH)
    ]
    estimates, means = jax.tree.map(lambda *x: np.concatenate(x)[: len(images)], *parts)
    scores = summarize(estimates) | {"active_units": float(active_units(means))}
    if binarise or kind.levels != 2:
        levels = 0 if kind.levels else GREY_LEVELS
        scores["bits_per_dimension"] = float(bits_per_dimension(scores["nll"], images[0].size, levels))
    protocol = {
        "data": config.name,
        "split": reference,
        "images": len(images),
        "size": config.size,
        "fit": config.fit,
        "pixels": describe_pixels(kind, binarise),
        "likelihood": likelihood,
        "samples": samples,
        "chunk": chunk,
        "seed": seed,
        "ema": ema,
    }
    return {"scores": scores, "protocol": protocol, "seconds": round(time.perf_counter() - begin, 2)}


def to_text(evaluation: dict[str, Any]) -> str:
    """Formats an evaluation as text: the scores, and the protocol."""
    lines = [f"{name:20} {value:12.5g}" for name, value in evaluation["scores"].items()]
    lines += [f"{name:20} {value}" for name, value in evaluation["protocol"].items()]
    return "\n".join([*lines, f"{'seconds':20} {evaluation['seconds']}"])
