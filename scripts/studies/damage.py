"""The damage benchmark of the shipped networks on photographs and medical images."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgen.data.resample import to_uint8
from jaxgen.errors import UsageError, unknown
from jaxgen.evaluation import damage_benchmark as benchmark
from jaxgen.evaluation.damages import DAMAGES, center_crop, damage_image, read_photographs
from jaxgen.evaluation.restoration import Method
from jaxgen.io import images
from jaxgen.io.photographs import Photograph
from jaxgen.io.text import write_atomically
from jaxgen.metrics.protocols import PROTOCOLS
from jaxgen.restoration import pretrained, tasks
from jaxgen.restoration.inference import load
from jaxgen.restoration.restorer import no_progress

SIDE = 256
UNDAMAGED = "undamaged"
NOT_FOR_DIAGNOSIS = (
    "retina, cell, ihc and phantom show what the methods do to medical images; nothing here is fit for diagnosis"
)
RESTORE_TASKS = {"noise": "denoise", "haze": "dehaze", "blur": "deblur", "jpeg": "dejpeg"}
"""The task for each damage that hides no pixels."""
TASKS_WITH_MASK = {"rust": "derust", "holes": "inpaint", "tears": "scratches", "scratches": "scratches"}
"""The task for each damage whose mask is given."""
TASKS_WITH_DETECTION = TASKS_WITH_MASK | {"holes": "scratches"}
"""The task for each damage whose mask must be detected; inpaint detects none."""
TRANSLUCENT, TRANSLUCENT_DAMAGES = "inpaint_translucent", ("tears", "scratches")
"""A network that no task uses, and the damages it is measured on."""
AUTO = "auto"
"""The task that is measured on every damage."""


def medical() -> dict[str, np.ndarray]:
    """Loads the medical images of scikit-image, uncropped, float32[height, width, 1 or 3] in [0, 1] by name."""
    from skimage import data

    def pixels(image: np.ndarray) -> np.ndarray:
        values = image / 255 if image.dtype == np.uint8 else image
        return np.atleast_3d(values).astype(np.float32)

    return {
        "retina": pixels(data.retina()),
        "cell": pixels(data.cell()),
        "ihc": pixels(data.immunohistochemistry()),
        "phantom": pixels(data.shepp_logan_phantom()),
    }


def damage_images(name: str, samples: np.ndarray, seed: int = 0) -> np.ndarray:
    """Damages images as the benchmark does, each with its own key.

    Args:
      name: of the damage.
      samples: uint8[n, height, width, 1 or 3].
      seed: of the damage.
    Raises:
      UsageError: if there is no such damage.
    """
    damaged = [damage_image(name, image.astype(np.float32) / 255, i, seed)[0] for i, image in enumerate(samples)]
    return to_uint8(255 * np.stack(damaged))


def by_task(task: str, image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Returns an image restored by a task of `jaxgen restore`.

    Raises:
      UsageError: if there is no such task, or its network is not in this installation.
    """
    return tasks.restore_photograph(Photograph(image), task, tasks.Settings(mask=mask)).pixels


