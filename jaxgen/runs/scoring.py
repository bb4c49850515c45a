"""Evaluates the generator of a run folder, and appends the result to RUN/evaluations.jsonl."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxgen.config.gan import classes
from jaxgen.config.vae import GREY, VariationalConfig, takes_grey_for_binary
from jaxgen.errors import UsageError
from jaxgen.evaluation import extractors, report
from jaxgen.evaluation.memorisation import ADVICE
from jaxgen.io.text import open_no_link, require_writable
from jaxgen.restoration import tasks
from jaxgen.runs import reopen
from jaxgen.runs.latents import with_latents
from jaxgen.runs.reopen import DEFAULTS, Built, OpenOptions, require_generative
from jaxgen.training import progress
from jaxgen.training.optimizers import hyper_arrays

FILE = "evaluations.jsonl"
Show = Callable[[dict[str, Any]], None]
"""Takes a result before it is written."""


def show_nothing(result: dict[str, Any]) -> None:
    """Ignores a result."""


def evaluate_run(
    run: Path | Built,
    *,
    extractor: str = "auto",
    count: int = 10_000,
    reference: str = "test",
    seed: int = 0,
    options: OpenOptions = DEFAULTS,
    mixture: int = 0,
    truncation: float = 0.0,
    restore: str = "",
    out: Path | None = None,
    show: Show = show_nothing,
    say: Callable[[str], None] = progress.say,
) -> dict[str, Any]:
    """Computes the scores of a run's generated images, and appends them to RUN/evaluations.jsonl.

    Args:
      run: the run folder, or a run that is built.
      extractor: the feature extractor, see `extractors.load_extractor`.
      count: number of generated images. It is reduced, with a warning, to the number of images that the floor has.
      reference: split of the real images, "test" or "train".
      seed: seed of the latents.
      options: how the run is opened.
      mixture: number of Gaussians of a mixture, fitted to the codes of training images, that latents are sampled
        from; 0: the prior.
      truncation: bound of the latents in standard deviations; 0: none.
      restore: task of `jaxgen restore` that is applied to generated images before they are scored; empty: none.
      out: file that the result is appended to; None: RUN/evaluations.jsonl.
      show: takes the result before it is written.
      say: takes warnings.
    Returns:
      {"step", "checkpoint", "scores", "floor", "protocol", "seconds"}.
    Raises:
      UsageError: if the run is no generator, cannot be opened or does not fit the extractor, or the task is unknown.
    """
    require_appendable(out)
    built = reopen.as_built(run, options, say)
    require_generative(built.objective, "a restorer is evaluated with --images FOLDER")
    # Before the checkpoint, which takes longer to read.
    network = extractors.load_extractor(extractor, built.config.data.name, built.config.data.channels)
    clean = tasks.batch_restorer(restore) if restore else None
    opened = reopen.load_weights(built, options, say)
    opened, source = with_latents(opened, mixture, truncation)
    try:
        evaluation = report.evaluate(
            network,
            built.config.data,
            require_generative(opened.objective).sample,
            opened.variables,
            conditional=classes(built.config) > 0,
            count=count,
            reference=reference,
            seed=seed,
            ema=options.ema,
            latents=source,
            restore=clean,
            restored=restore or "no",
        )
    except ValueError as error:  # Metrics raise it for images that cannot be measured.
        raise UsageError(f"{built.path} at step {opened.step}: {error}") from error
    protocol = evaluation["protocol"]
    if (generated := protocol["generated"]) < count:
        say(f"{generated} images are scored and not {count}: for the floor there are no more real ones")
    if evaluation["memorisation"] and evaluation["memorisation"]["copies"]:
        say(f"warning: {ADVICE}")
    evaluation = {"step": opened.step, "checkpoint": options.checkpoint, **evaluation}
    show(evaluation)
    append(out or built.path / FILE, evaluation, say)
    return evaluation


def evaluate_likelihood(
    run: Path,
    samples: int,
    *,
    count: int = 10_000,
    chunk_size: int = 0,
    reference: str = "test",
    seed: int = 0,
    options: OpenOptions = DEFAULTS,
    out: Path | None = None,
    show: Show = show_nothing,
    say: Callable[[str], None] = progress.say,
) -> dict[str, Any]:
    """Estimates the likelihood of images under a variational autoencoder, and appends it to RUN/evaluations.jsonl.

    Args:
      run: the run folder.
      samples: codes sampled per image.
      count: number of images, at most those of the split.
      chunk_size: codes per image that are evaluated at once; 0: chosen by memory.
      reference: split of the images, "test" or "train".
      seed: seed of codes and of binarization.
      options: how the run is opened.
      out: file that the result is appended to; None: RUN/evaluations.jsonl.
      show: takes the result before it is written.
      say: takes warnings.
    Returns:
      {"step", "checkpoint", "scores", "protocol", "seconds"}, see `evaluation.likelihood.evaluate`.
    Raises:
      UsageError: if the run has no likelihood, cannot be opened, or a number is out of range.
    """
    from jaxgen.evaluation import likelihood

    require_appendable(out)
    built = reopen.build(run, options, say)
    config = built.config
    if built.objective.latent is None or not isinstance(config, VariationalConfig):
        raise UsageError(f"{run}: this run has no likelihood; only variational experiments have one")
    if takes_grey_for_binary(config):
        say(f"warning: {GREY}")
    opened = reopen.load_weights(built, options, say)
    evaluation = likelihood.evaluate(
        config.data,
        built.objective.latent,
        opened.variables,
        hyper_arrays(dataclasses.asdict(config.hyper)),
        likelihood=config.likelihood,
        binarise=config.binarise,
        samples=samples,
        count=count,
        chunk=chunk_size,
        reference=reference,
        seed=seed,
        ema=options.ema,
    )
    evaluation = {"step": opened.step, "checkpoint": options.checkpoint, **evaluation}
    show(evaluation)
    append(out or run / FILE, evaluation, say)
    return evaluation


def require_appendable(out: Path | None) -> None:
    """Raises UsageError where a file for results cannot be written, before the work is done; None is RUN's own."""
    if out is not None:
        if out.is_dir():
            raise UsageError(f"--out {out} is a folder: name a file, which results are appended to")
        require_writable(out.parent)


def append(path: Path, evaluation: dict[str, Any], say: Callable[[str], None]) -> None:
    """Appends an evaluation to a file, or warns that it cannot be written, as where the run is on a read-only disk."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_no_link(path, "a") as file:
            file.write(json.dumps(evaluation) + "\n")
    except OSError as error:
        say(f"warning: {path} is not written ({error.strerror}); --out FILE writes the result elsewhere")
