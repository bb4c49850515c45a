"""Summary of a run folder, read without building its networks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxgen.data.sources.listing import MAX_CLASSES, some
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
        summary = plain | {
            "step": last["step"],
            "digest": last["digest"],
            "parameters": last["parameters"],
            "metrics": last["metrics"],
            "best": best and {"step": best["step"], "metrics": best["metrics"]},
            "checkpoints": checkpoints.steps(),
        }
        return as_json(summary)


def as_json(value: Any) -> Any:
    """Returns plain values as JSON can hold them, see `to_json`."""
    if isinstance(value, dict):
        return {name: as_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return to_json(value) if isinstance(value, float) else value


def opening_line(path: Path, content: Mapping[str, Any], parameters: Mapping[str, int], devices: int) -> str:
    """Returns what to print when a training begins: what is trained, on which images and on how many devices.

    Args:
      path: the run folder.
      content: of config.json.
      parameters: their number by player.
      devices: their number.
    """
    name, on = content["experiment"]["name"], f"{devices} device{'s' * (devices > 1)}"
    return f"{path}: {name} on {describe_images(content)}; {describe_parameters(parameters)} parameters; {on}"


def describe_images(content: Mapping[str, Any]) -> str:
    """Returns number, set, shape and classes of the images that the content of a config.json names."""
    shape = "×".join(map(str, content["image_shape"]))
    name = flatten(content["config"]).get("data.name", "unknown data")
    names = content.get("class_names", ())
    classes = f", {len(names)} classes: {some(names, MAX_CLASSES)}" if names else ""
    return f"{content.get('images', 0):,} images of {name}, {shape}{classes}"


def describe_parameters(parameters: Mapping[str, int]) -> str:
    """Returns the number of parameters of each player."""
    return ", ".join(f"{player} {count:,}" for player, count in parameters.items())


def to_text(summary: dict[str, Any]) -> str:
    """Returns the summary as text."""
    step, best, experiment = summary["step"], summary["best"], summary["experiment"]
    lines = [
        f"experiment   {experiment['name']} (sha256 {experiment.get('sha256', 'unknown')[:12]}…)",
        f"data         {describe_images(summary)}",
        f"step         {step}   checkpoints {', '.join(map(str, summary['checkpoints']))}",
        f"digest       {summary['digest']}",
        f"parameters   {describe_parameters(summary['parameters'])}",
        f"metrics      step {step}{', the best' if best and best['step'] == step else ''}",
    ]
    lines += [f"  {name:40} {float(value):.6g}" for name, value in summary["metrics"].items()]
    if best and best["step"] != step:
        lines += [f"best         step {best['step']}"]
        lines += [f"  {name:40} {float(value):.6g}" for name, value in best["metrics"].items()]
    lines += ["options", *(f"  {name} = {value}".rstrip() for name, value in flatten(summary["config"]).items())]
    return "\n".join(lines)
