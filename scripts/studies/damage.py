"""The damage benchmark of the installation: photographs and medical pictures, and the tasks that restore them."""

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
    "retina, cell, ihc and phantom show what the methods do to medical pictures; nothing here is fit for diagnosis"
)
TASKS = {"noise": "denoise", "haze": "dehaze", "blur": "deblur", "jpeg": "dejpeg"}
"""What undoes each damage that hides nothing."""
GIVEN = {"rust": "derust", "holes": "inpaint", "tears": "scratches", "scratches": "scratches"}
"""What undoes each damage whose mask is given."""
FOUND = GIVEN | {"holes": "scratches"}
"""What undoes each damage whose mask is to be found; inpaint finds none."""
TRANSLUCENT, TRANSLUCENT_DAMAGES = "inpaint_translucent", ("tears", "scratches")
"""A network that no task uses, and the damages on which it is measured."""
BY_ITSELF = "auto"
"""What is tried on every damage."""


def medical() -> dict[str, np.ndarray]:
    """Returns the medical pictures of scikit-image, whole, float32[height, width, 1 or 3] in [0, 1] by name."""
    from skimage import data

    def pixels(picture: np.ndarray) -> np.ndarray:
        values = picture / 255 if picture.dtype == np.uint8 else picture
        return np.atleast_3d(values).astype(np.float32)

    return {
        "retina": pixels(data.retina()),
        "cell": pixels(data.cell()),
        "ihc": pixels(data.immunohistochemistry()),
        "phantom": pixels(data.shepp_logan_phantom()),
    }


def strike_all(name: str, pictures: np.ndarray, seed: int = 0) -> np.ndarray:
    """Returns pictures damaged as those of the benchmark are, each by a key of its own.

    Args:
      name: of the damage.
      pictures: uint8[n, height, width, 1 or 3].
      seed: of the damage.
    Raises:
      UsageError: if there is no such damage.
    """
    made = [damage_image(name, picture.astype(np.float32) / 255, i, seed)[0] for i, picture in enumerate(pictures)]
    return to_uint8(255 * np.stack(made))


def by_task(task: str, picture: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Returns a picture restored by a task of `jaxgen restore`.

    Raises:
      UsageError: if there is no such task, or its network is not in this installation.
    """
    return tasks.restore_photograph(Photograph(picture), task, tasks.Settings(mask=mask)).pixels


def by_network(network: str, picture: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Returns a picture restored by `jaxgen restore --network`; see `by_task`."""
    settings = tasks.Settings(mask=mask)
    restore = tasks.by_network(load(network), settings)
    return restore(Photograph(picture), settings, no_progress).pixels


def without_mask(task: str, picture: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Returns a picture restored by a task without a mask; see `by_task`."""
    return by_task(task, picture, None)


def ways(name: str) -> dict[str, Method]:
    """Returns the tasks that are tried on a damage, by name of their row."""
    if not DAMAGES[name].has_mask:
        return {f"network {task}": partial(without_mask, task) for task in chosen(TASKS, name)}
    given = {f"network {task}, mask given": partial(by_task, task) for task in chosen(GIVEN, name)}
    if name in TRANSLUCENT_DAMAGES:
        given[f"network {TRANSLUCENT}, mask given"] = partial(by_network, TRANSLUCENT)
    return given | {f"network {task}, mask found": partial(without_mask, task) for task in chosen(FOUND, name)}


def chosen(named: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Returns the tasks that are tried on a damage: the one named for it, if there is one, and that for all."""
    return (named[name], BY_ITSELF) if name in named else (BY_ITSELF,)


def harmless() -> dict[str, Method]:
    """Returns every task that needs no mask and keeps the size, by name of its row, to be tried on undamaged ones."""
    names = dict.fromkeys([*TASKS.values(), *FOUND.values(), BY_ITSELF])
    return {f"network {task}": partial(without_mask, task) for task in names}


def write_pictures(folder: Path, name: str, sets: benchmark.ImageSets, seed: int, margin: int) -> None:
    """Writes the pictures of a damage and their masks, and the undamaged ones, as PNG files."""
    for group, pictures in sets.items():
        for index, picture in enumerate(pictures):
            _, made, mask = benchmark.make_case(name, picture, index, seed, margin)
            images.write(folder / group / f"{index:03}-{UNDAMAGED}.png", picture)
            images.write(folder / group / f"{index:03}-{name}.png", made)
            if mask is not None:
                images.write(folder / group / f"{index:03}-{name}-mask.png", mask)


def protocol(seed: int, margin: int) -> dict[str, Any]:
    """Returns how the benchmark measures, and with what."""
    compared = {name: PROTOCOLS[name].description for name in benchmark.PROTOCOLS.values()}
    around = f", and of {margin} around them" if margin else ""
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
    pictures: Path | None,
    say: Callable[[str], None],
    ways: Callable[[str], Mapping[str, Method]] = ways,
    harmless: Callable[[], Mapping[str, Method]] = harmless,
    margin: int = 0,
) -> dict[str, Any]:
    """Returns the benchmark as plain values, and prints each table as soon as it is measured.

    Args:
      folder: of undamaged colour photographs that nothing was trained on.
      count: how many of them at most, the first by name.
      seed: of the damage.
      names: of damages, and `UNDAMAGED` for pictures without; none: all.
      out: a file, written anew after each table; None: none.
      pictures: a folder for the damaged pictures and their masks; None: none.
      say: takes the tables.
      ways: from a damage's name to what restores it, by name of the row; see `damage_benchmark.measure`.
      harmless: what should change nothing about undamaged pictures, by name of the row.
      margin: pixels by which masks reach beyond what is hidden.
    Raises:
      UsageError: if there is no such damage, the folder does not fit, or a file cannot be written.
    """
    for name in names:
        if name not in (*DAMAGES, UNDAMAGED):
            raise unknown("damage", name, (*DAMAGES, UNDAMAGED))
    if out and not out.parent.is_dir():
        raise UsageError(f"no folder {out.parent} for {out.name}: make it first")
    sets = {"photographs": read_photographs(folder, SIDE, count)}
    sets |= {name: [center_crop(picture, SIDE, name)] for name, picture in medical().items()}
    found: dict[str, Any] = {"protocol": protocol(seed, margin), "damages": {}}

    def report(table: str) -> None:
        say(f"\n{table}")
        if out:
            try:
                write_atomically(out, json.dumps(found, allow_nan=False, indent=1, ensure_ascii=False) + "\n")
            except OSError as error:
                raise UsageError(f"cannot write {out}: {error.strerror}") from error

    say(json.dumps(found["protocol"], indent=1, ensure_ascii=False))
    for name in names or (*DAMAGES, UNDAMAGED):
        if name == UNDAMAGED:
            found[UNDAMAGED] = benchmark.measure_undamaged(harmless(), sets)
            report(benchmark.undamaged_as_text(found[UNDAMAGED]))
            continue
        if pictures:
            write_pictures(pictures, name, sets, seed, margin)
        found["damages"][name] = benchmark.benchmark(name, ways(name), sets, seed, margin)
        report(benchmark.as_text(name, found["damages"][name]))
    return found
