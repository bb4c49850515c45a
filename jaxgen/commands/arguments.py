"""What the `jaxgen` command can be told."""

import argparse
from pathlib import Path

from jaxgen.evaluation import MAX_SEED

TRAIN_HELP = "train an experiment script; its own options follow, and `jaxgen train EXPERIMENT --help` lists them"
SWEEP_HELP = "search over an experiment's options; its own options follow, as for train, and hold for every trial"
Commands = argparse._SubParsersAction


def count(text: str) -> int:
    """Returns a whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value


def positive(text: str) -> float:
    """Returns a number above 0."""
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{value:g} is not above 0")
    return value


def seed(text: str) -> int:
    """Returns a whole number from 0 to `MAX_SEED`."""
    value = int(text)
    if not 0 <= value <= MAX_SEED:
        raise argparse.ArgumentTypeError(f"{value} is not from 0 to 2**32 - 2")
    return value


class OneLine(argparse.ArgumentParser):
    """A parser whose errors are one line and exit status 2."""

    def error(self, message: str) -> None:
        """Prints the message, points at --help and exits."""
        self.exit(2, f"jaxgen: {message}; `{self.prog} --help` lists what is allowed\n")


def choose_trust(parser: argparse.ArgumentParser) -> None:
    """Adds the options about the script and the data of a run that is opened."""
    parser.add_argument(
        "--trust", action="store_true", help="execute RUN/experiment.py although it is no installed experiment"
    )
    parser.add_argument(
        "--data.dir", dest="data_dir", default="", metavar="DIR", help="folder of the run's data, where it has moved"
    )


def choose_variables(parser: argparse.ArgumentParser) -> None:
    """Adds the options that tell which of a run's variables are used."""
    parser.add_argument("--checkpoint", choices=("last", "best"), default="last", help="which one (default: last)")
    parser.add_argument(
        "--ema",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="use the averaged parameters, or those of that very step (default: averaged)",
    )
    choose_trust(parser)


def choose_latents(parser: argparse.ArgumentParser) -> None:
    """Adds the options that tell what latents are drawn from, where it is not the prior."""
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--mixture", type=count, metavar="K", help="K Gaussians fitted to a VAE's codes of its images")
    choice.add_argument("--truncation", type=positive, metavar="T", help="the prior cut at ±T, as in 0.5")


def add_fill(commands: Commands) -> None:
    """Adds the command that fills a hole."""
    new = commands.add_parser("fill", help="a picture whose hole holds what a run's generator would draw there")
    new.add_argument("run", type=Path, help="run folder")
    new.add_argument("picture", type=Path, help="picture with a hole, of the size of the run's")
    new.add_argument("--mask", type=Path, required=True, metavar="PICTURE", help="white where it is to be filled")
    new.add_argument("--seed", type=seed, default=0, help="seed of the search (default: 0)")
    new.add_argument("--steps", type=count, default=300, help="steps of the search (default: 300)")
    new.add_argument("--out", type=Path, help="file for the result (default: PICTURE-filled.png beside the picture)")
    new.add_argument("--overwrite", action="store_true", help="replace a file that is there already")
    choose_variables(new)


def add_codes(commands: Commands) -> None:
    """Adds the commands from pictures to codes and back."""
    new = commands.add_parser("encode", help="pictures as the codes of a variational run")
    new.add_argument("run", type=Path, help="run folder")
    new.add_argument("pictures", type=Path, nargs="+", metavar="PICTURE_OR_FOLDER", help="what is encoded")
    new.add_argument("--out", type=Path, required=True, help="file of codes, .npz")
    new.add_argument(
        "--step",
        type=positive,
        default=0.25,
        help="to which codes are rounded, in standard deviations of the prior (default: 0.25)",
    )
    new.add_argument("--overwrite", action="store_true", help="replace a file that is there already")
    choose_variables(new)

    new = commands.add_parser("decode", help="the pictures that codes of a variational run stand for")
    new.add_argument("run", type=Path, help="folder of the run that made the codes")
    new.add_argument("codes", type=Path, help="file of codes")
    new.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    choose_variables(new)


def add_train(commands: Commands) -> None:
    """Adds the command that trains."""
    # For the help alone: what follows the experiment's name is for its own parser.
    new = commands.add_parser("train", help=TRAIN_HELP, description=TRAIN_HELP)
    new.add_argument("experiment", help="path of an experiment script, or the name of one in ./experiments")


