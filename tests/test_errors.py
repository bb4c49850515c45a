import sys

import pytest

from jaxgen import data
from jaxgen.errors import UsageError, requires, unknown


def test_a_near_name_comes_first_and_a_short_list_follows():
    error = unknown("loss", "hing", ["wasserstein", "hinge", "minimax"])
    assert isinstance(error, UsageError)
    assert str(error) == "unknown loss 'hing': did you mean hinge? allowed: hinge, minimax, wasserstein"


def test_nothing_near_lists_all():
    assert str(unknown("loss", "zzz", ["hinge", "minimax"])) == "unknown loss 'zzz': allowed: hinge, minimax"


def test_a_long_list_is_left_out_where_something_is_near():
    names = [f"option-{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    assert "allowed" not in str(unknown("option", "option-", names))
    assert str(unknown("option", "option-", names, max_listed=26)).count("option-") == 1 + 3 + 26
    assert str(unknown("option", "zzz", names)).count("option-") == 26


def test_a_missing_module_names_the_extra_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "grain", None)
    with (
        pytest.raises(UsageError, match=r"^streaming needs grain: pip install 'jaxgen\[data\]'$"),
        requires("data", "streaming"),
    ):
        import grain  # noqa: F401


def test_without_its_extra_a_data_set_names_near_ones_and_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(UsageError) as error:
        data.load(data.Config(name="digts"))
    assert "did you mean digits?" in str(error.value)
    assert "pip install 'jaxgen[data]'" in str(error.value)
