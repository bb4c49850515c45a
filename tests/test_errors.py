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


def test_instead_of_a_long_list_a_message_says_where_it_is():
    names = [f"option-{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    assert str(unknown("option", "zzz", names, listing="see --help")) == "unknown option 'zzz': see --help"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("lr", "hyper.learning-rate"),
        ("hyper.lr", "hyper.learning-rate"),
        ("bs", "batch-size"),
        ("b1", "hyper.b1"),
        ("WGAN-GP", "wgan_gp"),
    ],
)
def test_a_name_is_found_by_initials_by_its_last_part_and_in_capitals(given, found):
    names = ["hyper.learning-rate", "hyper.b1", "hyper.b2", "batch-size", "wgan_gp"]
    assert f"did you mean {found}? " in str(unknown("name", given, names))


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
