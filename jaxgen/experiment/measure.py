"""What a run's generated images are worth: from a run folder to an evaluation, and a line in it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxgen.errors import UsageError
from jaxgen.evaluation import networks, report
from jaxgen.experiment import reopen
from jaxgen.experiment.adversarial import classes
from jaxgen.training import progress

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
    say: Callable[[str], None] = progress.say,
) -> dict[str, Any]:
    """Returns a run's scores, floor and protocol, and appends them to RUN/evaluations.jsonl.

    Args:
      run: its folder.
      extractor: see `networks.choose`.
      count: generated images; fewer where the data has fewer for the floor, which is then said.
      reference: "test" or "train", the split to compare with.
      seed: of the latents.
      which: "last" or "best" checkpoint.
      ema: whether the averaged variables are measured.
      say: takes warnings.
    Returns:
      {"step", "checkpoint", "scores", "floor", "protocol", "seconds"}.
    Raises:
      UsageError: if the run generates nothing, cannot be opened, or does not fit the extractor.
    """
    built = reopen.build(run, say)
    if built.objective.sample is None:
        raise UsageError(f"{run}: {reopen.NOTHING_GENERATED}; a restorer is evaluated with --on FOLDER")
    # Before the checkpoint is read: that takes long, and what does not fit is known already.
    network = networks.choose(extractor, built.config.data.name, built.config.data.channels)
    opened = reopen.open_built(run, built, which=which, ema=ema, say=say)
    try:
        found = report.evaluate(
            network,
            built.config.data,
            built.objective.sample,
            opened.variables,
            conditional=classes(built.config) > 0,
            count=count,
            reference=reference,
            seed=seed,
            ema=ema,
        )
    except ValueError as error:  # Metrics raise it for images that cannot be measured.
        raise UsageError(f"{run} at step {opened.step}: {error}") from error
    if (generated := found["protocol"]["generated"]) < count:
        say(f"{generated} images are generated and not {count}: the floor has no more, {found['protocol']['floor']}")
    found = {"step": opened.step, "checkpoint": which, **found}
    keep(run, found)
    return found


def keep(run: Path, found: dict[str, Any]) -> None:
    """Appends an evaluation to RUN/evaluations.jsonl, or raises UsageError where that cannot be written."""
    try:
        with (run / FILE).open("a") as file:
            file.write(json.dumps(found) + "\n")
    except OSError as error:
        raise UsageError(f"cannot write {run / FILE}: {error.strerror}") from error
