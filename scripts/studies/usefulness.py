"""Measures the use of generated images: a classifier is trained on real ones, on generated ones and on both."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from jaxgen import data
from jaxgen.config.gan import classes
from jaxgen.errors import UsageError
from jaxgen.runs import summary
from jaxgen.runs.reopen import build
from jaxgen.runs.scripts import load_script
from jaxgen.runs.train import train

ROOT = Path(__file__).resolve().parents[2]
HELD_OUT = 10_000


def sets(run: Path, config: data.Config, count: int) -> dict[str, data.Config]:
    """Returns the training data of each classifier by name; there are as many generated images as real ones."""
    drawn = dataclasses.replace(config, from_run=str(run), samples=count)
    return {"real": config, "generated": drawn, "both": dataclasses.replace(drawn, with_real=True)}


def study(run: Path, steps: int, seed: int, out: Path, say: Callable[[str], None]) -> dict[str, float]:
    """Returns the accuracy of each classifier on held-out real images, and prints it.

    Args:
      run: folder of a run that generates images of classes; its training data are the real ones.
      steps: of each classifier.
      seed: of each classifier.
      out: folder for their run folders; an existing run is resumed.
      say: prints a line.
    Raises:
      UsageError: if the run generates no images, or is not class-conditional.
    """
    built = build(run, say=say)
    if built.objective.generative is None or not classes(built.config):
        raise UsageError(f"{run} draws no images of classes: give a run that was trained with --conditional")
    count = len(data.load(built.config.data))
    module = load_script(str(ROOT / "experiments" / "classifier.py"))
    accuracies = {}
    for name, config in sets(run, built.config.data, count).items():
        recipe = module.Config(
            steps=steps,
            seed=seed,
            run=str(out / f"{name}-seed-{seed}"),
            evaluate_every=0,
            evaluate_images=HELD_OUT,
            sample_every=0,
            data=config,
        )
        train(recipe, module.build, say=lambda line: None)
        accuracies[name] = float(summary.describe(Path(recipe.run))["metrics"]["evaluation/accuracy"])
        images = count * (2 if name == "both" else 1)
        say(f"{name:10} {images:7} images  accuracy {accuracies[name]:.4f}")
    return accuracies
