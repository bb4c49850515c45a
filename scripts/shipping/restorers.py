"""The shipped restorers: trained by experiments of their own, their averages written with a model card."""

import dataclasses
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen import command, restorers, weights
from jaxgen.errors import UsageError, unknown
from jaxgen.experiment import facts, measure_restorer
from jaxgen.experiment.reopen import open_run
from jaxgen.experiment.run import train
from jaxgen.experiment.scripts import load_script
from jaxgen.inference.restorer import examine

ROOT = Path(__file__).resolve().parents[2]
BSDS = "Berkeley's BSDS500, its training and test pictures"
TERMS = "to be cited (Arbelaez et al. 2011); its authors ask for non-commercial research and education"


class Recipe(NamedTuple):
    """One shipped network.

    Attributes:
      experiment: the script's name.
      words: what is added to its own defaults; DIR stands for a folder that holds the pictures.
      network: its module, one of `jaxgen.restorers.NETWORKS`.
      fields: of the configuration that the module has too.
      guides: further channels of its input; 0 for what restores nothing.
      sets: folders under DIR on which it is evaluated.
    """

    experiment: str
    words: str
    network: str
    fields: tuple[str, ...]
    guides: int
    sets: tuple[str, ...]


def schedule(steps: int) -> str:
    """Returns the options of a run whose learning rate falls to nothing over all its steps."""
    return f"--steps {steps} --schedule cosine --hyper.schedule-steps {steps}"


def denoiser(steps: int, channels: int, *sets: str) -> Recipe:
    """Returns a recipe of a blind denoiser."""
    words = f"--data.name folder --data.dir DIR/bsds500 --data.channels {channels} {schedule(steps)}"
    return Recipe("residual_unet", words, "ResidualUNet", ("widths", "blocks"), 1, sets)


RECIPES = {
    "noise_level": Recipe(
        "noise_level",
        f"--data.name folder --data.dir DIR/bsds500 {schedule(8_000)}",
        "NoiseLevel",
        ("depth", "width"),
        0,
        (),
    ),
    "denoise_gray": denoiser(30_000, 1, "set12", "bsd68"),
    "denoise_color": denoiser(30_000, 3, "cbsd68"),
}


def make(name: str, folder: str, runs: Path, out: Path, trained: str) -> str:
    """Trains a network, or goes on with its run, evaluates it, writes its file and returns the file's sha256.

    Args:
      name: one of `RECIPES`.
      folder: what DIR stands for.
      runs: where run folders go.
      out: the folder that the file is written to.
      trained: on what machine and for how long, in words.
    Raises:
      UsageError: if there is no recipe of that name, or the data or a folder is not there.
    """
    if name not in RECIPES:
        raise unknown("shipped restorer", name, RECIPES)
    if not out.is_dir():
        raise UsageError(f"no folder {out}: make it first")
    recipe, path = RECIPES[name], ROOT / "experiments" / f"{RECIPES[name].experiment}.py"
    script, words = load_script(str(path)), recipe.words.replace("DIR", folder)
    config = command.parse(script.Config, shlex.split(words), "", path.name)
    train(dataclasses.replace(config, run=str(runs / name), picture_every=0), script.build)
    opened = open_run(runs / name)
    variables = {"params": opened.variables["params"], **opened.variables["stats"]}
    module = restorers.NETWORKS[recipe.network](**fields(recipe, opened.config))
    about = restorers.about(
        module,
        examine(module, variables, opened.config.data.channels, recipe.guides) if recipe.guides else None,
        command=f"python experiments/{path.name} {recipe.words}",
        trained=trained,
        data=BSDS,
        terms=TERMS,
        scores=scores(recipe, runs / name, folder),
    )
    return weights.write(out / f"{name}.safetensors", variables, about)


def fields(recipe: Recipe, config: Any) -> dict[str, Any]:
    """Returns the fields by which the module is made again."""
    channels = {"channels": config.data.channels} if recipe.guides else {}
    return {field: getattr(config, field) for field in recipe.fields} | channels


def scores(recipe: Recipe, run: Path, folder: str) -> dict[str, str]:
    """Returns what a network reaches, by test set and damage, in words."""
    if not recipe.sets:
        error = facts.describe(run)["metrics"]["evaluation/error"]
        return {"held-out pictures": f"mean absolute error of the level {error:.2f} grey levels"}
    sigmas = (0.0, 15.0, 25.0, 50.0)
    found = measure_restorer.evaluate(run, [f"{folder}/{name}" for name in recipe.sets], sigmas=sigmas)
    told = {"protocol": found["protocol"]}
    for name, measured in found["sets"].items():
        for damage, rows in measured["damages"].items():
            for way, reached in rows.items():
                if way.startswith("network"):
                    told[f"{Path(name).name}, {damage}, {way}"] = (
                        f"{float(reached['psnr']):.2f} dB, SSIM {float(reached['ssim']):.4f}"
                    )
    return told
