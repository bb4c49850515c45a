"""The shipped feature networks: trained by experiments/classifier.py, their averages written as safetensors."""

import dataclasses
import shlex
from pathlib import Path
from typing import NamedTuple

from jaxgen import data
from jaxgen.errors import UsageError, unknown
from jaxgen.io import weights
from jaxgen.runs import command_line, summary
from jaxgen.runs.reopen import open_run
from jaxgen.runs.scripts import load_script
from jaxgen.runs.train import train

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "experiments" / "classifier.py"


class Recipe(NamedTuple):
    """One classifier.

    Attributes:
      words: what is added to the experiment's own defaults; DIR stands for TFDS's data folder.
      data: what it is trained on, in words.
      terms: under which these data are published.
    """

    words: str
    data: str
    terms: str


def schedule(steps: int) -> str:
    """Returns the options of a run whose learning rate falls to nothing over all its steps."""
    return f"--steps {steps} --schedule cosine --hyper.schedule-steps {steps} --hyper.learning-rate 2e-3"


RECIPES = {
    "digits": Recipe(
        schedule(600),
        "scikit-learn's digits at 28x28, four of five",
        "CC BY 4.0 (Alpaydin and Kaynak 1998, UCI Machine Learning Repository)",
    ),
    "mnist": Recipe(
        f"--data.name mnist --data.dir DIR {schedule(2000)}",
        "MNIST's training images",
        "none stated by its authors (LeCun, Cortes, Burges)",
    ),
    "fashion_mnist": Recipe(
        f"--data.name fashion_mnist --data.dir DIR {schedule(2400)}",
        "Fashion-MNIST's training images",
        "MIT (Zalando SE 2017)",
    ),
}


def make(name: str, folder: str, runs: Path, out: Path) -> str:
    """Trains a classifier, or goes on with its run, writes its file and returns the file's sha256.

    Args:
      name: one of `RECIPES`.
      folder: TFDS's data folder; empty: TFDS's own default.
      runs: where run folders go.
      out: the folder that the file is written to.
    Raises:
      UsageError: if there is no recipe of that name, or the data or a folder is not there.
    """
    if name not in RECIPES:
        raise unknown("shipped classifier", name, RECIPES)
    if not out.is_dir():
        raise UsageError(f"no folder {out}: make it first")
    recipe, script = RECIPES[name], load_script(str(SCRIPT))
    config = command_line.parse(script.Config, shlex.split(recipe.words), "", SCRIPT.name)
    config = dataclasses.replace(config, run=str(runs / name), evaluate_every=0, checkpoint_every=0, sample_every=0)
    if config.data.dir:
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, dir=folder))
    tested = len(data.load(dataclasses.replace(config.data, split="test")))
    train(dataclasses.replace(config, evaluate_images=tested), script.build)
    trained = open_run(runs / name)
    about = {
        "command": f"python experiments/{SCRIPT.name} {recipe.words}",
        "accuracy": f"{summary.describe(runs / name)['metrics']['evaluation/accuracy']:.4f}",
        "tested": f"all {tested} images of the test split",
        "data": recipe.data,
        "terms": recipe.terms,
    } | {part: str(getattr(trained.config.data, part)) for part in ("size", "channels", "classes")}
    return weights.write(out / f"{name}.safetensors", {"params": trained.variables["params"]}, about)
