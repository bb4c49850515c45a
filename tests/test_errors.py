from jaxgen.errors import UsageError, unknown


def test_a_near_name_comes_first_and_a_short_list_follows():
    error = unknown("loss", "hing", ["wasserstein", "hinge", "minimax"])
    assert isinstance(error, UsageError)
    assert str(error) == "unknown loss 'hing': did you mean hinge? allowed: hinge, minimax, wasserstein"


def test_nothing_near_lists_all():
    assert str(unknown("loss", "zzz", ["hinge", "minimax"])) == "unknown loss 'zzz': allowed: hinge, minimax"


def test_a_long_list_is_left_out_where_something_is_near():
    names = [f"option-{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    assert "allowed" not in str(unknown("option", "option-", names))
    assert str(unknown("option", "option-", names, most=26)).count("option-") == 1 + 3 + 26
    assert str(unknown("option", "zzz", names)).count("option-") == 26
