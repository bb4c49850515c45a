import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.runs.disk import records
from jaxgen.training.state import Selection

LARGEST, SMALLEST = Selection("score", direction="maximize"), Selection("score", direction="minimize")


@pytest.fixture(scope="module")
def record(toy):
    return records.make_record(3, toy.init(), {"loss": 0.1, "distance": float("inf")}, {"rate": 1e-3}, LARGEST)


def test_a_record_comes_back_from_its_file(record, tmp_path):
    (tmp_path / "metadata").write_text(json.dumps(records.seal(record)))
    assert records.read_record(tmp_path / "metadata") == record
    assert record["parameters"] == {"model": 5}
    assert records.read_selection(record["selection"]) == LARGEST


@pytest.mark.parametrize("largest, selection", [(True, LARGEST), (False, SMALLEST)])
def test_a_selection_of_an_earlier_version_is_read(largest, selection):
    assert records.read_selection({"metric": "score", "largest": largest}) == selection


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
@settings(max_examples=100, deadline=None)
def test_a_flipped_bit_breaks_the_seal_or_changes_nothing(record, tmp_path_factory, place, bit):
    path = tmp_path_factory.mktemp("record") / "metadata"
    written = bytearray(json.dumps(records.seal(record)).encode())
    written[place % len(written)] ^= 1 << bit
    path.write_bytes(written)
    try:
        assert records.read_record(path) == record
    except records.Damaged as reason:
        assert "\n" not in str(reason)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"record": {}}', '{"record": {}, "sha256": ""}'])
def test_what_is_no_record_is_damaged(text, tmp_path):
    (tmp_path / "metadata").write_text(text)
    with pytest.raises(records.Damaged):
        records.read_record(tmp_path / "metadata")
    with pytest.raises(records.Damaged, match="FileNotFoundError"):
        records.read_record(tmp_path / "missing")


def test_best_first_orders_by_the_metric_and_leaves_out_those_without_it():
    metrics = {5: {"score": 1.0}, 10: {"score": 3.0}, 15: {}, 20: {"score": np.nan}, 25: {"score": 3.0}}
    assert records.best_first(metrics, LARGEST) == [10, 25, 5]
    assert records.best_first(metrics, SMALLEST) == [5, 10, 25]
    assert records.best_first(metrics, None) == []
