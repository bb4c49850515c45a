import pytest

from jaxgen.training.alarms import Watch
from jaxgen.training.state import Alarm

LOW = Alarm("variance", low=0.1, advice="pack", patience=2)
HIGH = Alarm("saturation", high=0.9, advice="penalise", patience=3)


@pytest.fixture
def messages():
    return []


@pytest.fixture
def watch(messages):
    return Watch((LOW, HIGH), messages.append)


def test_it_warns_once_after_as_many_times_in_a_row_as_it_is_patient(watch, messages):
    for step, value in enumerate([0.05, 0.2, 0.05, 0.04, 0.03, 0.02]):
        watch.update(step, {"variance": value})
    assert messages == ["warning at step 3: variance is 0.04, below 0.1: pack"]


def test_it_warns_again_after_a_recovery(watch, messages):
    for step, value in enumerate([1.0, 1.0, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0]):
        watch.update(step, {"saturation": value})
    assert [line.split(":")[0] for line in messages] == ["warning at step 2", "warning at step 7"]
    assert messages[0].endswith("saturation is 1, above 0.9: penalise")


def test_bounds_themselves_and_metrics_that_are_not_there_are_no_reason_to_warn(watch, messages):
    for step in range(9):
        watch.update(step, {"variance": 0.1, "saturation": 0.9})
        watch.update(step, {"other": 7.0})
    assert messages == []


def test_what_is_watched_comes_first(watch):
    assert list(watch.foremost({"a": 1.0, "saturation": 2.0, "b": 3.0})) == ["saturation", "a", "b"]
