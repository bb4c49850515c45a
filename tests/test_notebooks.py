"""The notebooks hold the outputs of one clean execution and fit the package; with --full they are executed."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "experiments" / "notebooks").glob("*.ipynb"))
MAX_SIZE = 200_000

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(notebook):
    """Returns the kinds of output of each cell, such as ["stdout", "image/jpeg"], without what is on standard error."""
    kind = lambda output: output.get("name") or "".join(sorted(output.get("data", {}))) or output.output_type
    return [[kind(output) for output in cell.outputs if kind(output) != "stderr"] for cell in code_cells(notebook)]


@every_notebook
def test_a_notebook_is_valid_small_and_executed_once_from_top_to_bottom(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < MAX_SIZE
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [kind for cell in kinds(notebook) for kind in cell]
    assert "error" not in outputs
    assert sum("image/" in kind for kind in outputs) >= 2
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert text.startswith("# ")
    assert [link for link in re.findall(r"\]\(([^)]+)\)", text) if not (path.parent / link).exists()] == []


@every_notebook
def test_calls_in_a_notebook_fit_the_package(path):
    code = "\n".join(cell.source for cell in code_cells(nbformat.read(path, as_version=4)))
    tree = ast.parse("\n".join(line for line in code.splitlines() if not line.startswith("%")))
    known, checked = {}, 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            known |= imported(node)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            result = inspect.signature(resolve(node.value.func, known) or find).return_annotation
            if isinstance(result, type) and result.__module__.startswith("jaxgen."):
                # It stands for the object: nothing is trained or loaded.
                known |= {target.id: object.__new__(result) for target in node.targets}
        elif isinstance(node, ast.Call) and (function := resolve(node.func, known)) is not None:
            inspect.signature(function).bind(*node.args, **{keyword.arg: None for keyword in node.keywords})
            checked += 1
    assert checked >= 5


def imported(node):
    """Returns what a statement imports from jaxgen, by name."""
    module = getattr(node, "module", None)
    paths = {(name.asname or name.name): f"{module}.{name.name}" if module else name.name for name in node.names}
    return {name: find(path) for name, path in paths.items() if path.split(".")[0] == "jaxgen"}


def find(path):
    """Returns a module, or what a module holds, by its dotted name."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name)


def resolve(node, known):
    """Returns what a dotted name stands for; None where that is nothing of jaxgen's."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    owner = resolve(node.value, known) if isinstance(node, ast.Attribute) else None
    return None if owner is None else getattr(owner, node.attr)


@every_notebook
def test_a_notebook_runs(path, tmp_path, pytestconfig):
    if not pytestconfig.getoption("full"):
        pytest.skip("takes minutes: scripts/test --full")
    notebook = nbformat.read(path, as_version=4)
    expected = kinds(notebook)
    nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    # Many steps of training make one output, which is replaced.
    assert kinds(notebook) == expected
