import dataclasses
import json

import jax
import numpy as np
import pytest

from jaxgen import data
from jaxgen.config import GanConfig
from jaxgen.errors import UsageError
from jaxgen.runs import reopen, scoring
from tests.bare_objective import bare, drawing

DIGITS = data.Config(name="digits", size=28, channels=1)


@pytest.fixture
def pretend(monkeypatch):
    """Returns a function that lets any folder be a run of a configuration and a sampler."""

    def be(config, sample, variables=None):
        objective = drawing(sample) if sample else bare()
        monkeypatch.setattr(
            reopen, "build", lambda run, options, say: reopen.Built(run, config, objective, (28, 28, 1))
        )

        def load_weights(built, options, say):
            if variables is None:
                raise AssertionError("the checkpoint was read")
            return reopen.Opened(built.path, config, objective, variables, 9)

        monkeypatch.setattr(reopen, "load_weights", load_weights)

    return be


def noise(variables, key, count):
    return jax.random.uniform(key, (count, 28, 28, 1)) * variables["scale"]


def test_a_run_that_generates_nothing_is_refused(pretend, tmp_path):
    pretend(GanConfig(data=DIGITS), None)
    with pytest.raises(UsageError, match="this run generates no images; a restorer is evaluated with --images FOLDER"):
        scoring.evaluate_run(tmp_path)


def test_an_extractor_that_does_not_fit_is_reported_before_a_checkpoint_is_read(pretend, tmp_path):
    pretend(GanConfig(data=DIGITS), noise)
    with pytest.raises(UsageError, match=r"^unknown extractor 'mnits'"):
        scoring.evaluate_run(tmp_path, extractor="mnits")


def test_images_that_are_not_finite_name_run_step_and_batch(pretend, tmp_path):
    pretend(GanConfig(data=DIGITS), noise, {"scale": np.nan})
    with pytest.raises(UsageError, match=r"run at step 9: generated images: NaN or infinite features in batch 0"):
        scoring.evaluate_run(tmp_path / "run", count=70)


def test_a_conditional_run_is_measured_by_the_labels_of_the_reference(pretend, tmp_path):
    seen = []

    def sample(variables, key, count, labels):
        jax.debug.callback(lambda x: seen.extend(np.asarray(x)), labels)
        return noise(variables, key, count)

    pretend(GanConfig(conditional=True, data=dataclasses.replace(DIGITS, classes=10)), sample, {"scale": np.float32(1)})
    result = scoring.evaluate_run(tmp_path, count=70)
    assert result["protocol"]["labels"] == "as in the reference"
    held_out = data.load(data.Config(size=28, split="test")).batch(0, 0, 70)["label"]
    np.testing.assert_array_equal(seen[:70], held_out)
    assert json.loads((tmp_path / "evaluations.jsonl").read_text()) == result


def test_fewer_images_than_were_asked_for_are_said_in_one_line(pretend, tmp_path, monkeypatch):
    pretend(GanConfig(data=DIGITS), noise, {"scale": np.float32(1)})
    protocol = {"generated": 1438, "floor": "1438 of train"}
    result = {"protocol": protocol, "memorisation": {"copies": False}}
    monkeypatch.setattr(scoring.report, "evaluate", lambda *arguments, **options: dict(result))
    said = []
    scoring.evaluate_run(tmp_path, count=10_000, say=said.append)
    assert said == ["1438 images are scored and not 10000: for the floor there are no more real ones"]
    scoring.evaluate_run(tmp_path, count=1438, say=said.append)
    assert len(said) == 1


def test_copies_are_warned_of(pretend, tmp_path, monkeypatch):
    pretend(GanConfig(data=DIGITS), noise, {"scale": np.float32(1)})
    result = {"protocol": {"generated": 100}, "memorisation": {"copies": True}}
    monkeypatch.setattr(scoring.report, "evaluate", lambda *arguments, **options: dict(result))
    said = []
    scoring.evaluate_run(tmp_path, count=100, say=said.append)
    assert said == [f"warning: {scoring.ADVICE}"]


@pytest.fixture
def scored(pretend, monkeypatch):
    """A result that takes no time."""
    pretend(GanConfig(data=DIGITS), noise, {"scale": np.float32(1)})
    result = {"protocol": {"generated": 100}, "memorisation": {"copies": False}}
    monkeypatch.setattr(scoring.report, "evaluate", lambda *arguments, **options: dict(result))
    return {"step": 9, "checkpoint": "last"} | result


def test_a_result_is_shown_before_it_is_written(scored, tmp_path):
    seen = []
    scoring.evaluate_run(tmp_path, count=100, show=lambda result: seen.append((result, [*tmp_path.iterdir()])))
    assert seen == [(scored, [])]
    assert json.loads((tmp_path / "evaluations.jsonl").read_text()) == scored


def test_where_the_run_cannot_be_written_a_line_says_how_to_go_on(scored, tmp_path):
    run, said, out = tmp_path / "run", [], tmp_path / "new" / "scores.jsonl"
    run.touch()  # Nothing can be written below a file, whoever runs the tests.
    assert scoring.evaluate_run(run, count=100, say=said.append) == scored
    assert len(said) == 1 and f"{run}/evaluations.jsonl is not written" in said[0] and "--out FILE" in said[0]
    for _ in range(2):
        scoring.evaluate_run(run, count=100, out=out, say=said.append)
    assert list(map(json.loads, out.read_text().splitlines())) == [scored, scored]
    assert len(said) == 1


@pytest.mark.parametrize("out", [".", "file/scores.jsonl"])
def test_a_file_of_results_that_cannot_be_written_is_refused_before_the_work(tmp_path, out):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=str(tmp_path)):
        scoring.evaluate_run(tmp_path / "run", out=tmp_path / out)


def test_what_a_metric_refuses_names_run_and_step(pretend, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise ValueError("row 3 is no probabilities")

    pretend(GanConfig(data=DIGITS), noise, {"scale": np.float32(1)})
    monkeypatch.setattr(scoring.report, "evaluate", refuse)
    with pytest.raises(UsageError, match=r"run at step 9: row 3 is no probabilities"):
        scoring.evaluate_run(tmp_path / "run")
