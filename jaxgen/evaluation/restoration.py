"""Metrics of a restorer on folders of photographs, next to those of the damaged images and of classical filters."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen import filters
from jaxgen.data.sources.listing import image_paths
from jaxgen.degradations.resampling import upsample
from jaxgen.errors import UsageError, unknown
from jaxgen.evaluation import perceptual
from jaxgen.io import images
from jaxgen.io.text import to_json
from jaxgen.losses.per_example import Images
from jaxgen.metrics.image import METRICS, any_without_reference, default_metrics
from jaxgen.metrics.masked import MASKED_METRICS
from jaxgen.metrics.protocols import PROTOCOLS, compare, least_side
from jaxgen.restoration.restorer import Restorer, restore

UNDAMAGED = "undamaged"
"""The row of the reference itself, where a metric needs none."""
INPUT = "damaged input"
BICUBIC = "bicubic enlargement"
BASELINES: dict[str, Callable[[Array], Array]] = {
    name: jax.jit(function)
    for name, function in {
        "mean 3×3": lambda x: filters.mean(x, 3),
        "median 3×3": lambda x: filters.median(x, 3),
        "median 5×5": lambda x: filters.median(x, 5),
        "Gaussian σ 0.9": lambda x: filters.gaussian(x, 0.9, 7),
        "Wiener 5×5": lambda x: filters.wiener(x, 5),
        "bilateral 9×9": lambda x: filters.bilateral(x, 9, 0.25, 1.5),
    }.items()
}
"""Classical filters, with the best parameters for noise of σ 25 on 20 images of BSD68."""
CELL = 7
"""Characters of a number in a table."""
MIN_SIDE = 11
"""Smallest height and width in pixels for the classical filters and SSIM."""

Damage = Callable[[Array, Array, Any], tuple[Array, Array | None]]
"""(key[1], images float32[1, h, w, c], strength) -> (damaged images, conditioning or None)."""
Method = Callable[[np.ndarray, np.ndarray | None], np.ndarray]
"""(damaged float32[h, w, c], conditioning float32[h, w, k] or None) -> restored image."""
Baseline = Callable[[np.ndarray, float], np.ndarray]
"""(damaged float32[h, w, c], strength of the damage) -> restored image."""
Distance = Callable[[Images, Images], Array]
"""(reference, image), both float[batch, h, w, c] -> float[batch], of a metric with a network."""

score = jax.jit(compare, static_argnums=(0, 3))


class Row(NamedTuple):
    """Metrics of one method on a set of images.

    Attributes:
      name: of the method.
      metrics: mean over the images of each metric, by name.
    """

    name: str
    metrics: dict[str, float]


def pair_folders(folders: Sequence[str], protocols: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Returns (folder, protocol) by the name of each set in a report: its folder, or both where a folder is repeated.

    Args:
      folders: of images.
      protocols: names in `PROTOCOLS`, one for all folders or one for each.
    Raises:
      UsageError: if they are neither one nor as many as the folders, or one is unknown.
    """
    for protocol in protocols:
        if protocol not in PROTOCOLS:
            raise unknown("protocol", protocol, PROTOCOLS)
    if len(protocols) not in {1, len(folders)}:
        raise UsageError(f"{len(protocols)} protocols for {len(folders)} folders: give one for all, or one for each")
    pairs = list(zip(folders, protocols if len(protocols) > 1 else [*protocols] * len(folders), strict=True))
    return {
        folder if folders.count(folder) == 1 else f"{folder}, {protocol}": (folder, protocol)
        for folder, protocol in pairs
    }


def read_images(folder: str, protocol: str, min_side: int = MIN_SIDE) -> list[np.ndarray]:
    """Reads the images of a folder with the channels of a protocol, float32[height, width, channel] in [0, 1].

    For a color protocol a gray image gets three equal channels; for a gray one a color image is reduced to its luma.

    Args:
      folder: of images.
      protocol: one of `PROTOCOLS`.
      min_side: smallest height and width in pixels.
    Raises:
      UsageError: if there are none, or one is too small.
    """
    channels, arrays = PROTOCOLS[protocol].channels, []
    for path in image_paths(folder):
        image = images.read(path)
        if min(image.shape[:2]) < min_side:
            size = f"{image.shape[0]}×{image.shape[1]}"
            raise UsageError(f"{path} is {size}: give images of at least {min_side}×{min_side} pixels")
        if image.shape[-1] < channels:
            image = image.repeat(channels, -1)
        if image.shape[-1] > channels:
            image = np.rint((image * images.LUMA).sum(-1, keepdims=True) * 255) / np.float32(255)
        arrays.append(image)
    return arrays


