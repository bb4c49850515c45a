"""The public functions of the package."""

import doctest
import importlib
import inspect
import subprocess
import sys

import pytest

import jaxgen


def test_public_functions_are_listed_and_loaded_on_first_use():
    code = (
        "import sys, jaxgen; assert not {'jax', 'numpy', 'PIL'} & set(sys.modules); "
        "assert set(jaxgen.__all__) <= set(dir(jaxgen)); assert callable(jaxgen.restore); "
        "assert 'jaxgen.runs.train' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert set(jaxgen.__all__) == set(jaxgen.FUNCTIONS)
    with pytest.raises(AttributeError, match="restor3"):
        jaxgen.restor3  # noqa: B018


@pytest.mark.parametrize("name", jaxgen.__all__)
def test_a_public_function_documents_each_argument(name):
    function = getattr(jaxgen, name)
    for argument in inspect.signature(function).parameters:
        assert f"{argument}:" in function.__doc__ or f"*{argument}" in function.__doc__, argument


@pytest.mark.parametrize("module", sorted(set(jaxgen.FUNCTIONS.values())))
def test_examples_in_docstrings_are_right(module):
    assert doctest.testmod(importlib.import_module(module)).failed == 0