def by_network(network: str, image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Returns an image restored by `jaxgen restore --network`; see `by_task`."""
    settings = tasks.Settings(mask=mask)
    restore = tasks.by_network(load(network), settings)
    return restore(Photograph(image), settings, no_progress).pixels


def without_mask(task: str, image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Returns an image restored by a task without a mask; see `by_task`."""
    return by_task(task, image, None)


def methods_for(name: str) -> dict[str, Method]:
    """Returns the methods that are measured on a damage, by name of their row."""
    if not DAMAGES[name].has_mask:
        return {f"network {task}": partial(without_mask, task) for task in task_names(RESTORE_TASKS, name)}
    methods = {f"network {task}, mask given": partial(by_task, task) for task in task_names(TASKS_WITH_MASK, name)}
    if name in TRANSLUCENT_DAMAGES:
        methods[f"network {TRANSLUCENT}, mask given"] = partial(by_network, TRANSLUCENT)
    return methods | {
        f"network {task}, mask found": partial(without_mask, task) for task in task_names(TASKS_WITH_DETECTION, name)
    }


def task_names(by_damage: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Returns the tasks that are measured on a damage: its own, if it has one, and `AUTO`."""
    return (by_damage[name], AUTO) if name in by_damage else (AUTO,)


def methods_without_mask() -> dict[str, Method]:
    """Returns every task that needs no mask and keeps the size, by name of its row."""
    names = dict.fromkeys([*RESTORE_TASKS.values(), *TASKS_WITH_DETECTION.values(), AUTO])
    return {f"network {task}": partial(without_mask, task) for task in names}


def write_images(folder: Path, name: str, sets: benchmark.ImageSets, seed: int, dilation: int) -> None:
    """Writes damaged images, their masks and the undamaged ones as PNG files."""
    for group, originals in sets.items():
        for index, original in enumerate(originals):
            _, damaged, mask = benchmark.make_case(name, original, index, seed, dilation)
            images.write(folder / group / f"{index:03}-{UNDAMAGED}.png", original)
            images.write(folder / group / f"{index:03}-{name}.png", damaged)
            if mask is not None:
                images.write(folder / group / f"{index:03}-{name}-mask.png", mask)


def protocol(seed: int, dilation: int) -> dict[str, Any]:
    """Describes the measurement: images, scores, seed, device and networks."""
    compared = {name: PROTOCOLS[name].description for name in benchmark.PROTOCOLS.values()}
    around = f", and of {dilation} around them" if dilation else ""
    return {
        "pictures": f"the middle {SIDE}×{SIDE} pixels of each; damaged ones rounded to 8 bits",
        "compared": compared | {"masked": f"PSNR of the pixels whose opacity of damage is at least 0.1{around}"},
        "note": NOT_FOR_DIAGNOSIS,
        "seed": seed,
        "jax": jax.__version__,
        "device": jax.devices()[0].device_kind,
        "networks": dict(pretrained.NETWORKS),
    }


def run(
    folder: str,
    count: int,
    seed: int,
    names: Sequence[str],
    out: Path | None,
    image_folder: Path | None,
    say: Callable[[str], None],
    methods_for: Callable[[str], Mapping[str, Method]] = methods_for,
    methods_without_mask: Callable[[], Mapping[str, Method]] = methods_without_mask,
    dilation: int = 0,
) -> dict[str, Any]:
    """Runs the benchmark, prints each table as soon as it is measured, and returns all scores as plain values.

    Args:
      folder: of undamaged color photographs that no network was trained on.
      count: largest number of photographs, the first by name.
      seed: of the damage.
      names: of damages, or `UNDAMAGED`; empty: all.
      out: file that is rewritten after each table; None: none.
      image_folder: for the damaged images and their masks; None: none.
      say: prints a table.
      methods_for: (name of a damage) -> methods by name of their row; see `damage_benchmark.measure`.
      methods_without_mask: () -> methods that are measured on undamaged images, by name of their row.
      dilation: of the masks, in pixels.
    Raises:
      UsageError: if a damage is unknown, the folder has no suitable images, or a file cannot be written.
    """
    for name in names:
        if name not in (*DAMAGES, UNDAMAGED):
            raise unknown("damage", name, (*DAMAGES, UNDAMAGED))
    if out and not out.parent.is_dir():
        raise UsageError(f"no folder {out.parent} for {out.name}: make it first")
    sets = {"photographs": read_photographs(folder, SIDE, count)}
    sets |= {name: [center_crop(image, SIDE, name)] for name, image in medical().items()}
    results: dict[str, Any] = {"protocol": protocol(seed, dilation), "damages": {}}

    def report(table: str) -> None:
        say(f"\n{table}")
        if out:
            try:
                write_atomically(out, json.dumps(results, allow_nan=False, indent=1, ensure_ascii=False) + "\n")
            except OSError as error:
                raise UsageError(f"cannot write {out}: {error.strerror}") from error

    say(json.dumps(results["protocol"], indent=1, ensure_ascii=False))
    for name in names or (*DAMAGES, UNDAMAGED):
        if name == UNDAMAGED:
            results[UNDAMAGED] = benchmark.measure_undamaged(methods_without_mask(), sets)
            report(benchmark.undamaged_as_text(results[UNDAMAGED]))
            continue
        if image_folder:
            write_images(image_folder, name, sets, seed, dilation)
        results["damages"][name] = benchmark.benchmark(name, methods_for(name), sets, seed, dilation)
        report(benchmark.as_text(name, results["damages"][name]))
    return results
