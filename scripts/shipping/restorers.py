"""The shipped restorers: trained by experiments of their own, their averages written with a model card."""

import dataclasses
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.errors import UsageError, unknown
from jaxgen.models.restoration import ARCHITECTURES
from jaxgen.restoration import pretrained
from jaxgen.restoration.restorer import Conditioning, measure_spec
from jaxgen.runs import command_line, restorer_scoring, summary
from jaxgen.runs.reopen import open_run
from jaxgen.runs.scripts import load_script
from jaxgen.runs.train import train

ROOT = Path(__file__).resolve().parents[2]
BSDS500 = "--data.name folder --data.dir DIR/bsds500"
LARGE = "--data.size 128 --batch-size 8"
"""Crops as large as most of what these networks see from one place, which small ones cut off."""
BSDS = "Berkeley's BSDS500, its training and test pictures"
CALM = "--hyper.learning-rate 5e-4 --hyper.clip-norm 0.5"
TERMS = "to be cited (Arbelaez et al. 2011); its authors ask for non-commercial research and education"


class Recipe(NamedTuple):
    """One shipped network.

    Attributes:
      experiment: the script's name.
      words: what is added to its own defaults; DIR stands for a folder that holds the pictures.
      network: its module, one of `jaxgen.models.restoration.ARCHITECTURES`.
      fields: of the configuration that the module has too.
      output: what the network computes.
      conditioning: what the input channel behind the image holds.
      sets: folders under DIR on which it is evaluated; none: the pictures held out from its own training.
      before: like words, of trainings before this one, each of which starts from the network of the one before it.
    """

    experiment: str
    words: str
    network: str
    fields: tuple[str, ...]
    output: pretrained.Output = "image"
    conditioning: Conditioning = "none"
    sets: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


def schedule(steps: int) -> str:
    """Returns the options of a run whose learning rate falls to nothing over all its steps."""
    return f"--steps {steps} --schedule cosine --hyper.schedule-steps {steps}"


def denoiser(steps: int, channels: int, sets: tuple[str, ...], *further: str) -> Recipe:
    """Returns a recipe of a blind denoiser, and of further trainings on larger crops, by what each has of its own."""
    words = f"{BSDS500} --data.channels {channels}"
    *before, last = f"{words} {schedule(steps)}", *(f"{words} {LARGE} {CALM} {own}" for own in further)
    fields = ("widths", "blocks")
    return Recipe(
        "residual_unet", last, "ResidualUNet", fields, conditioning="noise_level", sets=sets, before=tuple(before)
    )


def clearer(options: str, small: str, *large: str) -> Recipe:
    """Returns a recipe of a network for colour pictures that undoes damage in all places.

    Args:
      options: what the damage is.
      small: what its training on small crops has of its own; it starts from a denoiser.
      *large: what each training on large crops after that has of its own.
    """
    words = f"{BSDS500} --data.channels 3 {CALM} {options}"
    first = f"{words} --data.size 96 --batch-size 8 --init-from denoise_color {small}"
    *before, last = first, *(f"{words} {LARGE} {own}" for own in large)
    return Recipe("residual_unet", last, "ResidualUNet", ("widths", "blocks"), before=tuple(before))


def lines_by_patches(own: str) -> Recipe:
    """Returns a recipe of a network of patches that mends tears and scratches.

    Args:
      own: what its second training has of its own; the first one is of masks that end with what shines through.
    """
    words = f"{BSDS500} --data.channels 3"
    first = f"{words} --steps 5401 --schedule cosine --hyper.schedule-steps 7000"
    last = f"{words} --hyper.learning-rate 7e-4 {own}"
    return Recipe(
        "patch_inpainter", last, "PatchInpainter", ("radius", "width", "depth"), conditioning="mask", before=(first,)
    )


