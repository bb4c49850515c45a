import os
import signal
from contextlib import nullcontext
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.io import images
from jaxgen.runs.disk.checkpoints import Checkpoints
from jaxgen.runs.disk.digests import digest
from jaxgen.runs.disk.run_folder import RunFolder
from jaxgen.training import loop
from jaxgen.training.state import Alarm
from jaxgen.training.step_metrics import first_non_finite, stack_metrics
from jaxgen.training.stopping import Interrupted, NonFiniteError

CONFIG = {"config": {"rate": 0.1}}


class Recorder:
    """Progress that is remembered."""

    def __init__(self):
        self.seen = []

    def running(self, start, steps, images_per_step):
        return nullcontext()

    def update(self, step, metrics):
        self.seen.append((step, metrics))

    def evaluated(self, step, metrics, selected, *, best):
        self.seen.append((step, selected, best))

    def say(self, line):
        pass


@pytest.fixture(scope="module")
def advances(toy):
    return {size: toy.make_advance(size) for size in (1, 4)}


@pytest.fixture
def go(toy, tmp_path):
    """Trains in a folder from where it stands, as an experiment does."""

    def go(
        advance, path=tmp_path / "run", evaluate=None, visualize=None, progress=None, alarms=(), finished="", **options
    ):
        with (
            RunFolder.open(path, CONFIG, tensorboard=False) as folder,
            Checkpoints(path / "checkpoints", keep=2, selection=toy.SELECTION) as checkpoints,
        ):
            restored = checkpoints.restore(jax.eval_shape(toy.init))
            start, state = (restored.step, restored.state) if restored else (0, toy.init())
            return loop.train(
                advance,
                state,
                start=start,
                options=loop.Options(**options),
                folder=folder,
                checkpoints=checkpoints,
                config=CONFIG,
                images_per_step=1,
                evaluate=evaluate,
                visualize=visualize,
                progress=progress or Recorder(),
                alarms=alarms,
                finished=finished,
            )

    return go


def test_warnings_come_while_it_runs_and_what_is_watched_is_shown_first(go, advances):
    class Telling(Recorder):
        def say(self, line):
            messages.append(line)

    messages, progress = [], Telling()
    alarm = Alarm("model/loss", high=-1.0, advice="try another", patience=2)
    go(advances[1], progress=progress, steps=9, log_every=2, alarms=[alarm])
    assert [line.split(":")[0] for line in messages] == ["warning at step 4"]
    assert messages[0].endswith("above -1: try another")
    assert all(next(iter(metrics)) == "model/loss" for _, metrics in progress.seen)


def history(path):
    return [{name: x for name, x in line.items() if name != "time"} for line in RunFolder(path).history()]


@pytest.mark.parametrize("size", [1, 4])
def test_n_and_n_more_are_2n_bit_by_bit(go, advances, toy, tmp_path, size):
    options = {"log_every": 4, "checkpoint_every": 8, "evaluate_every": 12, "steps_per_dispatch": size}
    whole = go(advances[size], tmp_path / "whole", toy.evaluate, steps=24, **options)
    go(advances[size], tmp_path / "parts", toy.evaluate, steps=12, **options)
    parts = go(advances[size], tmp_path / "parts", toy.evaluate, steps=24, **options)
    assert digest(whole) == digest(parts)
    assert history(tmp_path / "whole") == history(tmp_path / "parts")
    assert int(whole.step) == 24


def test_steps_in_one_dispatch_are_steps_one_by_one(go, advances, tmp_path):
    one = go(advances[1], tmp_path / "one", steps=8, log_every=4)
    four = go(advances[4], tmp_path / "four", steps=8, log_every=4, steps_per_dispatch=4)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(np.float32(a), np.float32(b), rtol=1e-5), one.params, four.params
    )
    for a, b in zip(history(tmp_path / "one"), history(tmp_path / "four"), strict=True):
        assert a == pytest.approx(b, rel=1e-5)


def test_everything_happens_when_it_should(go, advances, toy, tmp_path):
    drawn, measured, progress = [], [], Recorder()

    def evaluate(state):
        measured.append(int(state.step))
        return toy.evaluate(state)

    def visualize(state):
        drawn.append(int(state.step))
        return {"samples": jnp.full((4, 8, 8, 1), 0.5)}

    go(advances[1], evaluate=evaluate, visualize=visualize, progress=progress, steps=10, log_every=3, evaluate_every=4,
       sample_every=5)  # fmt: skip
    assert (measured, drawn) == ([4, 8, 10], [5, 10])
    assert [line["step"] for line in history(tmp_path / "run")] == [3, 4, 6, 8, 9, 10]
    assert [step for step, _ in progress.seen] == list(range(1, 11))
    assert images.read(tmp_path / "run" / "samples" / "samples-00000010.png").shape[-1] == 1
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == [10]