def add_sweep(commands: Commands) -> None:
    """Adds the command that searches over an experiment's options."""
    new = commands.add_parser("sweep", help=SWEEP_HELP, description=SWEEP_HELP, allow_abbrev=False)
    new.add_argument("experiment", help="path of an experiment script, or the name of one in ./experiments")
    new.add_argument(
        "--search",
        nargs="+",
        required=True,
        metavar="FIELD=VALUES",
        help="what is searched, as in hyper.learning-rate=log:1e-5:1e-3, hyper.b1=uniform:0:0.9, width=int:8:32:8, "
        "hyper.penalty-weight=choice:1,5,10",
    )
    new.add_argument("--trials", type=count, help="settings in all (default: all of a grid, or 20)")
    new.add_argument("--metric", help="what is judged (default: what the best checkpoint is chosen by)")
    new.add_argument("--direction", help="minimize or maximize (default: that of the metric)")
    new.add_argument("--seeds", type=count, default=1, help="runs of each setting, whose mean is judged (default: 1)")
    new.add_argument("--sampler", default="tpe", help="tpe, random or grid (default: tpe)")
    new.add_argument("--pruner", default="none", help="none, asha or hyperband, at every evaluation (default: none)")
    new.add_argument("--sampler-seed", type=seed, default=0, help="seed of the sampler (default: 0)")
    new.add_argument(
        "--executor",
        default="auto",
        help="population (one program, for options under hyper.), processes (any option), or auto (default: auto)",
    )
    new.add_argument("--members", type=count, help="runs in one program (default: up to 8)")
    new.add_argument("--execution", help="of a population: vmap, map or unroll (default: the fastest)")
    new.add_argument(
        "--processes", type=count, default=1, help="trials at once, a GPU or share of cores each (default: 1)"
    )
    new.add_argument("--storage", help="postgresql://… to share with other machines (default: a file in --dir)")
    new.add_argument("--study", help="its name in the storage (default: the experiment's)")
    new.add_argument("--dir", type=Path, help="folder (default: sweeps/STUDY)")
    new.add_argument(
        "--heartbeat", type=count, default=60, help="seconds; twice that silent, a process is dead (default: 60)"
    )


def add_sample(commands: Commands) -> None:
    """Adds the command that draws pictures."""
    new = commands.add_parser("sample", help="pictures from a run's checkpoint")
    new.add_argument("run", type=Path, help="run folder")
    new.add_argument("--count", type=count, default=64, help="how many pictures (default: 64)")
    new.add_argument("--seed", type=seed, default=0, help="seed of the latents (default: 0)")
    choose_latents(new)
    new.add_argument("--label", type=int, help="class of all pictures, of a conditional run (default: every class)")
    new.add_argument("--restore", metavar="TASK", help="restore them by a task of `jaxgen restore`, as in denoise")
    new.add_argument(
        "--nearest",
        action=argparse.BooleanOptionalAction,
        help="write nearest.png, with training images below (default: where they are there)",
    )
    new.add_argument("--out", type=Path, help="folder for grid.png and the single pictures (default: in RUN/samples)")
    choose_variables(new)


def add_evaluate(commands: Commands) -> None:
    """Adds the command that measures."""
    new = commands.add_parser("evaluate", help="what a run's generated images are worth, or a restorer on pictures")
    new.add_argument("run", type=Path, help="run folder, name of a shipped restorer, or a .safetensors file of one")
    new.add_argument("--on", nargs="+", metavar="FOLDER", help="folders of pictures, for a restorer")
    new.add_argument(
        "--sigma", type=float, nargs="+", help="noise for a denoiser, in grey levels of 255 (default: 15 25 50)"
    )
    new.add_argument("--protocol", help="gray8, rgb8 or y601-shave4 (default: gray8 or rgb8, by the restorer)")
    new.add_argument(
        "--extractor",
        help="auto (the classifier shipped for the run's data), its name, or InceptionV3's weights (default: auto)",
    )
    new.add_argument("--count", type=count, help="images, no more than the other split has (default: 10000)")
    choose_latents(new)
    new.add_argument("--restore", metavar="TASK", help="restore generated images first, as `jaxgen sample` does")
    new.add_argument(
        "--likelihood", type=count, metavar="K", help="a VAE's likelihood of real images by K codes of each"
    )
    new.add_argument("--chunk", type=count, help="codes that --likelihood looks at together (default: by memory)")
    new.add_argument("--reference", choices=("test", "train"), help="real images (default: test)")
    new.add_argument("--seed", type=seed, default=0, help="seed of latents or damage (default: 0)")
    new.add_argument("--json", action="store_true", help="one JSON object")
    choose_variables(new)