def measure(
    methods: Mapping[str, Method],
    damage: Damage,
    strength: float,
    references: Sequence[np.ndarray],
    protocol: str,
    *,
    scale: int = 1,
    seed: int = 0,
    baselines: Mapping[str, Baseline] | None = None,
    metrics: Sequence[str] | None = None,
    distances: Mapping[str, Distance] | None = None,
) -> list[Row]:
    """Computes the metrics of the damaged images, of the classical filters and of other methods.

    If the damage reduces the size, bicubic enlargement is the only baseline.

    Args:
      methods: by name.
      damage: compiled.
      strength: of the damage.
      references: undamaged images, float32[height, width, channel] in [0, 1].
      protocol: one of `PROTOCOLS`.
      scale: factor by which the damage reduces the size; images are cropped to a multiple of it.
      seed: of the damage, which is the same for all methods.
      baselines: further methods that take the strength, by name; their rows are behind those of the filters.
      metrics: names in `METRICS`, in the order of the columns; None: `default_metrics`.
      distances: of those metrics that have a network, by name.
    """
    names, distances = default_metrics() if metrics is None else tuple(metrics), distances or {}
    plain = tuple(name for name in names if name not in distances)
    values: dict[str, list[dict[str, float]]] = {}
    for index, image in enumerate(references):
        reference = image[: image.shape[0] // scale * scale, : image.shape[1] // scale * scale]
        key = jax.random.fold_in(jax.random.key(seed), index)
        damaged, conditioning = damage(key[None], jnp.asarray(reference[None]), strength)
        arguments = np.asarray(damaged[0]), None if conditioning is None else np.asarray(conditioning[0])
        if scale == 1:
            results = {INPUT: damaged} | {name: baseline(damaged) for name, baseline in BASELINES.items()}
        else:
            results = {BICUBIC: upsample(damaged, scale)}
        if any_without_reference(names):
            results = {UNDAMAGED: reference[None]} | results
        results |= {name: baseline(arguments[0], strength)[None] for name, baseline in (baselines or {}).items()}
        results |= {name: method(*arguments)[None] for name, method in methods.items()}
        for name, result in results.items():
            found = score(protocol, reference[None], result, plain) if plain else {}
            found |= {key: distance(reference[None], result) for key, distance in distances.items()}
            values.setdefault(name, []).append({key: float(found[key][0]) for key in names})
    return [
        Row(name, {key: float(np.mean([x[key] for x in each])) for key in each[0]}) for name, each in values.items()
    ]


def seconds_per_megapixel(restorer: Restorer, side: int = 1000, repeats: int = 3) -> float:
    """Measures the time of a compiled restorer for a megapixel of its result, in seconds (median of the repeats)."""
    input_side = side // restorer.spec.scale
    image = np.full((input_side, input_side, restorer.spec.channels), 0.5, np.float32)
    conditioning = 0.1 if restorer.spec.condition_channels else None
    seconds = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        restore(restorer, image, conditioning)
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds[1:])) * 1e6 / (input_side * restorer.spec.scale) ** 2


