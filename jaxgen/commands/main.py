"""The `jaxgen` command: one file per subcommand, a dataclass `Command` that tyro parses. Calling it runs it."""

import inspect
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import jaxgen
from jaxgen.errors import UsageError, unknown
from jaxgen.runs.command_line import exit_status, parse, parse_known

COMMANDS = {
    "train": "Trains an experiment.",
    "sweep": "Searches over the options of an experiment.",
    "sample": "Draws images from a trained generator.",
    "evaluate": "Scores a run or a restorer.",
    "predict": "Predicts the classes of images by a trained classifier.",
    "info": "Describes a run: configuration, parameters, step, digest, last and best metrics.",
    "explain": "Draws saliency maps and Grad-CAM of a classifier or discriminator.",
    "fill": "Fills a hole of an image.",
    "encode": "Compresses images into codes of a variational autoencoder.",
    "decode": "Reconstructs images from codes of a variational autoencoder.",
    "restore": "Restores photographs.",
    "export": "Writes a generator, restorer or classifier as StableHLO.",
    "export-data": "Writes a folder of images, or another data set, to one .npz file.",
    "convert": "Converts published weights of a network.",
}
"""First sentence of each subcommand's help, by its name; the module of the same name (with "_") has its options."""


EXAMPLES = {
    "jaxgen restore photo.jpg": "restores a photograph: writes photo-auto.jpg",
    "jaxgen restore photo.jpg --task denoise": "removes noise only",
    "jaxgen train gan_mlp --steps 2000": "trains a generator of digits in runs/gan_mlp",
    "jaxgen train wgan_gp --help": "lists the options of an experiment",
    "jaxgen sample runs/gan_mlp": "draws images from it",
    "jaxgen evaluate runs/gan_mlp": "scores it",
}
"""First command lines to try, with what each does."""


def usage() -> str:
    """Returns the help of the command without a subcommand."""
    lines = [f"  {name:11} {summary}" for name, summary in COMMANDS.items()]
    return "\n".join(
        [
            "usage: jaxgen [-h] [--version] COMMAND ...",
            "",
            "Image generation and image restoration in JAX.",
            "",
            *lines,
            "",
            "`jaxgen COMMAND --help` lists the options of a command.",
            "",
            "examples:",
            *(f"  {command:42} {purpose}" for command, purpose in EXAMPLES.items()),
        ]
    )


def parse_command(words: Sequence[str]) -> tuple[Callable[..., None], list[str]]:
    """Parses the command line of a subcommand.

    Args:
      words: the name of a subcommand and its arguments.
    Returns:
      (the subcommand, which runs when it is called, the words that are for its experiment).
    Raises:
      UsageError: if an argument must be corrected.
      SystemExit: with status 0 after the help of a subcommand.
    """
    name, *rest = words
    if name not in COMMANDS and Path(name).exists():
        raise UsageError(f"{name} is no command: to restore photographs, run jaxgen restore {shlex.quote(name)}")
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS, max_listed=len(COMMANDS))
    module = import_module(f"jaxgen.commands.{name.replace('-', '_')}")
    command_type = module.Command
    if name == "train" and rest and not rest[0].startswith("-"):
        # Options that follow the name are the experiment's, --help too.
        return command_type(experiment=rest[0]), rest[1:]
    program = f"jaxgen {name}"
    description = module.describe() if name == "train" else inspect.getdoc(command_type) or ""
    if name == "sweep":
        return parse_known(command_type, rest, description, program)
    return parse(command_type, rest, description, program), []


def run(words: Sequence[str]) -> None:
    """Runs the subcommand that a command line names.

    Args:
      words: the command line without the program's name.
    Raises:
      UsageError: if an argument must be corrected.
      SystemExit: with status 0 after the help of a subcommand; with the status of the experiment after `train`.
    """
    match words:
        case [] | ["-h" | "--help", *_]:
            print(usage())
        case ["--version", *_]:
            print(f"jaxgen {jaxgen.__version__}")
        case _:
            command, others = parse_command(words)
            command(*others)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command and exits with its status.

    Args:
      arguments: the words of the command line; None: those of this process.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(exit_status(lambda: run(words)))
