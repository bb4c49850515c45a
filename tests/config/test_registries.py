"""One registry for each list of names: help, errors, effects and tables derive from it."""

import importlib.machinery
import importlib.util
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
    import contextlib, dataclasses, importlib.machinery, importlib.util, io, sys

    import jax.numpy as jnp
    import optax

    from jaxgen.losses import adversarial, penalties, reconstruction
    from jaxgen.objectives import likelihoods
    from jaxgen.objectives.adversarial import diff_augment, remedies
    from jaxgen.training import optimizers

    @dataclasses.dataclass(frozen=True)
    class ToyHyper:
        toy_weight: float = 0.5
        "Weight of the toy."

    @dataclasses.dataclass(frozen=True)
    class SlopeHyper:
        toy_slope: float = 0.5
        "Weight of the slope."

    @dataclasses.dataclass(frozen=True)
    class RemedyHyper:
        toy_strength: float = 0.5
        "Weight of the remedy."

    toy = adversarial.AdversarialLoss(lambda real, fake: fake - real, lambda real, fake: -fake, constant_slope=True)
    adversarial.LOSSES["toy_loss"] = toy
    penalties.PENALTIES["toy_penalty"] = penalties.Penalty(
        lambda critic, real, fake, keys, hyper: hyper["toy_slope"] * critic(real) ** 2, SlopeHyper, "toy_slope"
    )
    reconstruction.LOSSES["toy"] = reconstruction.ReconstructionLoss(
        lambda reference, image, hyper: abs(reference - image).mean((1, 2, 3)), ToyHyper
    )
    diff_augment.AUGMENTATIONS["toy_flip"] = lambda key, image: image[:, ::-1]
    remedies.REMEDIES["toy_remedy"] = RemedyHyper
    likelihoods.LIKELIHOODS["toy_likelihood"] = likelihoods.LIKELIHOODS["gaussian"]
    optimizers.OPTIMIZERS["toy_descent"] = optimizers.Optimizer(
        lambda hyper: optax.sgd(hyper["learning_rate"]), ("learning_rate",)
    )

    import jax

    from jaxgen.commands.main import main
    from jaxgen.runs.command_line import parse
    from jaxgen.runs.scripts import load_script

    loader = importlib.machinery.SourceFileLoader("tables", TABLES)
    tables = importlib.util.module_from_spec(importlib.util.spec_from_loader("tables", loader))
    loader.exec_module(tables)
    for name, found in tables.tables().items():
        print("TABLE", found.replace("\\n", " "))

    experiment = load_script(SRGAN)
    words = "--loss toy_loss --penalties toy_penalty --losses toy --augment toy_flip --remedies toy_remedy"
    words += " --optimizer toy_descent --discriminator-norm none --discriminator-widths 4 --discriminator-hidden 4"
    words += " --width 4 --blocks 1"
    config = parse(experiment.Config, [*words.split(), "--hyper.toy-weight", "2"], "", "srgan")
    objective = experiment.build(config, None)
    batch = {"image": jax.ShapeDtypeStruct((4, 24, 24, 3), "float32")}
    state = jax.eval_shape(objective.init, jax.random.key(0), batch)
    metrics = jax.eval_shape(objective.step, state, batch)[1]
    print("METRICS", *sorted(metrics), *state.hyper)

    def run(*words):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main(words)
            except SystemExit:
                pass
        return " ".join((out.getvalue() + err.getvalue()).split())

    print("HELP", run("train", "srgan", "--help"), run("train", "vae", "--help"))
    print("ERROR", run("train", "srgan", "--hyper.toy-weight", "3", "--steps", "1"))
    for call in (
        lambda: optimizers.resolve_optimizer("toy_decent"),
        lambda: experiment.build(dataclasses.replace(config, penalties=("toy_penalti",)), None),
        lambda: experiment.build(dataclasses.replace(config, augment=("toy_flop",)), None),
        lambda: experiment.build(dataclasses.replace(config, remedies=("toy_remedi",)), None),
    ):
        try:
            call()
        except ValueError as error:
            print("NEAR", error)
"""
NAMES = ("toy_loss", "toy_penalty", "toy_flip", "toy_remedy", "toy_likelihood", "toy_descent")


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What a program prints that registers a toy of each kind before anything else is loaded."""
    program = textwrap.dedent(PROGRAM).replace("TABLES", repr(str(ROOT / "scripts" / "tables")))
    program = program.replace("SRGAN", repr(str(ROOT / "experiments" / "srgan.py")))
    path = tmp_path_factory.mktemp("toys") / "toys.py"
    path.write_text(program)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def lines(printed, kind):
    return " ".join(line for line in printed.splitlines() if line.startswith(kind))


def test_toys_of_every_kind_are_in_the_help(printed):
    text = lines(printed, "HELP")
    assert not [name for name in (*NAMES, "hyper.toy-weight", "Weight of the toy.") if name not in text]


def test_toys_are_used_by_their_names(printed):
    assert {"discriminator/toy_penalty", "toy_weight", "toy_strength"} <= set(lines(printed, "METRICS").split())


def test_errors_name_toys(printed):
    near = lines(printed, "NEAR")
    for name in ("toy_descent", "toy_penalty", "toy_flip", "toy_remedy"):
        assert f"did you mean {name}" in near
    assert "hyper.toy_weight is 3 and has no effect: add toy to losses" in lines(printed, "ERROR")


def test_toys_are_in_the_tables(printed):
    text = lines(printed, "TABLE")
    assert not [name for name in ("toy_loss", "toy_penalty", "toy_likelihood", "toy_descent") if name not in text]


def test_the_tables_of_the_readmes_are_those_of_the_registries():
    loader = importlib.machinery.SourceFileLoader("tables", str(ROOT / "scripts" / "tables"))
    tables = importlib.util.module_from_spec(importlib.util.spec_from_loader("tables", loader))
    loader.exec_module(tables)
    texts = [readme.read_text(encoding="utf-8") for readme in tables.READMES]
    assert [tables.filled(text) for text in texts] == texts, "run scripts/tables"
    assert all(any(table in text for text in texts) for table in tables.tables().values())
