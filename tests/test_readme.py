"""The commands and Python blocks of the READMEs and of the scripts' docstrings run as written."""

import ast
import inspect
import re
import shlex
from functools import partial
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import jaxgen
from jaxgen.commands.main import parse_command
from jaxgen.data.sources import SOURCES
from jaxgen.losses import adversarial, penalties, reconstruction
from jaxgen.metrics.image import METRICS
from jaxgen.metrics.masked import MASKED_METRICS
from jaxgen.objectives.adversarial.diff_augment import AUGMENTATIONS
from jaxgen.objectives.adversarial.remedies import REMEDIES
from jaxgen.objectives.likelihoods import LIKELIHOODS
from jaxgen.restoration.network import Network
from jaxgen.restoration.pretrained import NETWORKS
from jaxgen.runs import command_line
from jaxgen.runs.run import Run
from jaxgen.runs.scripts import installed_experiments, load_script, read_recipe
from jaxgen.sweeps.space import make_space

ROOT = Path(__file__).parents[1]
READMES = sorted(
    path
    for pattern in (
        "README.md",
        "experiments/**/*.md",
        "jaxgen/**/README.md",
        "scripts/**/README.md",
        "tests/**/README.md",
    )
    for path in ROOT.glob(pattern)
)
ADDING = ROOT / "jaxgen" / "ADDING.md"
"""Its commands and blocks need what it adds: tests/test_adding.py runs them."""
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in READMES)
DOCUMENTS = [TEXT, *(path.read_text() for path in sorted((ROOT / "experiments").glob("[!_]*.py")))]
EXPERIMENT = r"(?:python experiments/(\w+)\.py|jaxgen train (\w+)\b(?!\.py))"
TYPED = re.compile(rf"^\s*{EXPERIMENT}((?:\\+\n|[^#\n])*)", re.MULTILINE)
one_line = lambda text: " ".join(re.sub(r"\\+\n", " ", text).split())

# Commands stand at the start of a line in blocks, or between backticks in the text.
PROGRAM = r"(jaxgen|scripts/(?:results|launch|bench))"
CALLS = sorted(
    {
        (program, one_line(rest))
        for found in (
            re.findall(rf"^{PROGRAM} ((?:\\\n|[^#\n])*)", TEXT, re.MULTILINE),
            re.findall(rf"`{PROGRAM} ([^`]*)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)),
        )
        for program, rest in found
    }
)
LAUNCHED = [words.partition("-- ")[2] for program, words in CALLS if program == "scripts/launch"]
INLINE = re.compile(rf"`{EXPERIMENT} ?([^`]*)`")
COMMANDS = sorted(
    {(a or b, one_line(rest)) for d in DOCUMENTS for a, b, rest in TYPED.findall(d)}
    | {(a or b, one_line(rest)) for a, b, rest in INLINE.findall(TEXT)}
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
OTHERS = [(program, words) for program, words in CALLS if words.split()[:1] not in (["train"], ["sweep"])]


def load_program(name):
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
        results, launch, bench = (load_program(name) for name in ("results", "launch", "bench"))
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
    launch.check(words[place + 1 :], asked.tasks, asked.hosts, has_storage=True)


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
        "predict",
        "encode",
        "decode",
        "explain",
        "restore",
        "fill",
        "export",
        "export-data",
        "convert",
    }
    assert {program for program, _ in OTHERS} == {"jaxgen", "scripts/results", "scripts/launch", "scripts/bench"}


def test_python_runs():
    names = {
        "batch": {"image": jnp.full((4, 32, 32, 3), 0.5)},
        "my_critic": lambda params, images: images.sum((1, 2, 3)) * params,
    }
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    runnable = [block for block in blocks if "import jaxgen\n" not in block and "run_script" not in block]
    assert (len(runnable), len(blocks)) == (6, 11)
    for block in runnable:
        exec(block, names)
    images = names["batch"]["image"]
    assert jnp.isfinite(names["critic_loss"](2.0, images, images, names["jax"].random.key(0)))
    assert int(names["state"].step) == 1
    assert names["denoise"](jnp.ones((1, 8, 8, 3)), jnp.full((1, 8, 8, 1), 0.1)).shape == (1, 8, 8, 3)


def test_calls_of_public_functions_fit_their_signatures():
    """They train and restore: tests/runs/test_run.py and tests/restoration/test_functions.py do that in small."""
    blocks = re.findall(r"```python\n(import jaxgen\n.*?)```", TEXT, re.DOTALL)
    calls = [node for block in blocks for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)]
    assert len(calls) == 8
    for call in calls:
        owner, name = ast.unparse(call.func).split(".")
        method = Network.__call__ if name == "restore" else getattr(Run, name, None)
        function = getattr(jaxgen, name) if owner == "jaxgen" else partial(method, None)
        keywords = {keyword.arg: None for keyword in call.keywords if keyword.arg}
        inspect.signature(function).bind(*call.args, **keywords)


