"""The `jaxgen` command: what it calls can be called from Python too."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxgen.allocator import keep_freed_memory
from jaxgen.commands.arguments import make_parser
from jaxgen.errors import UsageError
from jaxgen.runs.command_line import exit_status, run_script, use_compilation_cache

OWN = "restored"
"""What the results of a network of one's own are named by."""


def train(name: str, words: Sequence[str]) -> None:
    """Trains an experiment as running its script does."""
    from jaxgen.runs.scripts import load_script

    module = load_script(name)
    run_script(module.Config, module.build, module.__doc__ or "", words)


def sweep(options: argparse.Namespace, words: Sequence[str]) -> None:
    """Searches over an experiment's options, and prints what was found."""
    from jaxgen.sweeps import sweep
    from jaxgen.sweeps.options import Options

    keep_freed_memory()
    use_compilation_cache()
    told = {name: value for name, value in vars(options).items() if name not in ("command", "experiment")}
    folder = sweep.run(options.experiment, Options(**told), words)
    print((folder / "results.md").read_text(), end="")


def sample(options: argparse.Namespace) -> None:
    """Writes a grid and single pictures drawn from a run's generator."""
    from jaxgen.io import image_grid
    from jaxgen.runs import reopen

    clean = None
    if options.restore:
        from jaxgen.restoration import tasks

        clean = tasks.make_clean(options.restore)
    opened = reopen.open_run(options.run, options=open_options(options))
    if options.mixture:
        from jaxgen.runs.mixture import with_mixture

        opened = with_mixture(opened, options.mixture)
    if options.truncation:
        from jaxgen.runs.truncation import with_truncation

        opened = with_truncation(opened, options.truncation)
    made = opened.sample(options.count, options.seed, options.label)
    if clean:
        made = clean(made)
    chosen = "" if options.label is None else f"-label-{options.label}"
    chosen += f"-mixture-{options.mixture}" if options.mixture else ""
    chosen += f"-truncation-{options.truncation:g}" if options.truncation else ""
    chosen += f"-{options.restore}" if options.restore else ""
    out = options.out or options.run / "samples" / f"step-{opened.step:08d}-seed-{options.seed}{chosen}"
    print(image_grid.write_all(out, made))
    try:
        told = write_nearest(opened.config.data, made, out / "nearest.png") if options.nearest is not False else ""
    except UsageError as error:
        if options.nearest:
            raise
        told = f"nearest.png is left out: {error}"
    if told:
        print(told)


def write_nearest(config, made, path: Path) -> str:
    """Writes rows of pictures, each above the row of their nearest training images, and returns what they tell.

    Raises:
      UsageError: if the training images are not there, or cannot be compared.
    """
    from jaxgen.evaluation.memorisation import beside_nearest, describe
    from jaxgen.evaluation.report import load_split, load_trained
    from jaxgen.io import images

    trained = load_trained(config)
    rows = beside_nearest(made, trained)
    if rows is None:
        raise UsageError("the training images are streamed, cropped or composed, and have no nearest one")
    images.write(path, images.grid(rows))
    return f"{path}\n{describe(made, trained, load_split(config, 'test'))}"


def fill(options: argparse.Namespace) -> None:
    """Writes a picture whose hole a run's generator has filled."""
    from jaxgen.runs.fill import fill_file

    told = fill_file(
        options.run,
        options.picture,
        options.mask,
        out=options.out,
        overwrite=options.overwrite,
        seed=options.seed,
        steps=options.steps,
        options=open_options(options),
    )
    print(told)


def evaluate(options: argparse.Namespace) -> None:
    """Prints what a run's generated images, or a restorer, are worth, and appends it to RUN/evaluations.jsonl."""
    from jaxgen.evaluation import report
    from jaxgen.runs import scoring

    if options.on:
        generating = ("extractor", "count", "reference", "mixture", "truncation", "restore", "likelihood", "chunk")
        refuse(options, generating, "leave it out with --on, which evaluates a restorer")
        evaluate_restorer(options)
        return
    refuse(options, ("sigma", "protocol"), "it is for a restorer, which --on FOLDER evaluates")
    if options.likelihood:
        refuse(
            options,
            ("extractor", "mixture", "truncation", "restore"),
            "leave it out with --likelihood, which looks at no generated images",
        )
        evaluate_likelihood(options)
        return
    refuse(options, ("chunk",), "it is for --likelihood")
    found = scoring.evaluate_run(
        options.run,
        extractor=options.extractor or "auto",
        count=options.count or 10_000,
        reference=options.reference or "test",
        seed=options.seed,
        options=open_options(options),
        components=options.mixture or 0,
        truncation=options.truncation or 0.0,
        restore=options.restore or "",
    )
    print(json.dumps(found) if options.json else report.as_text(found))


