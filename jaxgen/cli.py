"""The `jaxgen` command. It parses and calls; what it calls can be called from Python too."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxgen.allocator import keep_freed_memory
from jaxgen.command import exit_status, run_script, use_compilation_cache
from jaxgen.errors import UsageError
from jaxgen.evaluation import LARGEST_SEED

OWN = "restored"
"""What the results of a network of one's own are named by."""
TRAIN_HELP = "train an experiment script; its own options follow, and `jaxgen train EXPERIMENT --help` lists them"


def train(name: str, words: Sequence[str]) -> None:
    """Trains an experiment as running its script does."""
    from jaxgen.experiment.scripts import load_script

    module = load_script(name)
    run_script(module.Config, module.build, module.__doc__ or "", words)


def sample(options: argparse.Namespace) -> None:
    """Writes a grid and single pictures drawn from a run's generator."""
    from jaxgen.experiment import reopen
    from jaxgen.reports import pictures

    clean = None
    if options.restore:
        from jaxgen.restoring import tasks

        clean = tasks.make_clean(options.restore)
    opened = reopen.open_run(options.run, which=options.checkpoint, ema=options.ema)
    made = reopen.sample(opened, options.count, options.seed, options.label)
    if clean:
        made = clean(made)
    chosen = "" if options.label is None else f"-label-{options.label}"
    chosen += f"-{options.restore}" if options.restore else ""
    out = options.out or options.run / "samples" / f"step-{opened.step:08d}-seed-{options.seed}{chosen}"
    print(pictures.write_all(out, made))


def fill(options: argparse.Namespace) -> None:
    """Writes a picture whose hole a run's generator has filled."""
    from jaxgen.experiment.fill import fill_file

    told = fill_file(
        options.run,
        options.picture,
        options.mask,
        out=options.out,
        overwrite=options.overwrite,
        seed=options.seed,
        steps=options.steps,
        which=options.checkpoint,
        ema=options.ema,
    )
    print(told)


def evaluate(options: argparse.Namespace) -> None:
    """Prints what a run's generated images, or a restorer, are worth, and appends it to RUN/evaluations.jsonl."""
    from jaxgen.evaluation import report
    from jaxgen.experiment import measure

    if options.on:
        refuse(options, ("extractor", "count", "reference"), "leave it out with --on, which evaluates a restorer")
        evaluate_restorer(options)
        return
    refuse(options, ("sigma", "protocol"), "it is for a restorer, which --on FOLDER evaluates")
    found = measure.evaluate_run(
        options.run,
        extractor=options.extractor or "auto",
        count=options.count or 10_000,
        reference=options.reference or "test",
        seed=options.seed,
        which=options.checkpoint,
        ema=options.ema,
    )
    print(json.dumps(found) if options.json else report.as_text(found))


def refuse(options: argparse.Namespace, names: Sequence[str], reason: str) -> None:
    """Raises UsageError for an option that was given and has no effect."""
    for name in names:
        if getattr(options, name) is not None:
            raise UsageError(f"--{name}: {reason}")


def evaluate_restorer(options: argparse.Namespace) -> None:
    """Prints what a run or a shipped restorer reaches on folders of pictures."""
    from jaxgen.experiment import measure_restorer

    keep_freed_memory()
    use_compilation_cache()
    found = measure_restorer.evaluate(
        options.run,
        options.on,
        sigmas=options.sigma or (15.0, 25.0, 50.0),
        protocol=options.protocol,
        seed=options.seed,
        which=options.checkpoint,
        ema=options.ema,
    )
    print(json.dumps(found) if options.json else measure_restorer.as_text(found))


def restore(options: argparse.Namespace) -> None:
    """Writes a restored photograph beside each original."""
    from functools import partial

    from jaxgen.restoring import files, tasks
    from jaxgen.restoring.applying import Settings

    settings = Settings(options.sigma, options.strength, options.ensemble, options.tile)
    name = options.task or OWN
    masked = options.mask is not None
    found = files.gather(options.photographs, (*tasks.TASKS, OWN), options.out, options.mask)
    keep_freed_memory()
    use_compilation_cache()
    if options.network:
        from jaxgen.experiment.open_restorer import open_restorer

        act = tasks.by_network(open_restorer(options.network), settings, masked=masked)
    else:
        act = tasks.choose(options.task, settings, masked=masked)
    one = partial(
        files.restore_file,
        task=name,
        act=act,
        settings=settings,
        masks=options.mask,
        folder=options.out,
        compare=options.compare,
        overwrite=options.overwrite,
        megapixels=options.megapixels,
        progress=files.tile_progress(sys.stderr),
    )
    files.restore_all(found, one, partial(print, flush=True))


