"""What a run's generated images are worth: from a run folder to an evaluation, and a line in it."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxgen.config.gan import classes
from jaxgen.config.vae import GREY, takes_grey_for_binary
from jaxgen.errors import UsageError
from jaxgen.evaluation import extractors, report
from jaxgen.evaluation.memorisation import ADVICE
from jaxgen.restoration import tasks
from jaxgen.runs import mixture, reopen
from jaxgen.runs.reopen import DEFAULTS, OpenOptions
from jaxgen.runs.truncation import describe, with_truncation
from jaxgen.training import progress
from jaxgen.training.optimizers import hyper_arrays

FILE = "evaluations.jsonl"


def evaluate_run(
    run: Path,
    *,
    extractor: str = "auto",
    count: int = 10_000,
    reference: str = "test",
    seed: int = 0,
    options: OpenOptions = DEFAULTS,
    components: int = 0,
    truncation: float = 0.0,
    restore: str = "",
    say: Callable[[str], None] = progress.say,
) -> dict[str, Any]:
    """Returns a run's scores, floor and protocol, and appends them to RUN/evaluations.jsonl.

    Args:
      run: its folder.
      extractor: see `extractors.load_extractor`.
      count: generated images; fewer where the data has fewer for the floor, which is then said.
      reference: "test" or "train", the split to compare with.
      seed: of the latents.
      options: how the run is opened.
      components: of a Gaussian mixture, fitted to the codes of training images, that latents are drawn from; 0: they
        are drawn from the prior.
      truncation: at what the numbers of latents are cut, in standard deviations; 0: nowhere.
      restore: task of `jaxgen restore` by which generated images are restored before they are measured; empty: none.
      say: takes warnings.
    Returns:
      {"step", "checkpoint", "scores", "floor", "protocol", "seconds"}.
    Raises:
      UsageError: if the run generates nothing, cannot be opened or does not fit the extractor, or for an unknown task.
    """
    built = reopen.build(run, options, say)
    if built.objective.generative is None:
        raise UsageError(f"{run}: {reopen.NOTHING_GENERATED}; a restorer is evaluated with --images FOLDER")
    # Before the checkpoint is read: that takes long, and what does not fit is known already.
    network = extractors.load_extractor(extractor, built.config.data.name, built.config.data.channels)
    clean = tasks.batch_restorer(restore) if restore else None
    opened = reopen.load_weights(built, options, say)
    latents = "the prior"
    if components:
        opened, latents = mixture.with_mixture(opened, components), mixture.describe(components)
    if truncation:
        opened, latents = with_truncation(opened, truncation), describe(truncation)
    try:
        found = report.evaluate(
            network,
            built.config.data,
            opened.objective.generative.sample,
            opened.variables,
            conditional=classes(built.config) > 0,
            count=count,
            reference=reference,
            seed=seed,
            ema=options.ema,
            latents=latents,
            restore=clean,
            restored=restore or "no",
        )
    except ValueError as error:  # Metrics raise it for images that cannot be measured.
        raise UsageError(f"{run} at step {opened.step}: {error}") from error
    if (generated := found["protocol"]["generated"]) < count:
        say(f"{generated} images are generated and not {count}: the floor has no more, {found['protocol']['floor']}")
    if found["memorisation"] and found["memorisation"]["copies"]:
        say(f"warning: {ADVICE}")
    found = {"step": opened.step, "checkpoint": options.checkpoint, **found}
    append(run, found, say)
    return found


def evaluate_likelihood(
    run: Path,
    samples: int,
    *,
    count: int = 10_000,
    chunk: int = 0,
    reference: str = "test",
    seed: int = 0,
    options: OpenOptions = DEFAULTS,
    say: Callable[[str], None] = progress.say,
) -> dict[str, Any]:
    """Returns how likely a variational run makes held-out images, and appends it to RUN/evaluations.jsonl.

    Args:
      run: its folder.
      samples: codes drawn for each image.
      count: images, at most as many as the split has.
      chunk: codes of an image that are looked at together; 0: chosen by memory.
      reference: "test" or "train", the split.
      seed: of codes and of black and white.
      options: how the run is opened.
      say: takes warnings.
    Returns:
      {"step", "checkpoint", "scores", "protocol", "seconds"}, see `evaluation.likelihood.evaluate`.
    Raises:
      UsageError: if the run has no likelihood, cannot be opened, or a number is out of range.
    """
    from jaxgen.evaluation import likelihood

    built = reopen.build(run, options, say)
    if built.objective.latent is None:
        raise UsageError(f"{run}: this run has no likelihood; only variational experiments have one")
    config = built.config
    if takes_grey_for_binary(config):
        say(f"warning: {GREY}")
    opened = reopen.load_weights(built, options, say)
    found = likelihood.evaluate(
        config.data,
        built.objective.latent,
        opened.variables,
        hyper_arrays(dataclasses.asdict(config.hyper)),
        likelihood=config.likelihood,
        binarise=config.binarise,
        samples=samples,
        count=count,
        chunk=chunk,
        reference=reference,
        seed=seed,
        ema=options.ema,
    )
    found = {"step": opened.step, "checkpoint": options.checkpoint, **found}
    append(run, found, say)
    return found


def append(run: Path, found: dict[str, Any], say: Callable[[str], None]) -> None:
    """Appends an evaluation to RUN/evaluations.jsonl, or says that this cannot be written."""
    try:
        with (run / FILE).open("a") as file:
            file.write(json.dumps(found) + "\n")
    except OSError as error:
        say(f"warning: cannot write {run / FILE} ({error.strerror}): the evaluation is printed only")
