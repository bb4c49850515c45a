"""Trains the shipped restoration networks again by the commands in their model cards, or trains a new one."""

import dataclasses
import shlex
from pathlib import Path
from typing import Any

from jaxgen.errors import UsageError
from jaxgen.models.restoration.noise_estimator import NoiseEstimator
from jaxgen.restoration import pretrained
from jaxgen.restoration.restorer import Conditioning, measure_spec
from jaxgen.runs import command_line, restorer_scoring, summary
from jaxgen.runs.open_restorer import conditioning
from jaxgen.runs.reopen import Opened, open_run
from jaxgen.runs.scripts import load_script
from jaxgen.runs.train import train

ROOT = Path(__file__).resolve().parents[2]
DATA = "Berkeley's BSDS500, its training and test pictures"
LICENSE = "to be cited (Arbelaez et al. 2011); its authors ask for non-commercial research and education"
TEST_SETS = {1: ("set12", "bsd68"), 3: ("cbsd68",)}
"""Folders under DIR on which denoisers are evaluated, by their channels; other networks: on the held-out images."""
SIGMAS = (0.0, 15.0, 25.0, 50.0)
"""Noise levels of that evaluation, in grey levels of 255."""


def make(name: str, folder: str, runs: Path, out: Path, training: str, command: str = "") -> str:
    """Trains a network, or continues its runs, evaluates it, writes its file and returns the file's sha256.

    Args:
      name: of the network.
      folder: what DIR in the command stands for.
      runs: folder of the run folders.
      out: folder of the file.
      training: the machine and the time that training takes, for the card.
      command: "python experiments/NAME.py OPTIONS", or several joined by " && ", each with --run RUN-… for a folder of
        its own and the last with --run RUN; empty: that of the shipped network's card.
    Raises:
      UsageError: if there is no such network, or the data or a folder does not exist.
    """
    if not out.is_dir():
        raise UsageError(f"no folder {out}: create it first")
    command = command or pretrained.read_card(name).command
    for script, words in trainings(command):
        train_by(script, [word.replace("DIR", folder) for word in words], runs, name)
    return write(name, runs / name, folder, out, training, command)


def trainings(command: str) -> list[tuple[Path, list[str]]]:
    """Returns the script and the options of each training of a command."""
    parts = [shlex.split(part) for part in command.split(" && ")]
    return [(ROOT / script, words) for _, script, *words in parts]


def train_by(script: Path, words: list[str], runs: Path, name: str) -> None:
    """Trains by a script's options, in which RUN stands for the network's run folder."""
    module = load_script(str(script))
    paths = [str(runs / word.replace("RUN", name, 1)) if word.startswith("RUN") else word for word in words]
    config = command_line.parse(module.Config, paths, "", script.name)
    train(dataclasses.replace(config, run=config.run or str(runs / name), sample_every=0), module.build)


def write(name: str, run: Path, folder: str, out: Path, training: str, command: str) -> str:
    """Evaluates a run, writes its network's file and returns the file's sha256; see `make`."""
    opened = open_run(run)
    module, output, condition = network(opened)
    variables = {"params": opened.variables["params"], **opened.variables["stats"]}
    channels = opened.config.data.channels
    is_estimator, is_denoiser = output == "noise_level", condition == "noise_level"
    card = pretrained.make_card(
        module,
        output,
        None if is_estimator else measure_spec(module, variables, channels, condition),
        damage=getattr(opened.config, "damage", "noise"),
        command=command,
        training=training,
        data=DATA,
        data_license=LICENSE,
        scores=test_scores(run, folder, channels) if is_denoiser else held_out_scores(run),
    )
    return pretrained.write(out / f"{name}.safetensors", variables, card)


def network(opened: Opened) -> tuple[Any, pretrained.Output, Conditioning]:
    """Returns the module of a run, its output and its conditioning."""
    objective, config = opened.objective, opened.config
    if objective.restoring:
        return objective.restoring.module, "image", conditioning(config)
    if objective.detecting:
        return objective.detecting.module, "mask", "none"
    fields = {name: getattr(config, name) for name in ("depth", "width")}
    return NoiseEstimator(**fields), "noise_level", "none"


def held_out_scores(run: Path) -> dict[str, str]:
    """Returns the scores on the images held out from training, as text."""
    metrics = summary.describe(run)["metrics"]
    return {
        f"held-out pictures, {name.removeprefix('evaluation/').replace('_', ' ')}": f"{float(value):.4g}"
        for name, value in sorted(metrics.items())
        if name.startswith("evaluation/")
    }


def test_scores(run: Path, folder: str, channels: int) -> dict[str, str]:
    """Returns the scores of a denoiser by test set and noise level, as text."""
    folders = [f"{folder}/{name}" for name in TEST_SETS[channels]]
    found = restorer_scoring.evaluate(run, folders, sigmas=SIGMAS, ensemble=True)
    texts = {"protocol": found["protocol"]}
    for name, measured in found["sets"].items():
        for damage, rows in measured["damages"].items():
            for method, scores in rows.items():
                if method.startswith("network"):
                    texts[f"{Path(name).name}, {damage}, {method}"] = (
                        f"{float(scores['psnr']):.2f} dB, SSIM {float(scores['ssim']):.4f}"
                    )
    return texts
