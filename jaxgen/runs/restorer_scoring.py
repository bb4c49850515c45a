"""What a restorer is worth on folders of pictures: one of a run folder, of a file, or of the installation."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.config.damage import make_degrade
from jaxgen.errors import UsageError
from jaxgen.evaluation import noise_estimation, restoration
from jaxgen.restoration import pretrained
from jaxgen.restoration.estimation import estimate_noise
from jaxgen.restoration.restorer import Restorer, restore
from jaxgen.runs import reopen, scoring
from jaxgen.runs.open_restorer import of_opened
from jaxgen.runs.reopen import DEFAULTS, RUNS_ONLY, OpenOptions
from jaxgen.training import progress

LEVELS = 255


class Column(NamedTuple):
    """A damage of which the strength can be set.

    Attributes:
      name: of a column, with the strength in it.
      strengths: of the columns.
      numbers: strength -> what the damage reads of a recipe's numbers.
      about: it, in words.
    """

    name: str
    strengths: tuple[float, ...]
    numbers: Callable[[Any], dict[str, Any]]
    about: str


COLUMNS = {
    "noise": Column(
        "σ {:g}", (15.0, 25.0, 50.0), lambda sigma: {"sigma": sigma, "blind": 0.0}, "noise added unclipped"
    ),
    "jpeg": Column(
        "quality {:g}",
        (10.0, 20.0, 30.0, 40.0),
        lambda quality: {"quality_low": quality, "quality_high": quality, "grain": 0.0},
        "JPEG with halved chroma",
    ),
    "blur": Column(
        "blur σ {:g}",
        (1.0, 2.0, 3.0),
        lambda sigma: {"blur_low": sigma, "blur_high": sigma, "grain": 0.0},
        "Gaussian blur, σ in pixels, no noise",
    ),
    "haze": Column(
        "haze β {:g}",
        (0.6, 1.2, 1.8),
        lambda beta: {"haze_low": beta, "haze_high": beta, "grain": 0.0},
        "haze over procedural depth",
    ),
    "downsample": Column("×{:g}", (4.0,), lambda scale: {}, "MATLAB's antialiased bicubic, rounded to 8 bits"),
}
"""Damages in all places, by their name in an experiment."""


def evaluate(
    source: Path,
    folders: Sequence[str],
    *,
    sigmas: Sequence[float] | None = None,
    protocol: str | None = None,
    seed: int = 0,
    options: OpenOptions = DEFAULTS,
    say: Callable[[str], None] = progress.say,
) -> dict[str, Any]:
    """Returns what a restorer reaches, and appends it to RUN/evaluations.jsonl where it is a run's.

    Of a network that tells the level of noise, its error is returned; see `evaluation.noise_estimation`.

    Args:
      source: a run folder, the name of a shipped network, or a file of weights with its card.
      folders: of undamaged pictures.
      sigmas: noise in grey levels of 255, a column each; None: 15, 25 and 50. Other damages have columns of their own.
      protocol: one of `metrics.protocols`; None: gray8 or rgb8, as the restorer's channels say.
      seed: of the noise.
      options: how the run is opened.
      say: takes warnings.
    Raises:
      UsageError: if there is no such run or restorer, weights of a file are chosen from, its damage has no strength, or
        a folder does not fit.
    """
    if bad := [sigma for sigma in sigmas or () if not 0 <= sigma <= LEVELS]:
        raise UsageError(f"sigma {bad[0]:g}: give grey levels from 0 to 255")
    is_file = pretrained.is_network(str(source))
    if is_file and options != DEFAULTS:
        raise UsageError(f"{source} is one network and no run: {RUNS_ONLY}")
    if is_file and pretrained.read_card(str(source)).output == "noise_level":
        network = pretrained.load_noise_estimator(str(source))
        about = {"network": str(source), "sha256": pretrained.digest(str(source))}
        sigmas = sigmas or COLUMNS["noise"].strengths
        return about | noise_estimation.evaluate(network, sigmas, folders, protocol or "gray8", seed=seed)
    restorer, kind, about = of_file(str(source)) if is_file else of_run(source, options, say)
    if kind not in COLUMNS:
        raise UsageError(
            f"{source} undoes {kind}, and --images measures {', '.join(COLUMNS)}: choose a network for one of these"
        )
    if sigmas and kind != "noise":
        raise UsageError(f"sigma {sigmas[0]:g}: {source} undoes {kind}, whose columns are its own; leave --sigma out")
    column, scale = COLUMNS[kind], restorer.spec.scale
    degrade = make_degrade(kind, told=restorer.spec.conditioning == "noise_level", scale=scale)
    strengths = sigmas or (column.strengths if kind != "downsample" else (float(scale),))
    found = about | restoration.evaluate(
        restorer,
        ways(restorer),
        lambda key, images, strength: degrade(key, images, column.numbers(strength))[:2],
        {column.name.format(strength): strength for strength in strengths},
        folders,
        protocol or ("gray8" if restorer.spec.channels == 1 else "rgb8"),
        description=column.about,
        seed=seed,
    )
    if not is_file:
        scoring.append(source, found, say)
    return found


def ways(restorer: Restorer) -> dict[str, restoration.Method]:
    """Returns the ways in which a restorer is measured: told the level of the noise, and as a person applies it."""
    if not restorer.spec.condition_channels:
        return {
            "network": lambda damaged, guide: restore(restorer, damaged),
            "network, ensemble": lambda damaged, guide: restore(restorer, damaged, ensemble=True),
        }
    given = {
        "network, σ given": lambda damaged, guide: restore(restorer, damaged, guide),
        "network, σ given, ensemble": lambda damaged, guide: restore(restorer, damaged, guide, ensemble=True),
    }
    if "noise_level" not in pretrained.NETWORKS:
        return given
    level = pretrained.load_noise_estimator()
    return given | {
        "network, σ estimated": lambda damaged, guide: restore(restorer, damaged, estimate_noise(level, damaged)),
    }


def of_file(source: str) -> tuple[Restorer, str, dict[str, Any]]:
    """Returns a restorer that is shipped or in a file, the damage it was trained on, and what it is."""
    about = {"restorer": source, "sha256": pretrained.digest(source)}
    return pretrained.load_restorer(source), pretrained.read_card(source).damage, about


def of_run(run: Path, options: OpenOptions, say: Callable[[str], None]) -> tuple[Restorer, str, dict[str, Any]]:
    """Returns a run's restorer, the damage it was trained on, and which step it is of."""
    opened = reopen.open_run(run, options, say)
    if opened.objective.restoring is None:
        raise UsageError(f"{run}: this run restores nothing; leave --images out")
    kind = getattr(opened.config, "damage", "damage of its own")
    return of_opened(opened, str(run)), kind, {"step": opened.step, "checkpoint": options.checkpoint}


def to_text(found: dict[str, Any]) -> str:
    """Returns what `evaluate` found as tables for a person to read."""
    return noise_estimation.to_text(found) if "levels" in found else restoration.to_text(found)
