"""What a restorer is worth on folders of pictures: tables, with the damaged input and classical filters beside it."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from jaxgen import filters
from jaxgen.data.folder import picture_paths
from jaxgen.degradations.resampling import upsample
from jaxgen.errors import UsageError, unknown
from jaxgen.io import images
from jaxgen.io.text import to_json
from jaxgen.metrics.protocols import PROTOCOLS, compare
from jaxgen.restoration.restorer import Restorer, restore

INPUT = "damaged input"
BICUBIC = "bicubic enlargement"
BASELINES: dict[str, Callable[[Array], Array]] = {
    name: jax.jit(filtered)
    for name, filtered in {
        "mean 3×3": lambda x: filters.mean(x, 3),
        "median 3×3": lambda x: filters.median(x, 3),
        "median 5×5": lambda x: filters.median(x, 5),
        "Gaussian σ 0.9": lambda x: filters.gaussian(x, 0.9, 7),
        "Wiener 5×5": lambda x: filters.wiener(x, 5),
        "bilateral 9×9": lambda x: filters.bilateral(x, 9, 0.25, 1.5),
    }.items()
}
"""Classical filters, with the settings that are best for noise of σ 25 on 20 of BSD68."""
SMALLEST = 19  # SSIM's window, and what y601-shave4 cuts

Damage = Callable[[Array, Array, float], tuple[Array, Array | None]]
Way = Callable[[np.ndarray, np.ndarray | None], np.ndarray]

score = jax.jit(compare, static_argnums=0)


class Row(NamedTuple):
    """What one way to restore reaches on one set of pictures.

    Attributes:
      name: of the way.
      psnr: mean over the pictures in dB.
      ssim: mean over the pictures.
    """

    name: str
    psnr: float
    ssim: float


def read_pictures(folder: str, protocol: str) -> list[np.ndarray]:
    """Returns the pictures of a folder with the channels that a protocol compares, float32[height, width, channel].

    Raises:
      UsageError: if there are none, the protocol is unknown, or a picture is too small or has no colours to compare.
    """
    if protocol not in PROTOCOLS:
        raise unknown("protocol", protocol, PROTOCOLS)
    found = []
    for path in picture_paths(folder):
        picture = images.read(path)
        if min(picture.shape[:2]) < SMALLEST:
            size = f"{picture.shape[0]}×{picture.shape[1]}"
            raise UsageError(f"{path} is {size}: pictures of at least {SMALLEST}×{SMALLEST} pixels are compared")
        if picture.shape[-1] < PROTOCOLS[protocol].channels:
            raise UsageError(f"{path} is gray, and protocol {protocol} compares colours; choose gray8")
        if picture.shape[-1] > PROTOCOLS[protocol].channels:
            picture = np.rint((picture * images.LUMA).sum(-1, keepdims=True) * 255) / np.float32(255)
        found.append(picture)
    return found


def measure(
    ways: Mapping[str, Way],
    damage: Damage,
    strength: float,
    pictures: Sequence[np.ndarray],
    protocol: str,
    *,
    scale: int = 1,
    seed: int = 0,
) -> list[Row]:
    """Returns what the damaged pictures, the classical filters and other ways to restore reach.

    Of pictures that were made smaller the only other row is their bicubic enlargement.

    Args:
      ways: by name, (damaged float32[h, w, c], guide float32[h, w, k] or None) -> restored.
      damage: compiled (key[1], images float32[1, h, w, c], strength) -> (damaged images, guide or None).
      strength: of the damage.
      pictures: undamaged, float32[height, width, channel].
      protocol: how results are compared, one of `PROTOCOLS`.
      scale: how many times smaller the damage makes a picture, whose last lines are cut to a multiple.
      seed: of the damage; a picture meets the same one whatever restores it.
    """
    reached: dict[str, list[tuple[float, float]]] = {}
    for index, whole in enumerate(pictures):
        picture = whole[: whole.shape[0] // scale * scale, : whole.shape[1] // scale * scale]
        key = jax.random.fold_in(jax.random.key(seed), index)
        damaged, guide = damage(key[None], picture[None], strength)
        plain, told = np.asarray(damaged[0]), None if guide is None else np.asarray(guide[0])
        if scale == 1:
            made = {INPUT: damaged} | {name: filtered(damaged) for name, filtered in BASELINES.items()}
        else:
            made = {BICUBIC: upsample(damaged, scale)}
        made |= {name: way(plain, told)[None] for name, way in ways.items()}
        for name, image in made.items():
            found = score(protocol, picture[None], image)
            reached.setdefault(name, []).append((float(found["psnr"][0]), float(found["ssim"][0])))
    return [Row(name, *np.mean(values, 0).tolist()) for name, values in reached.items()]


def seconds_per_megapixel(restorer: Restorer, side: int = 1000, repeats: int = 3) -> float:
    """Returns the seconds that a restorer takes for a megapixel of its result once compiled, the median of some."""
    given = side // restorer.spec.scale
    picture = np.full((given, given, restorer.spec.channels), 0.5, np.float32)
    guide = 0.1 if restorer.spec.condition_channels else None
    taken = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        restore(restorer, picture, guide)
        taken.append(time.perf_counter() - begin)
    return float(np.median(taken[1:])) * 1e6 / (given * restorer.spec.scale) ** 2


def evaluate(
    restorer: Restorer,
    ways: Mapping[str, Way],
    damage: Damage,
    strengths: Mapping[str, float],
    folders: Sequence[str],
    protocol: str,
    *,
    about: str,
    seed: int = 0,
) -> dict[str, Any]:
    """Returns a table of what a restorer reaches, with its protocol and its cost.

    Args:
      restorer: the network.
      ways: in which it is applied, by name; see `measure`.
      damage: see `measure`; compiled here.
      strengths: of the damage, by name, as in {"σ 25": 25.0}.
      folders: of undamaged pictures.
      protocol: one of `PROTOCOLS`.
      about: the damage, in words, for the protocol.
      seed: of the damage.
    Returns:
      {"protocol", "sets": {folder: {"pictures", "damages": {name: {way: {"psnr", "ssim"}}}}}, "parameters",
      "multiply_adds_per_pixel", "seconds_per_megapixel"}.
    Raises:
      UsageError: if a folder holds no pictures for the protocol, or the restorer does not fit it.
    """
    if protocol not in PROTOCOLS:
        raise unknown("protocol", protocol, PROTOCOLS)
    if restorer.spec.channels != PROTOCOLS[protocol].channels:
        wanted = PROTOCOLS[protocol].channels
        raise UsageError(f"a restorer of {restorer.spec.channels} channels, and protocol {protocol} compares {wanted}")
    sets, compiled = {}, jax.jit(damage)
    for folder in folders:
        pictures = read_pictures(folder, protocol)
        damages = {
            name: measure(ways, compiled, strength, pictures, protocol, scale=restorer.spec.scale, seed=seed)
            for name, strength in strengths.items()
        }
        sets[folder] = {
            "pictures": len(pictures),
            "damages": {name: {row.name: as_json(row) for row in rows} for name, rows in damages.items()},
        }
    return {
        "protocol": f"{protocol}: {PROTOCOLS[protocol].about}; {about}, seed {seed}",
        "sets": sets,
        "parameters": restorer.spec.parameters,
        "multiply_adds_per_pixel": restorer.spec.multiply_adds_per_pixel,
        "seconds_per_megapixel": seconds_per_megapixel(restorer),
    }


def as_json(row: Row) -> dict[str, float | str]:
    """Returns a row's numbers as JSON can hold them: where nothing was damaged, PSNR is infinite."""
    return {"psnr": to_json(row.psnr), "ssim": to_json(row.ssim)}


def as_text(found: dict[str, Any]) -> str:
    """Returns an evaluation as tables for a person to read."""
    lines = [found["protocol"]]
    for name, told in found["sets"].items():
        damages = told["damages"]
        head = f"{name} ({told['pictures']})"
        ways = list(next(iter(damages.values())))
        width = max(map(len, (head, *ways)))
        lines += ["", "  ".join([head.ljust(width), *(f"{damage:>15}" for damage in damages)])]
        for way in ways:
            cells = (f"{float(rows[way]['psnr']):7.2f} {float(rows[way]['ssim']):7.4f}" for rows in damages.values())
            lines.append("  ".join([way.ljust(width), *cells]))
    lines += [
        "",
        f"network: {found['parameters']:,} parameters, {found['multiply_adds_per_pixel']:,.0f} multiply-adds a pixel, "
        f"{found['seconds_per_megapixel']:.2f} s a megapixel",
    ]
    return "\n".join(lines)
