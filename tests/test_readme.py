"""What README and the scripts' docstrings tell people to type does what they say."""

import re
import shlex
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import jax.numpy as jnp
import pytest

from jaxgen.commands.main import parse_command
from jaxgen.runs import command_line
from jaxgen.sweeps.space import make_space

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
DOCUMENTS = [TEXT, *(path.read_text() for path in sorted((ROOT / "experiments").glob("[!_]*.py")))]
TYPED = re.compile(r"^\s*(?:python experiments/(\w+)\.py|jaxgen train (\w+))((?:\\+\n|[^#\n])*)", re.MULTILINE)
one_line = lambda text: " ".join(re.sub(r"\\+\n", " ", text).split())

# What is typed in blocks and in the text, before the changelog, which names commands without what they are given.
USED = TEXT.partition("\n## Changelog")[0]
PROGRAM = r"(jaxgen|scripts/(?:results|launch|bench))"
CALLS = sorted(
    {
        (program, one_line(rest))
        for found in (
            re.findall(rf"^{PROGRAM} ((?:\\\n|[^#\n])*)", USED, re.MULTILINE),
            re.findall(rf"`{PROGRAM} ([^`]*)`", re.sub(r"```.*?```", "", USED, flags=re.DOTALL)),
        )
        for program, rest in found
    }
)
LAUNCHED = [words.partition("-- ")[2] for program, words in CALLS if program == "scripts/launch"]
COMMANDS = sorted(
    {(a or b, one_line(rest)) for d in DOCUMENTS for a, b, rest in TYPED.findall(d)}
    | {tuple(f"{words} ".split(" ", 2)[1:]) for words in LAUNCHED if words.startswith("train ")}
)


@pytest.mark.parametrize(("name", "words"), COMMANDS)
def test_commands_are_understood_and_build_what_they_say(load_experiment, name, words):
    module = load_experiment(name)
    if "--help" in words:
        return
    config = command_line.parse(module.Config, shlex.split(words), "", "script.py")
    module.build(config)
    assert config != module.Config() or not words


SWEEPS = [
    words.removeprefix("sweep ")
    for words in [*(words for program, words in CALLS if program == "jaxgen"), *LAUNCHED]
    if words.startswith("sweep ")
]


@pytest.mark.parametrize("words", SWEEPS)
def test_sweeps_are_understood_and_search_what_they_say(load_experiment, words):
    command, rest = parse_command(["sweep", *shlex.split(words)])
    module = load_experiment(command.experiment)
    space = make_space(command.sweep.search, module.Config, rest, module.build)
    assert [field.text for field in space.fields] == [text.partition("=")[2] for text in command.sweep.search]


# What stands for something that the parser knows by name or as a number; files and folders may be called anything.
STAND_INS = {"TASK": "denoise", "S": "25", "A": "0.5"}
OTHERS = [(program, words) for program, words in CALLS if words.split()[0] not in ("train", "sweep")]


def load_script(name):
    """Returns a script without a suffix as a module."""
    loader = SourceFileLoader(f"scripts_{name}", str(ROOT / "scripts" / name))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def parsers():
    """Returns what understands the words of each program."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "scripts")
        results, launch, bench = (load_script(name) for name in ("results", "launch", "bench"))
        yield {
            "jaxgen": parse_command,
            "scripts/results": results.make_parser().parse_args,
            "scripts/launch": lambda words: launched(launch, words),
            "scripts/bench": lambda words: bench.parse(words, bench.CASES),
        }


def launched(launch, words):
    """Reads what stands before `--` and checks what stands behind it."""
    place = words.index("--")
    asked = launch.make_parser().parse_args(words[:place])
    launch.check(words[place + 1 :], asked.tasks, asked.hosts)


@pytest.mark.parametrize(("program", "words"), OTHERS)
def test_other_commands_are_understood(parsers, program, words):
    given = [STAND_INS.get(word, word) for word in shlex.split(re.sub(r"[\[\]]", "", words))]
    if "--help" in given:
        with pytest.raises(SystemExit) as stop:
            parsers[program](given)
        assert stop.value.code == 0
    else:
        parsers[program](given)


def test_there_are_commands_to_check():
    assert len(COMMANDS) > 12
    assert len(SWEEPS) > 3
    verbs = {words.split()[0] for program, words in OTHERS if program == "jaxgen"}
    assert verbs == {
        "sample",
        "info",
        "evaluate",
        "encode",
        "decode",
        "explain",
        "restore",
        "fill",
        "export",
        "convert",
    }
    assert {program for program, _ in OTHERS} == {"jaxgen", "scripts/results", "scripts/launch", "scripts/bench"}


def test_python_runs():
    names = {
        "images": jnp.full((4, 32, 32, 3), 0.5),
        "my_critic": lambda params, images: images.sum((1, 2, 3)) * params,
    }
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(block, names)
    assert jnp.isfinite(names["critic_loss"](2.0, names["images"], names["images"], names["jax"].random.key(0)))
    assert int(names["state"].step) == 1


def test_every_experiment_is_in_the_table():
    for path in (ROOT / "experiments").glob("[!_]*.py"):
        assert f"| `{path.stem}` |" in TEXT


def test_every_promise_names_tests_that_are_there():
    rows = re.findall(r"^\| .+ \| (`.+`).* \|$", (ROOT / "tests" / "README.md").read_text(), re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(tests/[^`]*)`", row)]
    assert len(named) > 40
    assert [name for name in named if not (ROOT / name).exists()] == []
