"""Plots a run's metrics over its steps."""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jaxgen.io.text import write_image_file


def series(history: Sequence[Mapping], name: str) -> tuple[list[int], list[float]]:
    """Returns the steps at which a metric was logged, and its values."""
    points = [(line["step"], line[name]) for line in history if isinstance(line.get(name), int | float)]
    return [step for step, _ in points], [value for _, value in points]


def panels(history: Sequence[Mapping]) -> dict[str, list[str]]:
    """Returns the names of metrics grouped by their last part: generator/loss and discriminator/loss share a panel."""
    names = sorted({name for line in history for name in line} - {"step", "time"})
    grouped: dict[str, list[str]] = {}
    for name in names:
        grouped.setdefault(name.split("/")[-1], []).append(name)
    return grouped


def draw(history: Sequence[Mapping], path: Path, *, say: Callable[[str], None] = print) -> None:
    """Writes an image with a panel for each kind of metric; without matplotlib it prints a line and writes none.

    Args:
      history: the lines of metrics.jsonl, each with "step".
      path: of the image.
      say: takes the line that matplotlib is missing.
    Raises:
      UsageError: if the image cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        say("no curves.png: matplotlib is not installed; the metrics are in metrics.jsonl")
        return
    groups = panels(history)
    if not groups:
        return
    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    figure = Figure(figsize=(4.5 * columns, 2.8 * rows), layout="constrained")
    for axes, (title, names) in zip(figure.subplots(rows, columns, squeeze=False).flat, groups.items(), strict=False):
        for name in names:
            axes.plot(*series(history, name), label=name, linewidth=1, marker="." if name.startswith("eval") else None)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=7)
        if len(names) > 1:
            axes.legend(fontsize=7)
    for axes in figure.axes[len(groups) :]:
        axes.remove()
    content = io.BytesIO()
    figure.savefig(content, dpi=110, format="png")
    write_image_file(path, content.getvalue())