def evaluate(
    restorer: Restorer,
    methods: Mapping[str, Method],
    damage: Damage,
    strengths: Mapping[str, float],
    folders: Sequence[str],
    protocols: Sequence[str],
    *,
    description: str,
    seed: int = 0,
    baselines: Mapping[str, Baseline] | None = None,
    metrics: Sequence[str] | None = None,
    metric_weights: Sequence[Path] = (),
) -> dict[str, Any]:
    """Computes the metrics of a restorer for several strengths of damage and folders, and its cost.

    Args:
      restorer: the network.
      methods: ways to apply it, by name.
      damage: not compiled yet.
      strengths: of the damage, by name, as in {"σ 25": 25.0}.
      folders: of undamaged images.
      protocols: names in `PROTOCOLS`, one for all folders or one for each.
      description: of the damage, for the report.
      seed: of the damage.
      baselines: see `measure`.
      metrics: names in `METRICS`, in the order of the columns; None: psnr and ssim.
      metric_weights: files with the networks of metrics; see `perceptual.load`.
    Returns:
      {"protocol", "sets": {folder: {"pictures", "protocol", "damages": {name: {method: {"psnr", "ssim"}}}}},
      "parameters", "multiply_adds_per_pixel", "seconds_per_megapixel"}.
    Raises:
      UsageError: if a folder has no images, the protocols are not as many as the folders, the restorer has other
        channels than one of them, a metric is unknown, or a file of weights does not fit; see `perceptual.load`.
    """
    for metric in metrics or ():
        if metric in MASKED_METRICS:
            raise UsageError(f"{metric} is of hidden pixels: leave it out, or evaluate a network that inpaints")
        if metric not in METRICS:
            raise unknown("metric", metric, METRICS)
    names = default_metrics() if metrics is None else tuple(dict.fromkeys(metrics))
    networks = perceptual.load(names, metric_weights)
    pairs = pair_folders(folders, protocols)
    used = dict.fromkeys(protocol for _, protocol in pairs.values())
    for protocol in used:
        if restorer.spec.channels != (channels := PROTOCOLS[protocol].channels):
            raise UsageError(
                f"a restorer of {restorer.spec.channels} channels, and protocol {protocol} needs {channels}"
            )
    sets, compiled = {}, jax.jit(damage)
    for set_name, (folder, protocol) in pairs.items():
        # Images are cropped to a multiple of the scale.
        side = -(-max(MIN_SIDE, least_side(protocol, names)) // restorer.spec.scale) * restorer.spec.scale
        references = read_images(folder, protocol, side)
        distances = perceptual.compile_distances(networks, protocol)
        rows = {
            name: measure(
                methods,
                compiled,
                strength,
                references,
                protocol,
                scale=restorer.spec.scale,
                seed=seed,
                baselines=baselines,
                metrics=names,
                distances=distances,
            )
            for name, strength in strengths.items()
        }
        sets[set_name] = {
            "pictures": len(references),
            "protocol": protocol,
            "damages": {name: {row.name: row_to_json(row) for row in each} for name, each in rows.items()},
        }
    return {
        "protocol": "; ".join(
            [
                *(f"{name}: {PROTOCOLS[name].description}" for name in used),
                *(f"{name}: {describe_metric(name, networks)}" for name in names if not METRICS[name].is_default),
                f"{description}, seed {seed}",
            ]
        ),
        "sets": sets,
        "parameters": restorer.spec.parameters,
        "multiply_adds_per_pixel": restorer.spec.multiply_adds_per_pixel,
        "seconds_per_megapixel": seconds_per_megapixel(restorer),
    }


def describe_metric(name: str, networks: Mapping[str, perceptual.Network]) -> str:
    """Returns what a metric compares, for the protocol."""
    metric = (METRICS | MASKED_METRICS)[name]
    about = networks[name].about if name in networks else metric.about
    return about + (", of RGB at full size, rounded to 8 bits" if metric.colors == "rgb" else "")


def row_to_json(row: Row) -> dict[str, float | str]:
    """Returns the metrics of a row as JSON values: without damage, PSNR is infinite."""
    return {name: to_json(value) for name, value in row.metrics.items()}


def to_text(evaluation: dict[str, Any]) -> str:
    """Formats an evaluation as a table for each folder, and the cost."""
    lines = [evaluation["protocol"]]
    has_several = len({table["protocol"] for table in evaluation["sets"].values()}) > 1
    for name, table in evaluation["sets"].items():
        damages = table["damages"]
        protocol = table["protocol"]
        suffix = f", {protocol}" if has_several and not name.endswith(f", {protocol}") else ""
        head = f"{name}{suffix} ({table['pictures']})"
        methods = list(next(iter(damages.values())))
        width = max(map(len, (head, *methods)))
        cells = {damage: {method: format_cell(row) for method, row in rows.items()} for damage, rows in damages.items()}
        column = max(len(cell) for rows in cells.values() for cell in rows.values())
        lines += ["", "  ".join([head.ljust(width), *(f"{damage:>{column}}" for damage in damages)])]
        names = list(next(iter(next(iter(damages.values())).values())))
        if names != list(default_metrics()):
            titles = " ".join(f"{name:>{cell_width(name)}}" for name in names)
            lines.append("  ".join([" " * width, *(f"{titles:>{column}}" for _ in damages)]))
        lines += ["  ".join([method.ljust(width), *(rows[method] for rows in cells.values())]) for method in methods]
    lines += [
        "",
        f"network: {evaluation['parameters']:,} parameters, {evaluation['multiply_adds_per_pixel']:,.0f} multiply-adds "
        f"a pixel, {evaluation['seconds_per_megapixel']:.2f} s a megapixel",
    ]
    return "\n".join(lines)


def format_cell(metrics: Mapping[str, float | str]) -> str:
    """Formats the metrics of one method and one strength."""
    known = METRICS | MASKED_METRICS
    return " ".join(f"{float(value):{cell_width(name)}.{known[name].decimals}f}" for name, value in metrics.items())


def cell_width(metric: str) -> int:
    """Returns the characters of a metric's column: its name fits where it stands above the numbers."""
    return CELL if metric in default_metrics() else max(CELL, len(metric))
