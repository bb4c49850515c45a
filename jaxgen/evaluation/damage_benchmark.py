"""The damage benchmark: scores of classical filters and other restoration methods on each damage of `damages`.

A method takes the damaged image and, where there is one, the mask, which it may ignore. One that raises UsageError,
such as one whose network is not installed, gets no row; the tables give the reason instead.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen import filters
from jaxgen.errors import UsageError
from jaxgen.evaluation.damages import DAMAGES, damage_image, dilate_mask
from jaxgen.evaluation.restoration import BASELINES, INPUT, Method, score
from jaxgen.io.text import to_json
from jaxgen.metrics.masked import MASKED_METRICS
from jaxgen.metrics.protocols import rounded

BIHARMONIC = "biharmonic, mask given"
PULL_PUSH = "pull and push, mask given"
RELAXED = "relaxed, mask given"
DARK_CHANNEL = "dark channel"
PROTOCOLS = {1: "gray8", 3: "rgb8"}
"""The protocol by which images are compared, by their channels."""
HIDDEN_TITLES = {"masked_psnr": "masked", "gradient_distance": "grad"}
"""The heads of the columns of `MASKED_METRICS`."""

ImageSets = Mapping[str, Sequence[np.ndarray]]

score_hidden = jax.jit(
    lambda reference, image, mask: {
        name: metric.function(rounded(reference), rounded(image), mask) for name, metric in MASKED_METRICS.items()
    }
)


class Case(NamedTuple):
    """One image of the benchmark.

    Attributes:
      undamaged: float32[height, width, 1 or 3] in [0, 1].
      damaged: the same shape.
      mask: float32[height, width, 1], 1 where a pixel is hidden, dilated as requested; None for damage without a mask.
    """

    undamaged: np.ndarray
    damaged: np.ndarray
    mask: np.ndarray | None


class Score(NamedTuple):
    """The score of one method on one image.

    Attributes:
      psnr: of all pixels, in dB.
      ssim: of all pixels.
      masked_psnr: of the hidden pixels alone, in dB; NaN where there are none.
      seconds: run time.
      gradient_distance: of the hidden pixels, in gray levels; NaN where there are none. See `MASKED_METRICS`.
    """

    psnr: float
    ssim: float
    masked_psnr: float
    seconds: float
    gradient_distance: float = np.nan


def apply_filter(function: Callable[[Array], Array], image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Returns a filtered image; the mask has no effect."""
    return np.asarray(function(jnp.asarray(image[None]))[0])


def apply_inpainting(
    function: Callable[[Array, Array], Array], image: np.ndarray, mask: np.ndarray | None
) -> np.ndarray:
    """Returns an image whose hidden pixels are inpainted."""
    if mask is None:
        raise UsageError("inpainting needs a mask: choose a damage that hides pixels")
    return np.asarray(function(jnp.asarray(image[None]), jnp.asarray(mask[None]))[0])


def classical_methods(name: str) -> dict[str, Method]:
    """Returns the classical methods against a damage, by name of their row.

    Args:
      name: of the damage, a key of `DAMAGES`.
    """
    methods: dict[str, Method] = {row: partial(apply_filter, function) for row, function in BASELINES.items()}
    if DAMAGES[name].has_mask:
        methods[BIHARMONIC] = partial(apply_inpainting, filters.inpaint_biharmonic)
        methods[PULL_PUSH] = partial(apply_inpainting, filters.inpaint_pull_push)
        methods[RELAXED] = partial(apply_inpainting, filters.inpaint_relaxed)
    if name == "haze":
        methods[DARK_CHANNEL] = partial(apply_filter, filters.dehaze)
    return methods


def score_images(method: Method, cases: Sequence[Case]) -> list[Score]:
    """Returns the score of a method on each image.

    Raises:
      ValueError: if an image is smaller than 11×11 pixels, or the restored one has another size.
      UsageError: if the method raises it.
    """
    scores = []
    for undamaged, damaged, mask in cases:
        begin = time.perf_counter()
        restored = method(damaged, mask)
        seconds = time.perf_counter() - begin
        values = score(PROTOCOLS[undamaged.shape[-1]], undamaged[None], restored[None])
        hidden = {name: [np.nan] for name in MASKED_METRICS}
        if mask is not None:
            hidden = score_hidden(undamaged[None], restored[None], mask[None])
        masked = {name: float(value[0]) for name, value in hidden.items()}
        scores.append(Score(float(values["psnr"][0]), float(values["ssim"][0]), seconds=seconds, **masked))
    return scores