def info(options: argparse.Namespace) -> None:
    """Prints what a run folder holds, or the card of a shipped restorer."""
    from jaxgen import restorers
    from jaxgen.experiment import facts

    if restorers.is_known(str(options.run)):
        card = restorers.read(str(options.run))[1]
        print(json.dumps(restorers.as_json(card)) if options.json else restorers.as_text(card))
        return
    found = facts.describe(options.run)
    print(json.dumps(found, allow_nan=False) if options.json else facts.as_text(found))


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
    """Returns a whole number from 0 to `LARGEST_SEED`."""
    value = int(text)
    if not 0 <= value <= LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"{value} is not from 0 to 2**32 - 2")
    return value


class OneLine(argparse.ArgumentParser):
    """A parser whose errors are one line and exit status 2."""

    def error(self, message: str) -> None:
        """Prints the message, points at --help and exits."""
        self.exit(2, f"jaxgen: {message}; `{self.prog} --help` lists what is allowed\n")


def choose_variables(parser: argparse.ArgumentParser) -> None:
    """Adds the options that tell which of a run's variables are used."""
    parser.add_argument("--checkpoint", choices=("last", "best"), default="last", help="which one (default: last)")
    parser.add_argument(
        "--ema",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="use the averaged parameters, or those of that very step (default: averaged)",
    )


def add_fill(commands: argparse._SubParsersAction) -> None:
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
    new.set_defaults(action=fill)


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of the command."""
    parser = OneLine(prog="jaxgen", description="Image generation and image restoration in JAX.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    # For the help alone: what follows the experiment's name is for its own parser.
    new = commands.add_parser("train", help=TRAIN_HELP, description=TRAIN_HELP)
    new.add_argument("experiment", help="path of an experiment script, or the name of one in ./experiments")

    new = commands.add_parser("sample", help="pictures from a run's checkpoint")
    new.add_argument("run", type=Path, help="run folder")
    new.add_argument("--count", type=count, default=64, help="how many pictures (default: 64)")
    new.add_argument("--seed", type=seed, default=0, help="seed of the latents (default: 0)")
    new.add_argument("--label", type=int, help="class of all pictures, of a conditional run (default: every class)")
    new.add_argument("--restore", metavar="TASK", help="restore them by a task of `jaxgen restore`, as in denoise")
    new.add_argument("--out", type=Path, help="folder for grid.png and the single pictures (default: in RUN/samples)")
    choose_variables(new)
    new.set_defaults(action=sample)

    add_fill(commands)

    new = commands.add_parser("evaluate", help="what a run's generated images are worth, or a restorer on pictures")
    new.add_argument("run", type=Path, help="run folder, name of a shipped restorer, or a .safetensors file of one")
    new.add_argument("--on", nargs="+", metavar="FOLDER", help="folders of pictures, for a restorer")
    new.add_argument(
        "--sigma", type=float, nargs="+", help="noise for a restorer, in grey levels of 255 (default: 15 25 50)"
    )
    new.add_argument("--protocol", help="gray8, rgb8 or y601-shave4 (default: gray8 or rgb8, by the restorer)")
    new.add_argument(
        "--extractor",
        help="auto (the classifier shipped for the run's data), its name, or InceptionV3's weights (default: auto)",
    )
    new.add_argument("--count", type=count, help="generated images, no more than the floor has (default: 10000)")
    new.add_argument("--reference", choices=("test", "train"), help="real images (default: test)")
    new.add_argument("--seed", type=seed, default=0, help="seed of latents or damage (default: 0)")
    new.add_argument("--json", action="store_true", help="one JSON object")
    choose_variables(new)
    new.set_defaults(action=evaluate)

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
    new.add_argument("--megapixels", type=positive, default=100.0, help="the largest picture that is read (default: 100)")
    new.set_defaults(action=restore)

    new = commands.add_parser("info", help="configuration, parameters, step, digest, best and last metrics of a run")
    new.add_argument("run", type=Path, help="run folder; a shipped restorer or a file of one for its model card")
    new.add_argument("--json", action="store_true", help="one JSON object")
    new.set_defaults(action=info)
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command and exits with its status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["train"] and len(words) > 1 and not words[1].startswith("-"):
        sys.exit(exit_status(lambda: train(words[1], words[2:])))
    options = make_parser().parse_args(words)
    sys.exit(exit_status(lambda: options.action(options)))
