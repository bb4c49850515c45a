import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import pytest
from jax.errors import JaxRuntimeError

from jaxgen.errors import UsageError
from jaxgen.runs.command_line import exit_status, parse
from jaxgen.training.stopping import Interrupted, NonFiniteError


@dataclass(frozen=True)
class Inner:
    penalty_weight: float = 10.0
    """Weight λ."""


@dataclass(frozen=True)
class Config:
    steps: int = 5
    """Training steps."""
    wandb: bool = False
    """Write elsewhere too."""
    fit: Literal["pad", "crop"] = "pad"
    """How."""
    remedies: tuple[Literal["one", "two"], ...] = ()
    """None of
    them, or several, each a word of its own after the option, so that it needs no comma, in a text with a
    continuation."""
    hyper: Inner = Inner()


def words(text):
    return parse(Config, text.split(), "What it is.", "script.py")


def test_fields_are_set_by_their_dotted_names():
    config = words("--steps 7 --hyper.penalty-weight=5 --fit crop --wandb")
    assert config == Config(steps=7, wandb=True, fit="crop", hyper=Inner(5.0))
    assert words("--hyper.penalty_weight 2 --no-wandb").hyper.penalty_weight == 2.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--no-wandbb", "unknown option 'no-wandbb'"),
        ("--stepz 3", "unknown option 'stepz': did you mean steps?"),
        ("--hyper.penalty 3", "did you mean hyper.penalty-weight"),
        ("--epochs 3", "unknown option 'epochs': did you mean steps?"),
        ("--remedies one,two", "--remedies one,two: write spaces between the names, one two"),
        ("--steps many", "--steps 'many': give a whole number"),
        ("--fit stretch", "unknown --fit 'stretch': allowed: crop, pad"),
        ("--steps", "--steps needs a value: give INT"),
        ("stray", "unexpected argument 'stray'"),
    ],
)
def test_what_does_not_fit_is_one_line(arguments, message):
    with pytest.raises(UsageError) as error:
        words(arguments)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_help_tells_every_field_and_its_default(capsys):
    with pytest.raises(SystemExit) as stop:
        words("--help")
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for part in ("What it is.", "Training steps.", "(default: 5)", "Weight λ.", "{pad,crop}"):
        assert part in text


def test_help_fits_the_terminal_and_joins_the_lines_of_a_docstring(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    text = (
        "It does one thing.\n\n    python a.py\n\n"
        + "A paragraph that\n1 terminal wraps. " * 5
        + "\n\nSource: A\nTime: 3 s"
    )
    with pytest.raises(SystemExit):
        parse(Config, ["--help"], text, "script.py")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) == 60
    assert {"It does one thing.", "    python a.py", "Source: A", "Time: 3 s"} <= {*lines}
    # Without boxes where the output is not in UTF-8.
    bare = [line.replace("│", " ").rstrip() for line in lines]
    first = next(number for number, line in enumerate(bare) if "None of" in line)
    last = next(number for number, line in enumerate(bare) if "continuation." in line)
    for line, following in pairwise(bare[first : last + 1]):
        assert len(line) + 1 + len(following.split()[0]) > 57, "the next word would fit"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("give\nanother"), 2),
        (NonFiniteError(7, "model/loss", 5), 1),
        (Interrupted(15, 20), 143),
        (Interrupted(2, 20), 130),
        (KeyboardInterrupt(), 130),
        (JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.\nmore"), 1),
    ],
)
def test_errors_are_one_line_and_a_status(capsys, error, status):
    def action():
        raise error

    assert exit_status(action) == status
    message = capsys.readouterr().err
    assert message.startswith("jaxgen: ")
    assert message.count("\n") == 1


def test_a_bug_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        exit_status(lambda: 1 / 0)


def test_done_is_status_zero():
    assert exit_status(lambda: None) == 0


def test_a_reader_that_has_seen_enough_is_no_error():
    talk = "lambda: [print('x' * 99) for _ in range(9999)]"
    code = f"from jaxgen.runs.command_line import exit_status; raise SystemExit(exit_status({talk}))"
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -c "$CODE" | head -n 1; exit ${{PIPESTATUS[0]}}'],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"CODE": code},
    )
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")