def mean(scores: Sequence[Score]) -> dict[str, float]:
    """Returns the mean scores over some images; those of hidden pixels over those images that have such pixels.

    Returns:
      {"psnr", "ssim", "seconds"}, and those of `MASKED_METRICS` where there are any. Seconds are the median, so that
      the compilation for the first image does not count unless it is the only one.
    """
    columns = {name: np.array([getattr(x, name) for x in scores], np.float64) for name in Score._fields}
    row = {name: columns[name].mean() for name in ("psnr", "ssim")} | {"seconds": np.median(columns["seconds"])}
    hidden = {name: columns[name][~np.isnan(columns[name])] for name in MASKED_METRICS}
    row |= {name: values.mean() for name, values in hidden.items() if values.size}
    return {name: float(value) for name, value in row.items()}


def make_case(name: str, image: np.ndarray, index: int, seed: int, dilation: int) -> Case:
    """Returns an image with its damage; see `measure`."""
    damaged, mask = damage_image(name, image, index, seed)
    return Case(image, damaged, None if mask is None else dilate_mask(mask, dilation))


def measure(
    name: str, methods: Mapping[str, Method], images: Sequence[np.ndarray], seed: int = 0, dilation: int = 0
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """Returns the scores of the damaged images, the classical methods and others, and which methods were left out.

    Args:
      name: of the damage, a key of `DAMAGES`.
      methods: by name of their row, (damaged float32[h, w, c], mask float32[h, w, 1] or None) -> restored.
      images: undamaged, float32[height, width, 1 or 3].
      seed: of the benchmark; the damage of an image is the same for all methods.
      dilation: of the masks, in pixels; all masked pixels count as hidden.
    Returns:
      ({row: scores of `mean`}, {row: why it was left out}); the row `INPUT` is the damage.
    """
    cases = [make_case(name, image, index, seed, dilation) for index, image in enumerate(images)]
    rows, missing = {}, {}
    unchanged: dict[str, Method] = {INPUT: lambda image, mask: image}
    for row, method in (unchanged | classical_methods(name) | dict(methods)).items():
        try:
            rows[row] = mean(score_images(method, cases))
        except UsageError as error:
            missing[row] = str(error)
    return rows, missing


def gains(name: str, rows: Mapping[str, Mapping[str, float]]) -> tuple[str, dict[str, dict[str, float]]]:
    """Returns the row of the best classical method, and the gain of each further method in dB of the damage's metric.

    Args:
      name: of the damage; `DAMAGES` names the metric.
      rows: see `measure`.
    Returns:
      (row, {row: {"over_classical", "over_input"}}).
    """
    metric, classical = DAMAGES[name].score, classical_methods(name)
    best = max(classical, key=lambda row: rows[row][metric])
    return best, {
        row: {
            "over_classical": values[metric] - rows[best][metric],
            "over_input": values[metric] - rows[INPUT][metric],
        }
        for row, values in rows.items()
        if row not in classical and row != INPUT
    }


def benchmark(
    name: str, methods: Mapping[str, Method], sets: ImageSets, seed: int = 0, dilation: int = 0
) -> dict[str, Any]:
    """Returns the benchmark of one damage as JSON can hold it.

    Args:
      name: of the damage, a key of `DAMAGES`.
      methods: see `measure`.
      sets: undamaged images by name of their set.
      seed: of the benchmark.
      dilation: see `measure`.
    Returns:
      {"about", "score", "sets": {set: {"pictures", "rows": {row: scores of `mean`},
      "missing": {row: why}, "best_classical": row, "gains": {row: {"over_classical", "over_input"}}}}}.
    Raises:
      UsageError: if there is no such damage.
    """
    results = {}
    for group, images in sets.items():
        rows, missing = measure(name, methods, images, seed, dilation)
        best, gained = gains(name, rows)
        results[group] = {
            "pictures": len(images),
            "rows": as_json(rows),
            "missing": missing,
            "best_classical": best,
            "gains": as_json(gained),
        }
    return {"about": DAMAGES[name].about, "score": DAMAGES[name].score, "sets": results}


def measure_undamaged(methods: Mapping[str, Method], sets: ImageSets) -> dict[str, Any]:
    """Returns how much methods change undamaged images, as JSON can hold it.

    Args:
      methods: by name of their row; they receive no mask.
      sets: undamaged images by name of their set.
    Returns:
      {set: {"pictures", "rows": {row: {"median", "least"}} PSNR in dB, "missing": {row: why}}}. The PSNR of an
      unchanged image is infinite, hence no mean.
    """
    results = {}
    for group, images in sets.items():
        cases, rows, missing = [Case(image, image, None) for image in images], {}, {}
        for row, method in methods.items():
            try:
                psnr = [case.psnr for case in score_images(method, cases)]
            except UsageError as error:
                missing[row] = str(error)
            else:
                rows[row] = {"median": np.median(psnr), "least": min(psnr)}
        results[group] = {"pictures": len(images), "rows": as_json(rows), "missing": missing}
    return results


def as_json(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float | str]]:
    """Returns rows of numbers as JSON can hold them: infinite ones as words."""
    return {row: {key: to_json(value) for key, value in values.items()} for row, values in rows.items()}


