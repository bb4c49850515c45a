"""What a run's generated images are worth: from a run folder to an evaluation, and a line in it."""

import json
from pathlib import Path
from typing import Any

from jaxgen.errors import UsageError
from jaxgen.evaluation import extractors, report
from jaxgen.experiment import reopen

FILE = "evaluations.jsonl"


def evaluate_run(
    run: Path,
    *,
    extractor: str = "auto",
    count: int = 10_000,
    reference: str = "test",
    seed: int = 0,
    which: str = "last",
    ema: bool = True,
) -> dict[str, Any]:
    """Returns a run's scores, floor and protocol, and appends them to RUN/evaluations.jsonl.

    Args:
      run: its folder.
      extractor: see `extractors.choose`.
      count: generated images.
      reference: "test" or "train", the split to compare with.
      seed: of the latents.
      which: "last" or "best" checkpoint.
      ema: whether the averaged variables are measured.
    Returns:
      {"step", "checkpoint", "scores", "floor", "protocol", "seconds"}.
    Raises:
      UsageError: if the run generates nothing, cannot be opened, or does not fit the extractor.
    """
    opened = reopen.open_run(run, which=which, ema=ema)
    if opened.objective.sample is None:
        raise UsageError(f"{run} restores images and generates none: there is nothing to evaluate this way")
    data = opened.config.data
    try:
        found = report.evaluate(
            extractors.choose(extractor, data.name, data.channels),
            data,
            opened.objective.sample,
            opened.variables,
            count=count,
            reference=reference,
            seed=seed,
            ema=ema,
        )
    except ValueError as error:
        raise UsageError(f"{run} at step {opened.step}: {error}") from error
    found = {"step": opened.step, "checkpoint": which, **found}
    try:
        with (run / FILE).open("a") as file:
            file.write(json.dumps(found) + "\n")
    except OSError as error:
        raise UsageError(f"cannot write {run / FILE}: {error.strerror}") from error
    return found
