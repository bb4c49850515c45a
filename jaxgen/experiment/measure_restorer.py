"""What a restorer is worth on folders of pictures: one of a run folder, of a file, or of the installation."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxgen import restorers
from jaxgen.errors import UsageError
from jaxgen.evaluation import levels, restoration
from jaxgen.experiment import measure, reopen
from jaxgen.experiment.damage import make_degrade
from jaxgen.experiment.open_restorer import of_opened
from jaxgen.inference.noise_level import estimate
from jaxgen.inference.restorer import Restorer, restore
from jaxgen.step.optimizers import hyper_arrays
from jaxgen.training import progress

LEVELS = 255


def evaluate(
    source: Path,
    folders: Sequence[str],
    *,
    sigmas: Sequence[float],
    protocol: str | None = None,
    seed: int = 0,
    which: str = "last",
    ema: bool = True,
    say: Callable[[str], None] = progress.say,
) -> dict[str, Any]:
    """Returns what a restorer reaches, and appends it to RUN/evaluations.jsonl where it is a run's.

    Of a network that tells the level of noise, its error is returned; see `evaluation.levels`.

    Args:
      source: a run folder, the name of a shipped network, or a file of weights with its card.
      folders: of undamaged pictures.
      sigmas: noise in grey levels of 255, a column each.
      protocol: one of `metrics.protocols`; None: gray8 or rgb8, as the restorer's channels say.
      seed: of the noise.
      which: "last" or "best" checkpoint of a run.
      ema: whether a run's averaged variables are measured.
      say: takes warnings.
    Raises:
      UsageError: if there is no such run or restorer, it is not trained on noise, or a folder does not fit.
    """
    if bad := [sigma for sigma in sigmas if not 0 <= sigma <= LEVELS]:
        raise UsageError(f"sigma {bad[0]:g}: give grey levels from 0 to 255")
    is_file = restorers.is_known(str(source))
    if is_file and (card := restorers.read(str(source))[1]).gives == "levels":
        network = restorers.load_noise_level(str(source))
        about = {"network": str(source), "sha256": card.sha256}
        return about | levels.evaluate(network, sigmas, folders, protocol or "gray8", seed=seed)
    restorer, damage, about = of_file(str(source)) if is_file else of_run(source, which=which, ema=ema, say=say)
    found = about | restoration.evaluate(
        restorer,
        ways(restorer),
        damage,
        {f"σ {sigma:g}": sigma for sigma in sigmas},
        folders,
        protocol or ("gray8" if restorer.traits.channels == 1 else "rgb8"),
        seed=seed,
    )
    if not is_file:
        measure.keep(source, found)
    return found


def ways(restorer: Restorer) -> dict[str, restoration.Way]:
    """Returns the ways in which a restorer is measured: told the level of the noise, and as a person applies it."""
    if not restorer.traits.guides:
        return {"network": lambda damaged, guide: restore(restorer, damaged)}
    given = {"network, σ given": lambda damaged, guide: restore(restorer, damaged, guide)}
    if "noise_level" not in restorers.FILES:
        return given
    level = restorers.load_noise_level()
    return given | {
        "network, σ estimated": lambda damaged, guide: restore(restorer, damaged, estimate(level, damaged)),
    }


def of_file(source: str) -> tuple[Restorer, restoration.Damage, dict[str, Any]]:
    """Returns a restorer that is shipped or in a file, how pictures are damaged for it, and what it is."""
    restorer = restorers.load_restorer(source)
    card = restorers.read(source)[1]
    if card.damage != "noise":
        raise UsageError(
            f"{source} undoes {card.damage} and no noise: `scripts/results damage` measures what is shipped"
        )
    degrade = make_degrade("noise", told=restorer.traits.told == "noise")
    damage = lambda key, images, sigma: degrade(key, images, {"sigma": sigma, "blind": 0.0})[:2]
    return restorer, damage, {"restorer": source, "sha256": card.sha256}


def of_run(run: Path, **choice: Any) -> tuple[Restorer, restoration.Damage, dict[str, Any]]:
    """Returns a run's restorer, how pictures are damaged for it, and which step it is of."""
    opened = reopen.open_run(run, **choice)
    if opened.objective.restore is None:
        raise UsageError(f"{run}: this run restores nothing; leave --on out")
    if getattr(opened.config, "damage", "") != "noise":
        raise UsageError(f"{run}: this run is not trained on noise of a level sigma")
    hyper = hyper_arrays(vars(opened.config.hyper))
    damage = lambda key, images, sigma: opened.objective.damage(key, images, hyper | {"sigma": sigma, "blind": 0.0})[:2]
    return of_opened(opened, str(run)), damage, {"step": opened.step, "checkpoint": choice["which"]}


def as_text(found: dict[str, Any]) -> str:
    """Returns what `evaluate` found as tables for a person to read."""
    return levels.as_text(found) if "levels" in found else restoration.as_text(found)
