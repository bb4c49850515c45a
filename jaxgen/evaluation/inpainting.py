"""Metrics of an inpainter on photographs whose damage hides pixels, next to those of filters that inpaint.

The damages are those of the damage benchmark that hide pixels alone. All methods receive the mask of the hidden pixels.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgen import filters
from jaxgen.errors import UsageError, unknown
from jaxgen.evaluation import perceptual
from jaxgen.evaluation.damage_benchmark import PROTOCOLS, apply_inpainting
from jaxgen.evaluation.damages import DAMAGES, damage_image, read_squares
from jaxgen.evaluation.restoration import (
    INPUT,
    UNDAMAGED,
    Method,
    Row,
    describe_metric,
    row_to_json,
    score,
    seconds_per_megapixel,
)
from jaxgen.io.photographs import Photograph
from jaxgen.metrics.image import METRICS, any_without_reference, default_metrics
from jaxgen.metrics.masked import INPAINTING_METRICS, MASKED_METRICS
from jaxgen.metrics.protocols import PROTOCOLS as DESCRIBED
from jaxgen.metrics.protocols import rounded
from jaxgen.restoration import inference, tasks
from jaxgen.restoration.restorer import Restorer, no_progress

SIDE = 256
"""Height and width in pixels of the images that are damaged: the strengths of the damage benchmark are for them."""
FILTERS: dict[str, Method] = {
    "biharmonic": partial(apply_inpainting, filters.inpaint_biharmonic),
    "pull and push": partial(apply_inpainting, filters.inpaint_pull_push),
    "relaxed": partial(apply_inpainting, filters.inpaint_relaxed),
}

score_masked = jax.jit(
    lambda name, reference, image, mask: MASKED_METRICS[name].function(rounded(reference), rounded(image), mask),
    static_argnums=0,
)


def apply(restorer: Restorer, ensemble: bool, image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Returns an image inpainted as by `jaxgen restore --network`."""
    settings = inference.Settings(ensemble=ensemble, mask=mask)
    return tasks.by_network(restorer, settings)(Photograph(image), settings, no_progress).pixels


def measure(
    name: str,
    methods: dict[str, Method],
    images: Sequence[np.ndarray],
    metrics: Sequence[str],
    distances: dict[str, Any],
    seed: int,
) -> list[Row]:
    """Computes the metrics of methods on one damage.

    Args:
      name: of the damage, a key of `DAMAGES`.
      methods: by the name of their row.
      images: undamaged, float32[height, width, 1 or 3] in [0, 1].
      metrics: names in `METRICS` and `MASKED_METRICS`.
      distances: of those that have a network, by name; see `perceptual.compile_distance`.
      seed: of the damage.
    """
    plain = tuple(metric for metric in metrics if metric in METRICS and metric not in distances)
    unreferenced = [UNDAMAGED] if any_without_reference(metrics) else []
    values: dict[str, list[dict[str, float]]] = {row: [] for row in (*unreferenced, *methods)}
    for index, image in enumerate(images):
        damaged, mask = damage_image(name, image, index, seed)
        if mask is None or not mask.any():
            continue
        reference = image[None]
        results = dict.fromkeys(unreferenced, reference)
        results |= {row: method(damaged, mask)[None] for row, method in methods.items()}
        for row, result in results.items():
            found = score(PROTOCOLS[image.shape[-1]], reference, result, plain) if plain else {}
            found |= {key: distance(reference, result) for key, distance in distances.items()}
            found |= {key: score_masked(key, reference, result, mask[None]) for key in metrics if key in MASKED_METRICS}
            values[row].append({key: float(found[key][0]) for key in metrics})
    return [Row(row, {key: float(np.mean([x[key] for x in each])) for key in metrics}) for row, each in values.items()]


def evaluate(
    restorer: Restorer,
    folders: Sequence[str],
    *,
    ensemble: bool = False,
    metrics: Sequence[str] | None = None,
    metric_weights: Sequence[Path] = (),
    seed: int = 0,
) -> dict[str, Any]:
    """Computes the metrics of an inpainter for each damage and folder, and its cost.

    Args:
      restorer: a network that takes a mask.
      folders: of undamaged images.
      ensemble: whether the mean over eight flipped and rotated views is scored too.
      metrics: names in `METRICS` and `MASKED_METRICS`, in the order of the columns; None: `INPAINTING_METRICS`.
      metric_weights: files with the networks of metrics; see `perceptual.load`.
      seed: of the damage.
    Returns:
      what `restoration.evaluate` returns, with a column for each damage.
    Raises:
      UsageError: if a folder has no images or a small one, one has other channels than the restorer, a metric is
        unknown, or a file of weights does not fit.
    """
    for metric in metrics or ():
        if metric not in METRICS | MASKED_METRICS:
            raise unknown("metric", metric, METRICS | MASKED_METRICS)
    names = INPAINTING_METRICS if metrics is None else tuple(dict.fromkeys(metrics))
    networks = perceptual.load(names, metric_weights)
    methods: dict[str, Method] = {INPUT: lambda image, mask: image} | FILTERS
    methods["network, mask given"] = partial(apply, restorer, False)
    if ensemble:
        methods["network, mask given, ensemble"] = partial(apply, restorer, True)
    protocol, sets = PROTOCOLS[restorer.spec.channels], {}
    distances = perceptual.compile_distances(networks, protocol)
    hiding = [name for name, damage in DAMAGES.items() if damage.score == "masked_psnr"]
    for folder in folders:
        images = read_squares(folder, SIDE)
        for channels in {image.shape[-1] for image in images} - {restorer.spec.channels}:
            raise UsageError(
                f"{folder} has images of {channels} channels, and the restorer takes {restorer.spec.channels}"
            )
        rows = {name: measure(name, methods, images, names, distances, seed) for name in hiding}
        sets[folder] = {
            "pictures": len(images),
            "protocol": protocol,
            "damages": {name: {row.name: row_to_json(row) for row in each} for name, each in rows.items()},
        }
    about = [f"{name}: {describe_metric(name, networks)}" for name in names if name not in default_metrics()]
    damage = f"central {SIDE}×{SIDE} pixels, damage of the benchmark that hides pixels, seed {seed}"
    return {
        "protocol": "; ".join([f"{protocol}: {DESCRIBED[protocol].description}", *about, damage]),
        "sets": sets,
        "parameters": restorer.spec.parameters,
        "multiply_adds_per_pixel": restorer.spec.multiply_adds_per_pixel,
        "seconds_per_megapixel": seconds_per_megapixel(restorer),
    }