def evaluate_likelihood(options: argparse.Namespace) -> None:
    """Prints how likely a variational run makes held-out images, and appends it to RUN/evaluations.jsonl."""
    from jaxgen.evaluation import likelihood
    from jaxgen.runs import scoring

    found = scoring.evaluate_likelihood(
        options.run,
        options.likelihood,
        count=options.count or 10_000,
        chunk=options.chunk or 0,
        reference=options.reference or "test",
        seed=options.seed,
        options=open_options(options),
    )
    print(json.dumps(found) if options.json else likelihood.as_text(found))


def encode(options: argparse.Namespace) -> None:
    """Writes pictures as the codes of a variational run."""
    from jaxgen.runs.codes import encode_files

    told = encode_files(
        options.run,
        options.pictures,
        options.out,
        step=options.step,
        overwrite=options.overwrite,
        options=open_options(options),
    )
    print(told)


def decode(options: argparse.Namespace) -> None:
    """Writes the pictures that codes stand for."""
    from jaxgen.runs.codes import decode_file

    print(decode_file(options.run, options.codes, options.out, options=open_options(options)))


def open_options(options: argparse.Namespace) -> Any:
    """Returns how a command opens its run."""
    from jaxgen.runs.reopen import DEFAULTS

    names = [field.name for field in dataclasses.fields(DEFAULTS) if hasattr(options, field.name)]
    return dataclasses.replace(DEFAULTS, **{name: getattr(options, name) for name in names})


def refuse(options: argparse.Namespace, names: Sequence[str], reason: str) -> None:
    """Raises UsageError for an option that was given and has no effect."""
    for name in names:
        if getattr(options, name) is not None:
            raise UsageError(f"--{name}: {reason}")


def evaluate_restorer(options: argparse.Namespace) -> None:
    """Prints what a run or a shipped restorer reaches on folders of pictures."""
    from jaxgen.runs import restorer_scoring

    keep_freed_memory()
    use_compilation_cache()
    found = restorer_scoring.evaluate(
        options.run,
        options.on,
        sigmas=options.sigma,
        protocol=options.protocol,
        seed=options.seed,
        options=open_options(options),
    )
    print(json.dumps(found) if options.json else restorer_scoring.as_text(found))


def restore(options: argparse.Namespace) -> None:
    """Writes a restored photograph beside each original."""
    from functools import partial

    from jaxgen.restoration import files, tasks
    from jaxgen.restoration.inference import Settings

    settings = Settings(options.sigma, options.strength, options.ensemble, options.tile)
    name = options.task or OWN
    masked = options.mask is not None
    found = files.gather(options.photographs, (*tasks.TASKS, OWN), options.out, options.mask)
    keep_freed_memory()
    use_compilation_cache()
    if options.network:
        from jaxgen.runs.open_restorer import open_restorer

        act = tasks.by_network(open_restorer(options.network, open_options(options)), settings, masked=masked)
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


def export(options: argparse.Namespace) -> None:
    """Writes a trained network as a file that JAX runs without jaxgen."""
    from jaxgen.runs.export import export_network

    told = export_network(
        options.network,
        options.out,
        platforms=options.platforms,
        size=options.size and tuple(options.size),
        overwrite=options.overwrite,
        options=open_options(options),
    )
    print(told)


def explain(options: argparse.Namespace) -> None:
    """Writes what a run's classifier or discriminator looks at."""
    from jaxgen.runs.explain import explain_run

    given = {"count": options.count, "label": options.label, "out": options.out, "options": open_options(options)}
    print(explain_run(options.run, options.pictures, **given))


def info(options: argparse.Namespace) -> None:
    """Prints what a run folder holds, or the card of a shipped restorer."""
    from jaxgen.restoration import pretrained
    from jaxgen.runs import summary

    if pretrained.is_known(str(options.run)):
        card = pretrained.read(str(options.run))[1]
        print(json.dumps(pretrained.as_json(card)) if options.json else pretrained.as_text(card))
        return
    found = summary.describe(options.run)
    print(json.dumps(found, allow_nan=False) if options.json else summary.as_text(found))


ACTIONS = {
    "sample": sample,
    "fill": fill,
    "encode": encode,
    "decode": decode,
    "evaluate": evaluate,
    "restore": restore,
    "export": export,
    "explain": explain,
    "info": info,
}
"""What each command does, by its name; `train` parses its words itself."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command and exits with its status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["train"] and len(words) > 1 and not words[1].startswith("-"):
        sys.exit(exit_status(lambda: train(words[1], words[2:])))
    if words[:1] == ["sweep"]:
        # What the sweep does not know is the experiment's, which says so where nobody knows it.
        options, rest = make_parser().parse_known_args(words)
        sys.exit(exit_status(lambda: sweep(options, rest)))
    options = make_parser().parse_args(words)
    sys.exit(exit_status(lambda: ACTIONS[options.command](options)))
