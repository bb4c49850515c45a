"""How likely a variational model makes held-out images, by importance sampling, with the protocol."""

import dataclasses
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
"""The largest array of a chunk: more is no faster and takes memory."""
GREY_LEVELS = 256


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a likelihood was measured: two compare only where all of this agrees.

    Attributes:
      data: the data set.
      split: of it.
      images: how many.
      size: height and width in pixels; 0: as stored.
      fit: how images come to that size.
      pixels: what is counted as an image: its grey levels, intensities, or black and white drawn once.
      likelihood: of the decoder.
      samples: codes drawn for each image.
      chunk: of them at a time.
      seed: of codes and of black and white.
      ema: whether the averaged parameters were used.
    """

    data: str
    split: str
    images: int
    size: int
    fit: str
    pixels: str
    likelihood: str
    samples: int
    chunk: int
    seed: int
    ema: bool


def choose_chunk(log_weights: Callable[..., Array], arguments: tuple[Any, ...], samples: int, chunk: int) -> int:
    """Returns how many codes of an image are looked at together.

    Args:
      log_weights: (*arguments, count) -> float[count, batch].
      arguments: arrays or their shapes.
      samples: codes in all.
      chunk: as asked for; 0: as many as leave the arrays small, in chunks that are as even as may be.
    Raises:
      UsageError: if it is more than them, or does not fit memory.
    """
    needed = lambda count: memory.largest_array(lambda *given: log_weights(*given, count), *arguments)
    if not chunk:
        # The largest array grows with the codes, up to some that do not.
        allowed = max(int(samples * CHUNK_BYTES // max(needed(samples), 1)), 1)
        return -(-samples // -(-samples // allowed))
    if not 1 <= chunk <= samples:
        raise UsageError(f"chunk {chunk}: give 1 to {samples}, the number of samples, or leave it out")
    memory.require(needed(chunk), f"a chunk of {chunk} codes for {BATCH} images each", "give a smaller --chunk-size")
    return chunk


def pixels(objective: Likelihood, binarise: bool) -> str:
    """Returns what is counted as an image, in words."""
    if binarise:
        return "black or white, drawn once with the intensity as probability of white"
    return {
        0: "intensities with noise of one level, a density",
        2: "intensities, which is no probability of images",
    }.get(objective.levels, f"{objective.levels} grey levels")


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
    """Returns the likelihood of images and the protocol, as plain values.

    Args:
      config: the run's data.
      model: the objective's `latent`.
      variables: of its player.
      hyper: the recipe's numbers.
      likelihood: its name, one of `LIKELIHOODS`.
      binarise: whether the model is of black and white images.
      samples: codes drawn for each image.
      count: images, at most as many as the split has.
      chunk: codes of an image that are looked at together; 0: chosen by memory.
      reference: "test" or "train".
      seed: of codes and of black and white.
      ema: whether the variables are averaged ones, for the protocol.
    Returns:
      {"scores", "protocol", "seconds"}. Scores: nll and its standard error over images, negative_elbo (nats), bits per
      dimension where p is a probability of images, effective_samples (the median) and active_units.
    Raises:
      UsageError: if a number is out of range or a chunk does not fit memory.
    """
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"seed {seed}: give a whole number from 0 to 2**32 - 2")
    if samples < 1:
        raise UsageError(f"likelihood {samples}: give at least 1 sample")
    begin, kind = time.perf_counter(), LIKELIHOODS[likelihood]
    dataset = load_split(config, reference, dequantise=not kind.levels)
    images = np.concatenate(
        [np.asarray(batch["image"]) for batch in dataset_batches(dataset, min(count, len(dataset)), BATCH)]
    )
    codes, white = jax.random.split(jax.random.key(seed))
    if binarise:
        images = np.asarray(jax.random.bernoulli(white, images), np.float32)
    weights = lambda variables, key, images, many: model.log_weights(variables, key, images, many, hyper)
    first = np.resize(images[:BATCH], (BATCH, *images.shape[1:]))
    chunk = choose_chunk(weights, (variables, codes, first), samples, chunk)

    @jax.jit
    def estimate(variables: PyTree, key: Array, images: Array) -> tuple[Estimate, Array]:
        drawn = partial(weights, variables, images=images, many=chunk)
        return importance_sampling(drawn, key, samples), model.encode(variables, images)[0]

    parts = []
    for start in range(0, len(images), BATCH):
        # The last batch is filled up, so that one program serves all.
        batch = np.resize(images[start : start + BATCH], (BATCH, *images.shape[1:]))
        parts.append(jax.device_get(estimate(variables, jax.random.fold_in(codes, start), batch)))
    found, means = jax.tree.map(lambda *x: np.concatenate(x)[: len(images)], *parts)
    scores = {
        "nll": float(-found.log_likelihood.mean()),
        "nll_error": float(found.log_likelihood.std() / np.sqrt(len(images))),
        "negative_elbo": float(-found.bound.mean()),
        "effective_samples": float(np.median(found.effective)),
        "active_units": float(active_units(means)),
    }
    if binarise or kind.levels != 2:
        levels = 0 if kind.levels else GREY_LEVELS
        scores["bits_per_dimension"] = float(bits_per_dimension(scores["nll"], images[0].size, levels))
    protocol = Protocol(
        data=config.name,
        split=reference,
        images=len(images),
        size=config.size,
        fit=config.fit,
        pixels=pixels(kind, binarise),
        likelihood=likelihood,
        samples=samples,
        chunk=chunk,
        seed=seed,
        ema=ema,
    )
    seconds = round(time.perf_counter() - begin, 2)
    return {"scores": scores, "protocol": dataclasses.asdict(protocol), "seconds": seconds}


def as_text(found: dict[str, Any]) -> str:
    """Returns an evaluation as lines for a person: the scores, then the protocol."""
    lines = [f"{name:20} {value:12.5g}" for name, value in found["scores"].items()]
    lines += [f"{name:20} {value}" for name, value in found["protocol"].items()]
    return "\n".join([*lines, f"{'seconds':20} {found['seconds']}"])
