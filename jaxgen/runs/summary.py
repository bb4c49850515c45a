"""Summary of a run folder, read without building its networks."""

from pathlib import Path
from typing import Any

from jaxgen.errors import UsageError
from jaxgen.io.text import to_json
from jaxgen.runs.disk.checkpoints import Checkpoints
from jaxgen.runs.disk.config_file import flatten
from jaxgen.runs.reopen import read_config


def describe(run: Path) -> dict[str, Any]:
    """Returns the summary of a run as plain values.

    Returns:
      {"experiment", "config", "step", "digest" (of the last state: same bits, same digest), "parameters" (how many, by
      player), "metrics" (of the last checkpoint), "best" ({"step", "metrics"} of the best one, or None),
      "checkpoints" (their steps)}.
    Raises:
      UsageError: if the folder holds no run or no checkpoint that can be read.
    """
    plain = read_config(run)
    with Checkpoints(run / "checkpoints") as checkpoints:
        last, best = checkpoints.record("last"), checkpoints.record("best")
        if last is None:
            raise UsageError(f"{run} has no checkpoint yet: train it first")
        return plain | {
            "step": last["step"],
            "digest": last["digest"],
            "parameters": last["parameters"],
            "metrics": as_json(last["metrics"]),
            "best": best and {"step": best["step"], "metrics": as_json(best["metrics"])},
            "checkpoints": checkpoints.steps(),
        }


def as_json(metrics: dict[str, float]) -> dict[str, float | str]:
    """Returns metrics as JSON can hold them."""
    return {name: to_json(value) for name, value in metrics.items()}


def to_text(summary: dict[str, Any]) -> str:
    """Returns the summary as text."""
    lines = [
        f"experiment   {summary['experiment']['name']} (sha256 {summary['experiment']['sha256'][:12]}…)",
        f"step         {summary['step']}   checkpoints {', '.join(map(str, summary['checkpoints']))}",
        f"digest       {summary['digest']}",
        "parameters   " + ", ".join(f"{player} {count:,}" for player, count in summary["parameters"].items()),
    ]
    lines += [f"  {name:40} {float(value):.6g}" for name, value in summary["metrics"].items()]
    if summary["best"]:
        lines += [f"best         step {summary['best']['step']}"]
        lines += [f"  {name:40} {float(value):.6g}" for name, value in summary["best"]["metrics"].items()]
    lines += [f"  {name} = {value}" for name, value in flatten(summary["config"]).items()]
    return "\n".join(lines)
