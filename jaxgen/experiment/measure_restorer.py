"""What a restorer is worth on folders of pictures: one of a run folder, or one that comes with the installation."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
from jax import Array

from jaxgen import restorers
from jaxgen.errors import UsageError
from jaxgen.evaluation import restoration
from jaxgen.experiment import measure, reopen
from jaxgen.experiment.noise import guided
from jaxgen.inference.restorer import Restorer, examine, make_restorer
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

    Args:
      source: a run folder, or the name of a shipped restorer.
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
    if bad := [sigma for sigma in sigmas if not 0 < sigma <= LEVELS]:
        raise UsageError(f"sigma {bad[0]:g}: give grey levels above 0 and up to 255")
    is_shipped = str(source) in restorers.FILES and not source.exists()
    restorer, ruin, about = shipped(str(source)) if is_shipped else of_run(source, which=which, ema=ema, say=say)
    found = about | restoration.evaluate(
        restorer,
        {f"σ {sigma:g}": partial(ruin, sigma=sigma) for sigma in sigmas},
        folders,
        protocol or ("gray8" if restorer.traits.channels == 1 else "rgb8"),
        seed=seed,
    )
    if not is_shipped:
        measure.keep(source, found)
    return found


Ruin = Callable[..., tuple[Array, Array | None]]


def shipped(name: str) -> tuple[Restorer, Ruin, dict[str, Any]]:
    """Returns a shipped restorer, how pictures are damaged for it, and what it is."""
    restorer = restorers.load_restorer(name)
    ruin = lambda key, images, sigma: guided(key, images, {"sigma": sigma, "blind": 0.0})
    return restorer, ruin, {"restorer": name, "sha256": restorers.FILES[name]}


def of_run(run: Path, **choice: Any) -> tuple[Restorer, Ruin, dict[str, Any]]:
    """Returns a run's restorer, how pictures are damaged for it, and which step it is of."""
    opened = reopen.open_run(run, **choice)
    objective, hyper = opened.objective, vars(opened.config.hyper)
    if objective.restore is None:
        raise UsageError(f"{run}: this run restores nothing; leave --on out")
    if "sigma" not in hyper:
        raise UsageError(f"{run}: this run is not trained on noise of a level sigma")
    channels = opened.config.data.channels
    ruin = lambda key, images, sigma: objective.damage(
        key, images, hyper_arrays(hyper) | {"sigma": sigma, "blind": 0.0}
    )
    image = jax.ShapeDtypeStruct((1, 8, 8, channels), "float32")
    guide = jax.eval_shape(lambda image: ruin(jax.random.split(jax.random.key(0), 1), image, 1.0)[1], image)
    variables = {"params": opened.variables["params"], **opened.variables["stats"]}
    traits = examine(objective.module, variables, channels, 0 if guide is None else guide.shape[-1])
    return (
        make_restorer(objective.module, variables, traits),
        ruin,
        {"step": opened.step, "checkpoint": choice["which"]},
    )
