"""Evaluates a restorer on folders of images: that of a run, of a file, or a shipped one."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp

from jaxgen.config.damage import DAMAGES, NOISES, make_degrade
from jaxgen.degradations.noise import NOISE_LEVELS
from jaxgen.errors import UsageError, unknown
from jaxgen.evaluation import detection, inpainting, noise_estimation, restoration
from jaxgen.evaluation.denoisers import DENOISERS
from jaxgen.restoration import pretrained
from jaxgen.restoration.analysis.noise import estimate_noise
from jaxgen.restoration.restorer import Restorer, restore
from jaxgen.runs import reopen, scoring
from jaxgen.runs.open_restorer import restorer_of_run
from jaxgen.runs.reopen import DEFAULTS, RUNS_ONLY, OpenOptions
from jaxgen.training import progress

MAX_GRAY = 255
DETECT = "detect"
"""The task of `jaxgen restore` whose masks are measured."""


def evaluate(
    source: Path,
    folders: Sequence[str],
    *,
    sigmas: Sequence[float] | None = None,
    protocols: Sequence[str] | None = None,
    ensemble: bool = False,
    baselines: Sequence[str] = (),
    metrics: Sequence[str] | None = None,
    metric_weights: Sequence[Path] = (),
    masks: Sequence[str] = (),
    seed: int = 0,
    options: OpenOptions = DEFAULTS,
    out: Path | None = None,
    show: scoring.Show = scoring.show_nothing,
    say: Callable[[str], None] = progress.say,
) -> dict[str, Any]:
    """Computes the scores of a restorer, and appends them to RUN/evaluations.jsonl if it is that of a run.

    For an estimator of the noise level it computes the error of the estimates, see `evaluation.noise_estimation`. For
    "detect" it compares the marked pixels with the damaged ones, see `evaluation.detection`; for a network that takes a
    mask see `evaluation.inpainting`.

    Args:
      source: a run folder, the name of a shipped network, or a .safetensors file with its model card.
      folders: folders of undamaged images.
      sigmas: noise levels on the scale 0 to 255, a column each; None: 15, 25 and 50. Other degradations have fixed
        columns.
      protocols: names in `metrics.protocols`, one for all folders or one for each; None: gray8 or rgb8, by the
        restorer's channels.
      ensemble: whether the mean over eight flipped and rotated views is scored too.
      baselines: names in `evaluation.denoisers.DENOISERS`, for a denoiser.
      metrics: names in `metrics.image.METRICS`, of inpainting also in `metrics.masked.MASKED_METRICS`; None: psnr and
        ssim, of inpainting `metrics.masked.INPAINTING_METRICS`.
      metric_weights: files of those that need one; see `evaluation.perceptual.load`.
      masks: for "detect", a folder of masks for each folder of damaged photographs; none: the photographs are clean,
        and are damaged as in the damage benchmark.
      seed: seed of the noise.
      options: how the run is opened.
      out: file that the result is appended to; None: RUN/evaluations.jsonl, of a file none.
      show: takes the result before it is written.
      say: takes warnings.
    Raises:
      UsageError: if there is no such run or restorer, options of runs are set for a file, its degradation has no
        strength, or a folder does not fit.
    """
    if bad := [sigma for sigma in sigmas or () if not 0 <= sigma <= MAX_GRAY]:
        raise UsageError(f"sigma {bad[0]:g}: give gray levels from 0 to 255")
    is_file = pretrained.is_network(str(source))
    if is_file and options != DEFAULTS:
        raise UsageError(f"{source} is one network and no run: {RUNS_ONLY}")

    scoring.require_appendable(out)

    def kept(scores: dict[str, Any]) -> dict[str, Any]:
        """Shows scores, appends them to the run's evaluations or to `out`, and returns them."""
        show(scores)
        if out or not is_file:
            scoring.append(out or source / scoring.FILE, scores, say)
        return scores

    others = {"sigma": sigmas, "protocol": protocols, "ensemble": ensemble, "baselines": baselines}
    others |= {"metrics": metrics, "metric-weights": metric_weights}
    if str(source) == DETECT and is_file:
        refuse(others, f"{source} is measured by the pixels that it marks")
        return kept({"task": DETECT} | detection.evaluate(folders, masks, seed=seed))
    refuse({"masks": masks}, "it is for detect")
    if is_file and pretrained.read_card(str(source)).output == "noise_level":
        unused = ("baselines", "metrics", "metric-weights")
        refuse({name: others[name] for name in unused}, f"{source} estimates the noise level and restores nothing")
        network = pretrained.load_noise_estimator(str(source))
        about = {"network": str(source), "sha256": pretrained.digest(str(source))}
        sigmas = sigmas or NOISE_LEVELS
        if ensemble:
            raise UsageError(f"ensemble: {source} estimates the noise level and restores nothing; leave --ensemble out")
        return kept(about | noise_estimation.evaluate(network, sigmas, folders, protocols or ("gray8",), seed=seed))
    restorer, kind, about = load_shipped(str(source)) if is_file else load_run(source, options, say)
    if restorer.spec.conditioning == "mask":
        unused = ("sigma", "protocol", "baselines")
        refuse({name: others[name] for name in unused}, f"{source} inpaints, which has fixed columns")
        chosen = {"ensemble": ensemble, "metrics": metrics, "metric_weights": metric_weights}
        return kept(about | inpainting.evaluate(restorer, folders, **chosen, seed=seed))
    # Denoisers of any noise are compared on white noise, as in the published results.
    kind = "noise" if kind in NOISES else kind
    strengths = DAMAGES[kind].strengths if kind in DAMAGES else None
    if strengths is None:
        measured = ", ".join(name for name, entry in DAMAGES.items() if entry.strengths)
        raise UsageError(f"{source} undoes {kind}, and --images measures {measured}: choose a network for one of these")
    if sigmas and kind != "noise":
        raise UsageError(f"sigma {sigmas[0]:g}: {source} undoes {kind}, which has fixed columns; leave --sigma out")
    if kind != "noise":
        refuse({"baselines": baselines}, f"they remove noise, and {source} undoes {kind}")
    scale = restorer.spec.scale
    degrade = make_degrade(kind, condition=restorer.spec.conditioning == "noise_level", scale=scale)
    values = sigmas or ((float(scale),) if DAMAGES[kind].resizes else strengths.values)
    scores = about | restoration.evaluate(
        restorer,
        methods(restorer, ensemble=ensemble),
        lambda key, images, strength: degrade(key, images, {"grain": jnp.float32(0)} | strengths.hyper(strength))[:2],
        {strengths.column.format(value): value for value in values},
        folders,
        protocols or ("gray8" if restorer.spec.channels == 1 else "rgb8",),
        description=strengths.about,
        seed=seed,
        baselines=denoisers_by_row(baselines),
        metrics=metrics,
        metric_weights=metric_weights,
    )
    return kept(scores)


