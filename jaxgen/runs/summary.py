"""What a run folder holds, without building its networks."""

from pathlib import Path
from typing import Any

from jaxgen.errors import UsageError
from jaxgen.io.text import to_json
from jaxgen.runs.disk.checkpoints import Checkpoints
from jaxgen.runs.disk.config_file import flatten
from jaxgen.runs.reopen import read_config


def describe(run: Path) -> dict[str, Any]:
    """Returns a run's facts as plain values.

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


def as_text(facts: dict[str, Any]) -> str:
    """Returns the facts as lines for a person."""
    lines = [
        f"experiment   {facts['experiment']['name']} (sha256 {facts['experiment']['sha256'][:12]}…)",
        f"step         {facts['step']}   checkpoints {', '.join(map(str, facts['checkpoints']))}",
        f"digest       {facts['digest']}",
        "parameters   " + ", ".join(f"{player} {count:,}" for player, count in facts["parameters"].items()),
    ]
    lines += [f"  {name:40} {float(value):.6g}" for name, value in facts["metrics"].items()]
    if facts["best"]:
        lines += [f"best         step {facts['best']['step']}"]
        lines += [f"  {name:40} {float(value):.6g}" for name, value in facts["best"]["metrics"].items()]
    lines += [f"  {name} = {value}" for name, value in flatten(facts["config"]).items()]
    return "\n".join(lines)
