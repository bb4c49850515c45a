"""What README and the scripts' docstrings tell people to type does what they say."""

import re
import shlex
from pathlib import Path

import jax.numpy as jnp
import pytest

from jaxgen import command
from jaxgen.arguments import make_parser
from jaxgen.sweeps.space import make_space

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
DOCUMENTS = [TEXT, *(path.read_text() for path in sorted((ROOT / "experiments").glob("*.py")))]
TYPED = re.compile(r"^\s*(?:python experiments/(\w+)\.py|jaxgen train (\w+))((?:\\+\n|[^#\n])*)", re.MULTILINE)
COMMANDS = sorted(
    {(a or b, " ".join(re.sub(r"\\+\n", " ", rest).split())) for d in DOCUMENTS for a, b, rest in TYPED.findall(d)}
)


@pytest.mark.parametrize(("name", "words"), COMMANDS)
def test_commands_are_understood_and_build_what_they_say(load_experiment, name, words):
    module = load_experiment(name)
    if "--help" in words:
        return
    config = command.parse(module.Config, shlex.split(words), "", "script.py")
    module.build(config)
    assert config != module.Config() or not words


SWEEPS = [
    " ".join(re.sub(r"\\+\n", " ", rest).split())
    for rest in re.findall(r"^jaxgen sweep ((?:\\\n|[^\n])*)", TEXT, re.MULTILINE)
]


@pytest.mark.parametrize("words", SWEEPS)
def test_sweeps_are_understood_and_search_what_they_say(load_experiment, words):
    options, rest = make_parser().parse_known_args(["sweep", *shlex.split(words)])
    module = load_experiment(options.experiment)
    space = make_space(options.search, module.Config, rest, module.build)
    assert [field.text for field in space.fields] == [text.partition("=")[2] for text in options.search]


def test_there_are_commands_to_check():
    assert len(COMMANDS) > 12
    assert len(SWEEPS) > 2


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
    for path in (ROOT / "experiments").glob("*.py"):
        assert f"| `{path.stem}` |" in TEXT
