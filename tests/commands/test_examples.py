import inspect
import shlex
from importlib import import_module

import pytest

from jaxgen.commands.main import COMMANDS, parse_command
from jaxgen.errors import UsageError


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_each_command_has_examples_that_are_understood(name, capsys):
    with pytest.raises(SystemExit):
        parse_command([name, "--help"])
    shown = capsys.readouterr().out
    documented = inspect.getdoc(import_module(f"jaxgen.commands.{name.replace('-', '_')}").Command) or ""
    lines = [line.strip() for line in documented.splitlines() if line.startswith("    jaxgen ")]
    assert lines and all(line in shown and len(line) <= 76 for line in lines)
    for line in lines:
        parse_command(shlex.split(line, comments=True)[1:])


@pytest.mark.parametrize(
    ("words", "missing"),
    [("restore", "PHOTOS"), ("encode runs/vae --out codes.npz", "IMAGES")],
    ids=["restore", "encode"],
)
def test_a_command_without_its_images_is_refused(words, missing):
    command, _ = parse_command(words.split())
    with pytest.raises(UsageError, match=f"missing {missing}: give "):
        command()