@pytest.mark.parametrize(("every", "end"), [(0, 6), (5, 6), (1, 6)])
def test_a_metric_may_end_a_run_and_all_that_belongs_to_the_end_happens(go, advances, tmp_path, every, end):
    def advance(state, step):
        state, metrics = advances[1](state, step)
        return state, stack_metrics(metrics.fetch() | {"model/stopped": np.array([float(step + 1 >= 5)])})

    seen = []
    evaluate = lambda state: seen.append(int(state.step)) or {"evaluation/loss": np.float32(1)}
    state = go(advance, evaluate=evaluate, steps=20, log_every=1, finished="model/stopped", checkpoint_every=every)
    assert int(state.step) == seen[-1] == end
    with Checkpoints(tmp_path / "run" / "checkpoints") as checkpoints:
        assert checkpoints.steps()[-1] == end


def test_a_finished_run_is_left_as_it_is(go, advances, toy, tmp_path):
    state = go(advances[1], evaluate=toy.evaluate, steps=4, log_every=1)
    before = history(tmp_path / "run")

    def never(*_):
        raise AssertionError

    again = go(never, evaluate=never, visualize=never, steps=4, log_every=1)
    fewer = go(never, evaluate=never, steps=3, log_every=1)
    assert digest(state) == digest(again) == digest(fewer)
    assert history(tmp_path / "run") == before


def test_a_checkpoint_carries_an_evaluation_only_of_its_own_step(go, advances, toy, tmp_path):
    go(advances[1], evaluate=toy.evaluate, steps=6, checkpoint_every=2, evaluate_every=3)
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints")
    assert checkpoints.steps() == [4, 6]
    assert set(checkpoints.record(4)["metrics"]) == {"model/loss"}
    assert set(checkpoints.record(6)["metrics"]) == {"model/loss", "evaluation/distance"}
    assert checkpoints.record(6)["config"] == CONFIG
    evaluated = [line["step"] for line in history(tmp_path / "run") if "evaluation/distance" in line]
    assert evaluated == [3, 6]


def test_minutes_count_too(go, advances, tmp_path, monkeypatch):
    now = iter(range(0, 10_000, 25))
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(now)))
    saved = []
    monkeypatch.setattr(Checkpoints, "save", lambda self, step, *_: saved.append(step))
    go(advances[1], steps=9, checkpoint_minutes=1.0)
    assert saved == [3, 6, 9]


def test_the_host_does_not_wait_between_dispatches(go, advances, tmp_path):
    """The metrics of a dispatch are read only once the next one was issued."""
    events = []

    def advance(state, first):
        events.append(f"dispatch {first}")
        state, metrics = advances[1](state, first)
        return state, metrics

    class Ordered(Recorder):
        def update(self, step, metrics):
            events.append(f"read {step - 1}")

    go(advance, progress=Ordered(), steps=4)
    assert events == ["dispatch 0", "dispatch 1", "read 0", "dispatch 2", "read 1", "dispatch 3", "read 2", "read 3"]


def test_a_metric_that_is_not_finite_names_the_very_step(go, toy, tmp_path):
    poisoned = toy.make_advance(4, poison_loss_at=14)
    with pytest.raises(NonFiniteError, match=r"model/loss .* step 14, .* last good checkpoint is step 8") as error:
        go(poisoned, steps=40, checkpoint_every=8, log_every=4, steps_per_dispatch=4)
    assert error.value.step == 14
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == [8]
    assert [line["step"] for line in history(tmp_path / "run")] == [4, 8, 12]


def test_before_the_first_checkpoint_there_is_none_to_name(go, toy, tmp_path):
    with pytest.raises(NonFiniteError, match=r"at step 1, .* there is no checkpoint yet"):
        go(toy.make_advance(1, poison_loss_at=1), steps=4, checkpoint_every=1)
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_finite_loss_and_an_infinite_gradient_publish_nothing(go, toy, tmp_path):
    """The loss of step 10 is finite, and the gradient by which it ends is not."""
    with pytest.raises(NonFiniteError, match=r"at step 10, .* last good checkpoint is step 8") as error:
        go(toy.make_advance(2, poison_gradient_at=10), steps=20, checkpoint_every=2, steps_per_dispatch=2)
    assert error.value.name.split("/")[0] in ("params", "opt_state", "ema")
    assert sorted(os.listdir(tmp_path / "run" / "checkpoints")) == ["6", "8"]


