"""The damage benchmark: what classical filters and other ways to restore reach on each damage of `damages`.

A way is told the damaged picture, and where there is one the mask, which it may ignore. One that raises UsageError,
as for a network that this installation has not, gets no row; the reason is told in its place.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from jaxgen import filters
from jaxgen.errors import UsageError
from jaxgen.evaluation.damages import DAMAGES, MASKED, damaged, widened
from jaxgen.evaluation.restoration import BASELINES, INPUT, Method, score
from jaxgen.io.text import to_json
from jaxgen.metrics.masked import masked_psnr
from jaxgen.metrics.protocols import rounded

BIHARMONIC = "biharmonic, mask given"
PULL_PUSH = "pull and push, mask given"
RELAXED = "relaxed, mask given"
DARK_CHANNEL = "dark channel"
PROTOCOLS = {1: "gray8", 3: "rgb8"}
"""How pictures are compared, by their channels."""

Pictures = Mapping[str, Sequence[np.ndarray]]

masked = jax.jit(lambda reference, image, mask: masked_psnr(rounded(reference), rounded(image), mask))


class Case(NamedTuple):
    """One picture of the benchmark.

    Attributes:
      undamaged: float32[height, width, 1 or 3] in [0, 1].
      damaged: the same shape.
      mask: float32[height, width, 1], 1 where it is hidden, and around it as far as was asked; None where nothing is.
    """

    undamaged: np.ndarray
    damaged: np.ndarray
    mask: np.ndarray | None


class Score(NamedTuple):
    """What one way reaches on one picture.

    Attributes:
      psnr: in dB, of all pixels.
      ssim: of all pixels.
      masked_psnr: in dB, of the hidden pixels alone; NaN where there are none.
      seconds: that it took.
    """

    psnr: float
    ssim: float
    masked_psnr: float
    seconds: float


def filtered(change: Callable[[Array], Array], picture: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Returns what a filter makes of a picture, whatever hides it."""
    return np.asarray(change(picture[None])[0])