RECIPES = {
    "noise_level": Recipe(
        "noise_level",
        f"{BSDS500} {schedule(8_000)}",
        "NoiseEstimator",
        ("depth", "width"),
        "noise_level",
    ),
    "denoise_gray": denoiser(30_000, 1, ("set12", "bsd68"), schedule(10_000), f"--seed 1 {schedule(4_500)}"),
    "denoise_color": denoiser(30_000, 3, ("cbsd68",)),
    "inpaint_all": Recipe(
        "inpainter",
        f"{BSDS500} --data.channels 3 {schedule(5_000)}",
        "Inpainter",
        ("widths", "blocks"),
        conditioning="mask",
    ),
    "inpaint_lines": Recipe(
        "inpainter",
        f"{BSDS500} --init-from inpaint_all --data.channels 3 --damage torn "
        f"--hyper.damage-probability 0.7 {schedule(5_000)}",
        "Inpainter",
        ("widths", "blocks"),
        conditioning="mask",
    ),
    "inpaint_tight": lines_by_patches(f"--seed 2 --hyper.opaque-probability 0.2 {schedule(4_000)}"),
    "inpaint_translucent": lines_by_patches(
        f"--seed 1 --hyper.opaque-probability 0.3 --hyper.mask-dilation 3 {schedule(9_000)}"
    ),
    "dehaze": Recipe(
        "dehazer",
        f"{BSDS500} --data.channels 3 --hyper.haze-low 0 --hyper.haze-high 2 --hyper.learning-rate 5e-4 "
        f"{schedule(5_000)}",
        "Dehazer",
        ("widths", "side"),
        before=(f"{BSDS500} --data.channels 3 --hyper.haze-low 0.2 --hyper.haze-high 2 {schedule(16_000)}",),
    ),
    "dejpeg": clearer(
        "--damage jpeg",
        f"--hyper.quality-high 95 {schedule(6_000)}",
        f"--hyper.quality-high 100 {schedule(8_000)}",
        f"--hyper.quality-high 80 --seed 1 {schedule(3_500)}",
    ),
    "deblur": clearer("--damage blur --hyper.blur-low 0 --hyper.grain 2", schedule(5_000), schedule(3_500)),
    "superres": Recipe(
        "srresnet",
        f"{BSDS500} --no-norm --residual --width 32 --blocks 8 --losses l1 --hyper.learning-rate 1e-3 "
        f"{schedule(9_000)}",
        "SRResNet",
        ("width", "blocks", "scale", "norm", "residual"),
    ),
    "detect": Recipe(
        "damage_detector",
        f"{BSDS500} --damage ruined --hyper.damage-probability 0.25 --data.size 192 --batch-size 4 "
        f"--widths 12 24 48 96 --hyper.clip-norm 0.5 {schedule(6_000)}",
        "UNet",
        ("widths",),
        "mask",
    ),
    "detect_lines": Recipe(
        "damage_detector",
        f"{BSDS500} --network residual --data.channels 3 --damage torn "
        f"--hyper.damage-probability 0.6 --hyper.opaque-probability 0.15 --hyper.scan-probability 0.4 "
        f"--data.size 256 --batch-size 3 --hyper.clip-norm 0.5 {schedule(8_500)}",
        "Detector",
        ("widths", "blocks"),
        "mask",
    ),
}
FURTHER = {"UNet": {"channels": 1, "residual": False}}
"""Fields of a module that its experiment sets by itself."""


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
    recipe, start = RECIPES[name], ""
    for words, run in zip((*recipe.before, recipe.words), parts(recipe, runs / name), strict=True):
        train_by(recipe.experiment, words, folder, Path(run), start)
        start = run
    return write(name, runs / name, folder, out, trained)


def parts(recipe: Recipe, run: Path | str) -> list[str]:
    """Returns the run folders of a recipe's trainings, the last one's last."""
    return [*(f"{run}-before-{part + 1}" for part in range(len(recipe.before))), str(run)]


def train_by(experiment: str, words: str, folder: str, run: Path, start: str) -> None:
    """Trains by words, in which DIR stands for a folder, from another run's network where one is named."""
    path = ROOT / "experiments" / f"{experiment}.py"
    script = load_script(str(path))
    config = command_line.parse(script.Config, shlex.split(words.replace("DIR", shlex.quote(folder))), "", path.name)
    train(dataclasses.replace(config, run=str(run), init_from=start or config.init_from, sample_every=0), script.build)


def write(name: str, run: Path, folder: str, out: Path, trained: str) -> str:
    """Evaluates a run, writes its network's file and returns the file's sha256; see `make`."""
    recipe, opened = RECIPES[name], open_run(run)
    variables = {"params": opened.variables["params"], **opened.variables["stats"]}
    module = ARCHITECTURES[recipe.network](**fields(recipe, opened.config))
    is_estimator = recipe.output == "noise_level"
    channels = opened.config.data.channels
    card = pretrained.make_card(
        module,
        recipe.output,
        None if is_estimator else measure_spec(module, variables, channels, recipe.conditioning),
        damage=getattr(opened.config, "damage", "noise"),
        command=commands(recipe),
        training=trained,
        data=BSDS,
        data_license=TERMS,
        scores=reached(run, recipe.sets, folder) if recipe.sets else held_out(run),
    )
    return pretrained.write(out / f"{name}.safetensors", variables, card)


def commands(recipe: Recipe) -> str:
    """Returns what trains a network, as the model card tells it."""
    script, runs = f"python experiments/{recipe.experiment}.py", parts(recipe, "RUN")
    if not recipe.before:
        return f"{script} {recipe.words}"
    starts = ["", *(f" --init-from {run}" for run in runs)]
    trainings = zip((*recipe.before, recipe.words), starts, runs, strict=False)
    return " && ".join(f"{script} {words}{start} --run {run}" for words, start, run in trainings)


def fields(recipe: Recipe, config: Any) -> dict[str, Any]:
    """Returns the fields by which the module is made again."""
    channels = {"channels": config.data.channels} if recipe.conditioning != "none" else {}
    return {field: getattr(config, field) for field in recipe.fields} | channels | FURTHER.get(recipe.network, {})


def held_out(run: Path) -> dict[str, str]:
    """Returns what a network reached on the pictures held out from its training, in words."""
    found = summary.describe(run)["metrics"]
    return {
        f"held-out pictures, {name.removeprefix('evaluation/').replace('_', ' ')}": f"{float(value):.4g}"
        for name, value in sorted(found.items())
        if name.startswith("evaluation/")
    }


def reached(run: Path, sets: tuple[str, ...], folder: str) -> dict[str, str]:
    """Returns what a denoiser reaches, by test set and level of noise, in words."""
    sigmas = (0.0, 15.0, 25.0, 50.0)
    found = restorer_scoring.evaluate(run, [f"{folder}/{name}" for name in sets], sigmas=sigmas)
    told = {"protocol": found["protocol"]}
    for name, measured in found["sets"].items():
        for damage, rows in measured["damages"].items():
            for way, scores in rows.items():
                if way.startswith("network"):
                    told[f"{Path(name).name}, {damage}, {way}"] = (
                        f"{float(scores['psnr']):.2f} dB, SSIM {float(scores['ssim']):.4f}"
                    )
    return told