def as_text(name: str, result: Mapping[str, Any]) -> str:
    """Returns the result of `benchmark` as a table with three columns for each set."""
    keys = {"psnr": "PSNR", "ssim": "SSIM"} | (HIDDEN_TITLES if DAMAGES[name].has_mask else {})
    lines = [f"{name}: {result['about']}", *table(result["sets"], keys, "rows")]
    if any(group["gains"] for group in result["sets"].values()):
        metric = "PSNR of hidden pixels" if result["score"] == "masked_psnr" else "PSNR"
        best = "; ".join(f"{name}: {group['best_classical']}" for name, group in result["sets"].items())
        lines += ["", f"gain in {metric} over the damaged input, and over the best classical row ({best})"]
        lines += table(result["sets"], {"over_input": "input", "over_classical": "best"}, "gains")
    return "\n".join(lines + missing_rows(result["sets"]))


def undamaged_as_text(result: Mapping[str, Any]) -> str:
    """Returns the result of `measure_undamaged` as a table."""
    lines = table(result, {"median": "median", "least": "least"}, "rows")
    return "\n".join(["undamaged images: PSNR of the restored ones", *lines, *missing_rows(result)])


def table(sets: Mapping[str, Any], keys: Mapping[str, str], part: str) -> list[str]:
    """Returns the lines of a table: a row for each method, columns for each set, a dash where there is no number."""
    names = list(dict.fromkeys(row for group in sets.values() for row in group[part]))
    first = max(map(len, names), default=0)
    heads = [f"{name} ({group['pictures']})" for name, group in sets.items()]
    width = max(7 * len(keys), *map(len, heads))
    lines = [
        "  ".join([" " * first, *(head.rjust(width) for head in heads)]),
        "  ".join([" " * first, *("".join(f"{title:>7}" for title in keys.values()).rjust(width) for _ in heads)]),
    ]
    for row in names:
        cells = ("".join(cell(group[part].get(row, {}), key) for key in keys).rjust(width) for group in sets.values())
        lines.append("  ".join([row.ljust(first), *cells]))
    return lines


def cell(values: Mapping[str, float | str], key: str) -> str:
    """Returns a number of a row in seven characters."""
    if key not in values:
        return f"{'–':>7}"
    return f"{float(values[key]):7.{4 if key == 'ssim' else 2}f}"


def missing_rows(sets: Mapping[str, Any]) -> list[str]:
    """Returns a line for each row that is missing: in which sets, and why."""
    where: dict[tuple[str, str], list[str]] = {}
    for name, group in sets.items():
        for row, why in group["missing"].items():
            where.setdefault((row, why), []).append(name)
    return [f"left out: {row} ({', '.join(names)}): {why}" for (row, why), names in where.items()]