def filled(inpaint: Callable[[Array, Array], Array], picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns a picture with what is hidden filled by a filter."""
    return np.asarray(inpaint(picture[None], mask[None])[0])


def classical(name: str) -> dict[str, Method]:
    """Returns the classical ways to undo a damage, by name of their row.

    Args:
      name: of the damage, one of `DAMAGES`.
    """
    ways = {row: partial(filtered, change) for row, change in BASELINES.items()}
    if name in MASKED:
        ways[BIHARMONIC] = partial(filled, filters.inpaint_biharmonic)
        ways[PULL_PUSH] = partial(filled, filters.inpaint_pull_push)
        ways[RELAXED] = partial(filled, filters.inpaint_relaxed)
    if name == "haze":
        ways[DARK_CHANNEL] = partial(filtered, filters.dehaze)
    return ways


def scores(way: Method, cases: Sequence[Case]) -> list[Score]:
    """Returns what a way to restore reaches on each picture.

    Raises:
      ValueError: if a picture is smaller than 11×11 pixels, or comes back in another size.
      UsageError: if the way raises it.
    """
    found = []
    for undamaged, picture, mask in cases:
        begin = time.perf_counter()
        restored = way(picture, mask)
        seconds = time.perf_counter() - begin
        reached = score(PROTOCOLS[undamaged.shape[-1]], undamaged[None], restored[None])
        hidden = np.nan if mask is None else float(masked(undamaged[None], restored[None], mask[None])[0])
        found.append(Score(float(reached["psnr"][0]), float(reached["ssim"][0]), hidden, seconds))
    return found


def mean(found: Sequence[Score]) -> dict[str, float]:
    """Returns the mean scores of some pictures; PSNR of hidden pixels over those pictures that have any.

    Returns:
      {"psnr", "ssim", "seconds"}, and "masked_psnr" where there is one; of the seconds the median, in which the
      compilation for the first picture does not count unless it is the only one.
    """
    values = np.array(found, np.float64)
    row = {"psnr": values[:, 0].mean(), "ssim": values[:, 1].mean(), "seconds": np.median(values[:, 3])}
    hidden = values[~np.isnan(values[:, 2]), 2]
    return {key: float(value) for key, value in (row | ({"masked_psnr": hidden.mean()} if hidden.size else {})).items()}


def strike(name: str, picture: np.ndarray, index: int, seed: int, margin: int) -> Case:
    """Returns a picture with its damage; see `measure`."""
    made, mask = damaged(name, picture, index, seed)
    return Case(picture, made, None if mask is None else widened(mask, margin))


def measure(
    name: str, ways: Mapping[str, Method], pictures: Sequence[np.ndarray], seed: int = 0, margin: int = 0
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """Returns what the damaged pictures, the classical ways and others reach, and which were left out.

    Args:
      name: of the damage, one of `DAMAGES`.
      ways: by name of their row, (damaged float32[h, w, c], mask float32[h, w, 1] or None) -> restored.
      pictures: undamaged, float32[height, width, 1 or 3].
      seed: of the benchmark; a picture meets the same damage whatever restores it.
      margin: pixels by which masks reach beyond what is hidden; all that they show counts as hidden.
    Returns:
      ({row: its mean scores}, {row: why there is none}).
    Raises:
      UsageError: if there is no such damage.
    """
    cases = [strike(name, picture, index, seed, margin) for index, picture in enumerate(pictures)]
    rows, missing = {}, {}
    for row, way in ({INPUT: lambda picture, mask: picture} | classical(name) | dict(ways)).items():
        try:
            rows[row] = mean(scores(way, cases))
        except UsageError as error:
            missing[row] = str(error)
    return rows, missing


def gains(name: str, rows: Mapping[str, Mapping[str, float]]) -> tuple[str, dict[str, dict[str, float]]]:
    """Returns the name of the best classical row, and what each further way gains, in dB of the damage's own score.

    Args:
      name: of the damage; `DAMAGES` says whether all pixels count or the hidden ones.
      rows: see `measure`.
    Returns:
      (row, {row: {"over_classical", "over_input"}}).
    """
    key, known = DAMAGES[name].score, classical(name)
    best = max(known, key=lambda row: rows[row][key])
    return best, {
        row: {"over_classical": values[key] - rows[best][key], "over_input": values[key] - rows[INPUT][key]}
        for row, values in rows.items()
        if row not in known and row != INPUT
    }


def benchmark(name: str, ways: Mapping[str, Method], sets: Pictures, seed: int = 0, margin: int = 0) -> dict[str, Any]:
    """Returns one damage's part of the benchmark as JSON can hold it.

    Args:
      name: of the damage, one of `DAMAGES`.
      ways: see `measure`.
      sets: undamaged pictures by name of their set.
      seed: of the benchmark.
      margin: see `measure`.
    Returns:
      {"about", "score", "sets": {set: {"pictures", "rows": {row: {"psnr", "ssim", "masked_psnr", "seconds"}},
      "missing": {row: why}, "best_classical": row, "gains": {row: {"over_classical", "over_input"}}}}}.
    Raises:
      UsageError: if there is no such damage.
    """
    told = {}
    for group, pictures in sets.items():
        rows, missing = measure(name, ways, pictures, seed, margin)
        best, gained = gains(name, rows)
        told[group] = {
            "pictures": len(pictures),
            "rows": as_json(rows),
            "missing": missing,
            "best_classical": best,
            "gains": as_json(gained),
        }
    return {"about": DAMAGES[name].about, "score": DAMAGES[name].score, "sets": told}


def harm(ways: Mapping[str, Method], sets: Pictures) -> dict[str, Any]:
    """Returns what becomes of undamaged pictures, as JSON can hold it.

    Args:
      ways: by name of their row; they are given no mask.
      sets: undamaged pictures by name of their set.
    Returns:
      {set: {"pictures", "rows": {row: {"median", "least"}} PSNR in dB, "missing": {row: why}}}. Where a picture comes
      back as it was its PSNR is infinite, and the mean would say nothing of the others.
    """
    told = {}
    for group, pictures in sets.items():
        cases, rows, missing = [Case(picture, picture, None) for picture in pictures], {}, {}
        for row, way in ways.items():
            try:
                kept = [found.psnr for found in scores(way, cases)]
            except UsageError as error:
                missing[row] = str(error)
            else:
                rows[row] = {"median": np.median(kept), "least": min(kept)}
        told[group] = {"pictures": len(pictures), "rows": as_json(rows), "missing": missing}
    return told


def as_json(rows: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float | str]]:
    """Returns rows of numbers as JSON can hold them: infinite ones as words."""
    return {row: {key: to_json(value) for key, value in values.items()} for row, values in rows.items()}


def as_text(name: str, found: Mapping[str, Any]) -> str:
    """Returns what `benchmark` found for a damage as a table with three columns for each set."""
    keys = {"psnr": "PSNR", "ssim": "SSIM"} | ({"masked_psnr": "masked"} if name in MASKED else {})
    lines = [f"{name}: {found['about']}", *columns(found["sets"], keys, "rows")]
    if any(told["gains"] for told in found["sets"].values()):
        score = "PSNR of hidden pixels" if found["score"] == "masked_psnr" else "PSNR"
        best = "; ".join(f"{group}: {told['best_classical']}" for group, told in found["sets"].items())
        lines += ["", f"gain in {score} over the damaged input, and over the best classical row ({best})"]
        lines += columns(found["sets"], {"over_input": "input", "over_classical": "best"}, "gains")
    return "\n".join(lines + left_out(found["sets"]))


def harm_as_text(found: Mapping[str, Any]) -> str:
    """Returns what `harm` found as a table."""
    table = columns(found, {"median": "median", "least": "least"}, "rows")
    return "\n".join(["undamaged pictures: PSNR of what comes back", *table, *left_out(found)])


def columns(sets: Mapping[str, Any], keys: Mapping[str, str], part: str) -> list[str]:
    """Returns the lines of a table: a row for each way, some numbers of each set, a dash where there are none."""
    names = list(dict.fromkeys(row for told in sets.values() for row in told[part]))
    first = max(map(len, names), default=0)
    heads = [f"{group} ({told['pictures']})" for group, told in sets.items()]
    wide = max(7 * len(keys), *map(len, heads))
    lines = [
        "  ".join([" " * first, *(head.rjust(wide) for head in heads)]),
        "  ".join([" " * first, *("".join(f"{title:>7}" for title in keys.values()).rjust(wide) for _ in heads)]),
    ]
    for row in names:
        cells = ("".join(cell(told[part].get(row, {}), key) for key in keys).rjust(wide) for told in sets.values())
        lines.append("  ".join([row.ljust(first), *cells]))
    return lines


def cell(values: Mapping[str, float | str], key: str) -> str:
    """Returns a number of a row in seven characters."""
    if key not in values:
        return f"{'–':>7}"
    return f"{float(values[key]):7.{4 if key == 'ssim' else 2}f}"


def left_out(sets: Mapping[str, Any]) -> list[str]:
    """Returns a line for each row that is missing: where, and why."""
    where: dict[tuple[str, str], list[str]] = {}
    for group, told in sets.items():
        for row, why in told["missing"].items():
            where.setdefault((row, why), []).append(group)
    return [f"left out: {row} ({', '.join(groups)}): {why}" for (row, why), groups in where.items()]