def test_images_of_a_state_that_is_not_finite_stop_the_run(go, toy):
    visualize = lambda state: {"samples": state.params["model"]["dense"]["kernel"].reshape(2, 1, 1, 1)}
    with pytest.raises(NonFiniteError, match=r"samples .* step 2"):
        go(toy.make_advance(1, poison_gradient_at=2), visualize=visualize, steps=8, sample_every=2)


def test_an_evaluation_that_is_not_finite_stops_nothing(go, advances, tmp_path):
    go(advances[1], evaluate=lambda state: {"evaluation/distance": jnp.nan}, steps=2, evaluate_every=1)
    assert [np.isnan(line["evaluation/distance"]) for line in history(tmp_path / "run")] == [True, True]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_dispatch_saves_and_can_be_resumed(go, advances, toy, tmp_path, signum):
    whole = go(advances[1], tmp_path / "whole", toy.evaluate, steps=12, log_every=2)

    def advance(state, first):
        if first == 6:
            os.kill(os.getpid(), signum)
        return advances[1](state, first)

    with pytest.raises(Interrupted) as stopped:
        go(advance, evaluate=toy.evaluate, steps=12, log_every=2)
    assert (stopped.value.signal, stopped.value.step) == (signum, 7)
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == [7]
    resumed = go(advances[1], evaluate=toy.evaluate, steps=12, log_every=2)
    assert digest(resumed) == digest(whole)
    assert history(tmp_path / "run") == history(tmp_path / "whole")


def test_images_that_cannot_be_read_leave_the_run_saved_at_the_step_before(go, advances, tmp_path):
    def failing(state, step):
        if step == 5:
            raise UsageError("cannot read the image a.png")
        return advances[1](state, step)

    with pytest.raises(UsageError, match=r"cannot read the image a\.png; the run is saved at step 5$"):
        go(failing, tmp_path / "run", steps=8, log_every=1)
    assert [line["step"] for line in history(tmp_path / "run")] == [1, 2, 3, 4, 5]
    with Checkpoints(tmp_path / "run" / "checkpoints") as checkpoints:
        assert checkpoints.record("last")["metrics"] == {
            k: v for k, v in history(tmp_path / "run")[-1].items() if k != "step"
        }
    # At its first step nothing is saved: there is nothing new.
    with pytest.raises(UsageError, match=r"a\.png$"):
        go(failing, tmp_path / "run", steps=8, log_every=1)
    state = go(advances[1], tmp_path / "run", steps=8, log_every=1)
    assert digest(state) == digest(go(advances[1], tmp_path / "whole", steps=8, log_every=1))


def test_a_signal_in_the_last_step_lets_the_run_end(go, advances, tmp_path):
    def advance(state, first):
        if first == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return advances[1](state, first)

    assert int(go(advance, steps=4).step) == 4


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        ({"steps": 10, "steps_per_dispatch": 4}, "steps is 10"),
        ({"steps": 12, "log_every": 6, "steps_per_dispatch": 4}, "log_every is 6"),
        ({"steps": 12, "checkpoint_every": 3, "steps_per_dispatch": 2}, "checkpoint_every is 3"),
        ({"steps": 12, "sample_every": 5, "steps_per_dispatch": 2}, "sample_every is 5"),
        ({"steps": 12, "evaluate_every": 1, "steps_per_dispatch": 2}, "evaluate_every is 1"),
        ({"steps": 12, "steps_per_dispatch": 0}, "steps_per_dispatch is 0"),
        ({"steps": -1}, "steps is -1"),
        ({"steps": 12, "log_every": -2}, "log_every is -2"),
    ],
)
def test_options_that_do_not_fit_are_named(go, advances, options, messages):
    with pytest.raises(UsageError, match=messages) as error:
        go(advances[1], **options)
    assert "\n" not in str(error.value)


def test_a_run_goes_on_only_in_whole_dispatches(go, advances):
    go(advances[1], steps=6)
    with pytest.raises(UsageError, match=r"go on from is 6, .* divisor of 6"):
        go(advances[4], steps=12, steps_per_dispatch=4)


def test_first_non_finite():
    good, late, early = np.ones(4), np.array([1, 1, np.nan, 1]), np.array([1, np.inf, 1, np.nan])
    assert first_non_finite({"a": good}) is None
    assert first_non_finite({"a": good, "b": late}) == (2, "b")
    assert first_non_finite({"late": late, "early": early}) == (1, "early")