def test_the_example_of_an_experiment_trains_and_its_option_is_documented(tmp_path, capsys):
    text = (ROOT / "experiments" / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?run_script.*?)```", text, re.DOTALL)
    path = tmp_path / "mine.py"
    path.write_text(block)
    module = load_script(str(path))
    with pytest.raises(SystemExit):
        command_line.parse(module.Config, ["--help"], "", "mine.py")
    assert "Units of the hidden layers." in capsys.readouterr().out
    config = command_line.parse(module.Config, ["--width", "8"], "", "mine.py")
    objective = module.build(config)
    batch = {"image": jnp.full((8, 28, 28, 1), 0.5)}
    state, metrics = jax.jit(objective.step)(jax.jit(objective.init)(jax.random.key(0), batch), batch)
    assert int(state.step) == 1
    assert all(jnp.isfinite(value) for value in metrics.values())


def test_measured_scores_of_the_catalogue_stand_where_their_measurement_is_described():
    """The catalogue, which is written from docstrings, cannot have a figure of its own."""
    pages = "".join(
        path.read_text(encoding="utf-8") for path in READMES if path.parent.name in {"results", "restoration"}
    )
    scores = {name: read_recipe(path)["Score"] for name, path in installed_experiments().items()}
    measured = {name: score for name, score in scores.items() if score != "not measured"}
    assert len(measured) > 15
    figures = {(name, number) for name, score in measured.items() for number in re.findall(r"\d+\.\d+", score)}
    assert [figure for figure in figures if figure[1] not in pages] == []


@pytest.mark.parametrize(
    ("option", "registry"),
    [
        ("loss", adversarial.LOSSES),
        ("penalties", penalties.PENALTIES),
        ("augment", AUGMENTATIONS),
        ("remedies", REMEDIES),
        ("likelihood", LIKELIHOODS),
        ("losses", reconstruction.LOSSES),
    ],
)
def test_options_list_their_registry(option, registry):
    text = (ROOT / "experiments" / "README.md").read_text(encoding="utf-8")
    named = [name for names in re.findall(rf"`--{option} ([a-z_0-9 ]+)`", text) for name in names.split()]
    assert sorted(named) == sorted(registry)


@pytest.mark.parametrize(
    ("folder", "names"), [("data", SOURCES), ("restoration", NETWORKS), ("evaluation", METRICS | MASKED_METRICS)]
)
def test_tables_name_every_entry_of_the_registry(folder, names):
    text = (ROOT / "jaxgen" / folder / "README.md").read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in text] == []


def anchors(text):
    """Returns the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", [*READMES, ADDING], ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(path):
    links = re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", path.read_text(encoding="utf-8"))
    for target, anchor in [link for link in links if "://" not in link[0]]:
        file = path.parent / target if target else path
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), anchor


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_is_short_generated_tables_apart(path):
    text = re.sub(r"<!-- table .*?<!-- end -->", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(text.splitlines()) <= 150


def test_every_promise_names_tests_that_are_there():
    rows = re.findall(r"^\| .+ \| (`.+`).* \|$", (ROOT / "tests" / "README.md").read_text(), re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(tests/[^`]*)`", row)]
    assert len(named) > 40
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_main_page_counts_what_is_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"| {len(installed_experiments())} recipes: " in text
    assert f"| {len(NETWORKS)} networks, " in text