def add_restore(commands: Commands) -> None:
    """Adds the command that restores photographs."""
    new = commands.add_parser("restore", help="photographs without their damage, beside the originals")
    new.add_argument("photographs", type=Path, nargs="+", metavar="PHOTO_OR_FOLDER", help="what is restored")
    what = new.add_mutually_exclusive_group(required=True)
    what.add_argument("--task", help="denoise dehaze deblur dejpeg superres derust scratches inpaint auto")
    what.add_argument("--network", metavar="RUN_OR_FILE", help="a network of your own: a run, or a .safetensors file")
    new.add_argument("--sigma", type=float, help="noise in grey levels of 255 (default: estimated)")
    new.add_argument(
        "--mask",
        type=Path,
        metavar="PICTURE_OR_FOLDER",
        help="white where the photograph is damaged (default: found); for a folder, masks of the same names",
    )
    new.add_argument("--strength", type=float, default=1.0, help="share of the change, 0 to 1 (default: 1)")
    new.add_argument("--ensemble", action="store_true", help="mean over eight views: better, and 8 times as long")
    new.add_argument("--compare", action="store_true", help="write original and result side by side too")
    new.add_argument("--out", type=Path, help="folder for the results (default: beside the originals)")
    new.add_argument("--overwrite", action="store_true", help="make results again that are there already")
    new.add_argument("--tile", type=count, default=1024, help="largest tile, 64 to 1024 pixels (default: 1024)")
    new.add_argument(
        "--trust", action="store_true", help="execute experiment.py of --network's run although it is not installed"
    )
    new.add_argument(
        "--megapixels", type=positive, default=100.0, help="the largest picture that is read (default: 100)"
    )


def add_export(commands: Commands) -> None:
    """Adds the command that writes a network for JAX alone."""
    new = commands.add_parser("export", help="a generator or restorer as StableHLO, which JAX runs without jaxgen")
    new.add_argument("network", metavar="RUN_OR_NETWORK", help="run folder, shipped network, or .safetensors file")
    new.add_argument("--out", type=Path, required=True, metavar="FILE.stablehlo", help="file to write")
    new.add_argument(
        "--platforms",
        nargs="+",
        default=("cpu", "cuda", "tpu"),
        metavar="PLATFORM",
        help="on which it runs, here or not: of cpu cuda rocm tpu (default: cpu cuda tpu)",
    )
    new.add_argument(
        "--size", type=count, nargs=2, metavar=("HEIGHT", "WIDTH"), help="of a restorer's images (default: any)"
    )
    new.add_argument("--overwrite", action="store_true", help="replace a file that is there already")
    choose_variables(new)


def add_explain(commands: Commands) -> None:
    """Adds the command that looks inside."""
    new = commands.add_parser("explain", help="what a run's classifier or discriminator looks at")
    new.add_argument("run", type=Path, help="run folder")
    new.add_argument(
        "pictures",
        type=Path,
        nargs="*",
        metavar="PICTURE_OR_FOLDER",
        help="what it looks at (default: held-out images of its data)",
    )
    new.add_argument("--count", type=count, default=16, help="how many held-out images (default: 16)")
    new.add_argument(
        "--label",
        type=int,
        help="class as which a conditional discriminator judges (default: held-out images' own)",
    )
    new.add_argument("--out", type=Path, help="picture to write (default: in RUN/samples)")
    new.add_argument("--checkpoint", choices=("last", "best"), default="last", help="which one (default: last)")
    choose_trust(new)


def add_info(commands: Commands) -> None:
    """Adds the command that tells what a run or a restorer is."""
    new = commands.add_parser("info", help="configuration, parameters, step, digest, best and last metrics of a run")
    new.add_argument("run", type=Path, help="run folder; a shipped restorer or a file of one for its model card")
    new.add_argument("--json", action="store_true", help="one JSON object")


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of the command; `command` of what it parses tells which one it is."""
    parser = OneLine(prog="jaxgen", description="Image generation and image restoration in JAX.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        add_train,
        add_sweep,
        add_sample,
        add_fill,
        add_codes,
        add_evaluate,
        add_restore,
        add_export,
        add_explain,
        add_info,
    ):
        add(commands)
    return parser
