"""The table of results: medians, ratios to a reference per round, and Markdown."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.cases import Case
from benchmarks.coordinator import Result

INFORMATION = ("peak_memory_mib", "compile_seconds", "first_step_seconds", "parameters")


def ratio(milliseconds: Sequence[float], reference: Sequence[float]) -> dict[str, float] | None:
    """Returns median and quartiles of the round-by-round ratio; None where either has no turns."""
    if not milliseconds or not reference:
        return None
    ratios = [ours / theirs for ours, theirs in zip(milliseconds, reference, strict=True)]
    low, _, high = statistics.quantiles(ratios, method="inclusive") if len(ratios) > 1 else ratios * 3
    return {"median": statistics.median(ratios), "lower_quartile": low, "upper_quartile": high}


def summarise(results: Sequence[Result], reference: str) -> list[dict[str, Any]]:
    """Returns one record for each result, with its ratio to the system of that name in the same case."""
    references = {result.case: result.milliseconds for result in results if result.system == reference}
    records = []
    for result in results:
        record = {"case": result.case, "system": result.system, "setting": result.setting, "failed": result.failed}
        if not result.failed:
            median = statistics.median(result.milliseconds)
            record |= {
                "milliseconds_per_step": median,
                "reference": reference,
                "ratio": ratio(result.milliseconds, references.get(result.case, ())),
                "images_per_second": 1e3 * result.batch / median,
                "rounds_milliseconds": list(result.milliseconds),
                **{key: result.information[key] for key in INFORMATION},
            }
        records.append(record)
    return records


HEADINGS = (
    "case",
    "system",
    "ms/step",
    "÷ {reference} [quartiles]",
    "images/s",
    "peak MiB",
    "compile s",
    "first step s",
)


def cells(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns one line of the table."""
    name = f"{record['system']} ({record['setting']})" if record["setting"] else record["system"]
    if record["failed"]:
        return record["case"], name, f"not measured: {record['failed']}"
    ratios = record["ratio"]
    return (
        record["case"],
        name,
        f"{record['milliseconds_per_step']:.2f}",
        f"{ratios['median']:.2f} [{ratios['lower_quartile']:.2f}–{ratios['upper_quartile']:.2f}]" if ratios else "–",
        f"{record['images_per_second']:.0f}",
        f"{record['peak_memory_mib']:.0f}",
        f"{record['compile_seconds']:.1f}",
        f"{record['first_step_seconds']:.1f}",
    )


def render(records: Sequence[Mapping[str, Any]], reference: str) -> str:
    """Returns the table as Markdown."""
    headings = [heading.format(reference=reference) for heading in HEADINGS]
    lines = [cells(record) for record in records]
    whole = [line for line in lines if len(line) == len(headings)]
    widths = [max(map(len, column)) for column in zip(headings, *whole, strict=True)]

    def row(line: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([row(headings), rule, *map(row, lines)])


def legend(name: str, case: Case) -> str:
    """Returns what one step of a case is."""
    image = "×".join(map(str, (case.batch, case.size, case.size, case.channels)))
    depth = f", {case.depth} layers" if case.depth else ""
    return f"{name}: {case.step}, images {image}, width {case.width}{depth}"