def refuse(options: Mapping[str, Any], reason: str) -> None:
    """Raises UsageError for an option that was given, since it would have no effect."""
    for name, value in options.items():
        if value:
            raise UsageError(f"{name}: {reason}; leave --{name} out")


def denoisers_by_row(names: Sequence[str]) -> dict[str, restoration.Baseline]:
    """Returns denoisers that take a noise level on the scale 0 to 255, by the name of their row."""
    for name in names:
        if name not in DENOISERS:
            raise unknown("baseline", name, DENOISERS)
    chosen = [DENOISERS[name] for name in names]
    return {x.row: lambda noisy, sigma, x=x: x.denoise(noisy, sigma / MAX_GRAY) for x in chosen}


def methods(restorer: Restorer, *, ensemble: bool = False) -> dict[str, restoration.Method]:
    """Returns the ways to apply a restorer, by name: with the true and with an estimated noise level if it takes one.

    Args:
      restorer: the network.
      ensemble: whether the mean over eight flipped and rotated views is one of them.
    """
    takes_level = restorer.spec.conditioning == "noise_level"
    name = "network, σ given" if takes_level else "network"
    found: dict[str, restoration.Method] = {name: partial(restore, restorer)}
    if ensemble:
        found[f"{name}, ensemble"] = partial(restore, restorer, ensemble=True)
    if takes_level and "noise_level" in pretrained.NETWORKS:
        level = pretrained.load_noise_estimator()
        found["network, σ estimated"] = lambda damaged, _: restore(restorer, damaged, estimate_noise(level, damaged))
    return found


def load_shipped(source: str) -> tuple[Restorer, str, dict[str, Any]]:
    """Returns a restorer that is shipped or in a file, the damage it was trained on, and its identity."""
    about = {"restorer": source, "sha256": pretrained.digest(source)}
    return pretrained.load_restorer(source), pretrained.read_card(source).damage, about


def load_run(run: Path, options: OpenOptions, say: Callable[[str], None]) -> tuple[Restorer, str, dict[str, Any]]:
    """Returns a run's restorer, the damage it was trained on, and its step."""
    opened = reopen.open_run(run, options, say)
    if opened.objective.restoring is None:
        raise UsageError(f"{run}: this run restores nothing; leave --images out")
    kind = getattr(opened.config, "damage", "damage of its own")
    return restorer_of_run(opened, str(run)), kind, {"step": opened.step, "checkpoint": options.checkpoint}


def to_text(scores: dict[str, Any]) -> str:
    """Returns the result of `evaluate` as tables."""
    if scores.get("task") == DETECT:
        return detection.to_text(scores)
    return noise_estimation.to_text(scores) if "levels" in scores else restoration.to_text(scores)
