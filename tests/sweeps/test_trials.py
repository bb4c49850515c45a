"""No trial is lost or counted twice, whichever worker dies. Values do not depend on which worker samples them."""

import math
import os
import socket
import subprocess
import sys
import textwrap
import time
import traceback

import optuna
import pytest
from optuna.trial import TrialState

from jaxgen.errors import UsageError
from jaxgen.io.text import hide_passwords
from jaxgen.sweeps.results import ranked, score
from jaxgen.sweeps.sampler import make_sampler
from jaxgen.sweeps.storage import find_url, open_storage, shown_url, without_secrets
from jaxgen.sweeps.trials import values_of

toy_metric = lambda rate: -abs(math.log10(float(rate)) + 3)


def work(queue, count, limit=100):
    """Completes up to `limit` trials and returns their indices."""
    done = []
    queue.enqueue(count)
    while len(done) < limit and (trial := queue.claim(count)):
        queue.complete(trial, [toy_metric(trial.values["hyper.learning_rate"])], 9)
        done.append(trial.index)
    return done


def settings(queue):
    return [trial.params["hyper.learning_rate"] for trial in queue.finished()]


def test_every_index_has_one_result(make_queue):
    with make_queue() as queue:
        assert work(queue, 5) == [0, 1, 2, 3, 4]
        assert work(queue, 5) == []
        # More of the same study.
        assert work(queue, 7) == [5, 6]
        assert len(set(settings(queue))) == 7
        best = ranked(queue.finished(), queue.definition)[0]
        assert score(best) == min(map(score, queue.finished()))
        assert queue.seconds > 0


def test_a_trial_of_a_dead_worker_runs_again_with_the_same_values(make_queue):
    dead = make_queue()
    dead.enqueue(3)
    lost = dead.claim(3)
    # As after kill -9: the worker does not release its trial.
    with make_queue() as queue:
        assert sorted(work(queue, 3)) == [0, 1, 2]
        again = queue.finished()[lost.index]
        assert again.params == lost.values
        assert [t.state for t in queue.attempts()[lost.index]] == [TrialState.FAIL, TrialState.COMPLETE]
    dead._heartbeat.stop()


def test_an_unfinished_trial_of_a_stopped_worker_runs_again(make_queue):
    with make_queue() as queue:
        queue.enqueue(2)
        lost = queue.claim(2)
    with make_queue() as queue:
        work(queue, 2)
        assert queue.finished()[lost.index].params == lost.values


def test_a_failed_trial_is_not_run_again(make_queue):
    with make_queue() as queue:
        queue.enqueue(2)
        queue.fail(queue.claim(2), "loss was not finite at step 3")
        assert work(queue, 2) == [1]
        assert [trial.state for trial in queue.finished()] == [TrialState.FAIL, TrialState.COMPLETE]
        assert work(queue, 2) == []


def test_an_index_that_two_workers_enqueue_runs_once(make_queue):
    with make_queue() as one, make_queue(exclusive=False) as other:
        one.enqueue(2)
        for index in range(2):
            other.study.enqueue_trial({}, user_attrs={"index": index})
        assert work(one, 2, limit=1) + work(other, 2) == [0, 1]
        assert len(one.finished()) == 2


@pytest.mark.parametrize("sampler", ["random", "grid"])
def test_values_do_not_depend_on_the_number_of_workers(make_queue, toy_space, tmp_path, sampler):
    search = {"random": "hyper.learning-rate=log:1e-4:1e-2", "grid": "hyper.learning-rate=choice:0.1,0.2,0.3,0.4"}
    space = toy_space(search=(search[sampler],))
    with make_queue(sampler=sampler, space=space) as queue:
        work(queue, 4)
        expected = settings(queue)
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    with (
        make_queue(False, url, sampler=sampler, space=space) as one,
        make_queue(False, url, sampler=sampler, space=space) as other,
    ):
        one.enqueue(4)
        claimed = other.claim(4)
        assert len(work(one, 4, limit=2)) == 2
        other.complete(claimed, [0.0], 9)
        work(other, 4)
        assert settings(one) == expected


def test_tpe_suggests_the_values_that_optuna_suggests(make_queue):
    with make_queue(sampler="tpe", direction="maximize") as queue:
        work(queue, 14)
        values = settings(queue)
    study, expected = optuna.create_study(direction="maximize"), []
    for index in range(14):
        study.sampler = make_sampler("tpe", 0, index)
        trial = study.ask()
        expected.append(trial.suggest_float("hyper.learning_rate", 1e-4, 1e-2, log=True))
        study.tell(trial, toy_metric(expected[-1]))
    assert values == expected


def test_asha_prunes_worse_trials_and_keeps_better_ones(make_queue):
    with make_queue(pruner="asha") as queue:
        queue.enqueue(6)
        pruned = []
        for value in (1.0, 0.9, 0.8, 5.0, 6.0, 0.1):
            trial = queue.claim(6)
            if queue.report(trial, 3, value):
                queue.prune(trial, value, 3)
                pruned.append(value)
            else:
                queue.complete(trial, [value], 9)
        assert {5.0, 6.0} <= set(pruned)
        assert 0.1 not in pruned
        assert [t.state == TrialState.PRUNED for t in queue.finished()][3:] == [True, True, False]


@pytest.mark.parametrize("pruner", ["asha", "hyperband"])
def test_pruners_are_those_of_optuna(make_queue, pruner):
    kinds = {"asha": optuna.pruners.SuccessiveHalvingPruner, "hyperband": optuna.pruners.HyperbandPruner}
    with make_queue(pruner=pruner) as queue:
        assert isinstance(queue.study.pruner, kinds[pruner])


def test_another_definition_of_the_same_study_is_refused(make_queue, toy_space):
    with make_queue() as queue:
        work(queue, 1)
        before = queue.finished()
    message = (
        r"study toy is another sweep: interval is 3 there and 5 here; use the same options, or set another --study"
    )
    with pytest.raises(UsageError, match=message):
        make_queue(interval=5)
    with pytest.raises(UsageError, match=r"search.hyper.learning_rate is log:1e-4:1e-2 there and choice:1,2 here"):
        make_queue(space=toy_space(search=("hyper.learning-rate=choice:1,2",)))
    with make_queue() as queue:
        assert [values_of(trial) for trial in queue.finished()] == [values_of(trial) for trial in before]


def test_a_trial_that_another_worker_took_over_is_not_recorded_twice(make_queue, tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    with make_queue(False, url, pruner="asha") as silent, make_queue(False, url, pruner="asha") as other:
        silent.enqueue(1)
        lost = silent.claim(1)
        # As another worker does once the heartbeat is missing.
        other._storage.set_trial_state_values(lost.id, TrialState.FAIL)
        assert silent.report(lost, 3, 1.0)
        silent.prune(lost, 1.0, 3)
        assert not other.is_complete(1)
        assert work(other, 1) == [0]
        assert other.is_complete(1)
        assert [trial.params for trial in other.finished()] == [lost.values]


def test_a_trial_that_kills_its_process_runs_three_times_at_most(make_queue):
    with make_queue() as queue:
        taken = 0
        for _ in range(5):
            queue.enqueue(1)
            if trial := queue.claim(1):
                taken += 1
                queue.requeue(trial, crashed=True)
        assert taken == 3
        assert [trial.user_attrs["reason"] for trial in queue.finished()] == ["its process died 3 times"]


def test_a_trial_whose_worker_is_stopped_repeatedly_still_runs(make_queue):
    for _ in range(4):
        # As after Ctrl-C, or where a cluster takes the machine away.
        with make_queue() as queue:
            queue.enqueue(2)
            held = [queue.claim(2), queue.claim(2)]
            assert [trial.index for trial in held] == [0, 1]
            assert not queue.is_complete(2)
            queue.requeue(held[1], crashed=False)
    with make_queue() as queue:
        assert work(queue, 2) == [0, 1]
        assert queue.is_complete(2)
        assert {trial.state for trial in queue.finished()} == {TrialState.COMPLETE}


@pytest.mark.parametrize("exclusive", [True, False])
def test_crashes_count_whichever_worker_detects_them(make_queue, exclusive):
    for _ in range(3):
        dead = make_queue(exclusive)
        dead.enqueue(1)
        lost = dead.claim(1)
        dead._heartbeat.stop()
        if not exclusive:
            # As another worker does once the heartbeat is missing.
            dead._storage.set_trial_state_values(lost.id, TrialState.FAIL)
    with make_queue(exclusive) as queue:
        assert work(queue, 1) == []
        assert [trial.user_attrs["reason"] for trial in queue.finished()] == ["its process died 3 times"]


def test_a_smaller_number_of_trials_leaves_the_rest_waiting(make_queue):
    with make_queue() as queue:
        queue.enqueue(5)
        assert work(queue, 2) == [0, 1]
        assert queue.is_complete(2)
        assert not queue.is_complete(5)


def test_a_changed_script_gives_one_warning(make_queue):
    lines = []
    for script in ("one", "one", "other", "other"):
        with make_queue(script=script, say=lines.append):
            pass
    assert lines == ["the script of gan_mlp has changed since the last sweep of study toy"]


def test_a_study_of_another_program_is_refused(make_queue, tmp_path):
    study = optuna.create_study(study_name="toy", storage=f"sqlite:///{tmp_path / 'study.db'}")
    study.enqueue_trial({"x": 1})
    with pytest.raises(UsageError, match="study toy was not created by jaxgen sweep: set another --study"):
        make_queue()
    assert "definition" not in study.user_attrs


@pytest.mark.parametrize("attributes", [{"index": "x"}, {"index": -1}, {"index": None}, {}])
def test_trials_that_no_sweep_has_enqueued_are_refused(make_queue, attributes):
    with make_queue() as queue:
        queue.study.enqueue_trial({}, user_attrs=attributes)
    with pytest.raises(UsageError, match="study toy was not created by jaxgen sweep: set another --study"):
        make_queue()


def test_a_value_that_no_search_has_is_named(make_queue):
    with make_queue() as queue:
        queue.study.enqueue_trial({"hyper.learning_rate": "$(id)"}, user_attrs={"index": 0})
        with pytest.raises(UsageError, match=r"trial 0 of study toy has a value that is not searched: .*\$\(id\)"):
            queue.claim(1)


@pytest.mark.parametrize("definition", [[], 3, "toy", None])
def test_a_definition_that_is_none_is_refused(make_queue, definition):
    with make_queue() as queue:
        queue.study.set_user_attr("definition", definition)
    with pytest.raises(UsageError, match="study toy was not created by jaxgen sweep: set another --study"):
        make_queue()


def test_a_failing_storage_is_reported_in_one_line(make_queue, monkeypatch):
    from sqlalchemy.exc import OperationalError

    def fail(*arguments, **options):
        raise OperationalError("SELECT 1", {}, Exception("server closed the connection"))

    with make_queue() as queue:
        monkeypatch.setattr(queue.study, "get_trials", fail)
        with pytest.raises(
            UsageError, match=r"the storage has failed .*: run the same command again once it works"
        ) as error:
            queue.claim(1)
        monkeypatch.undo()
    assert "\n" not in str(error.value)


def test_an_unavailable_storage_is_reported_within_ten_seconds():
    with socket.socket() as silent:
        # Accepts connections and never answers.
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql://me:secret@127.0.0.1:{silent.getsockname()[1]}/sweeps"
        begin = time.monotonic()
        with pytest.raises(
            UsageError, match=r"--storage postgresql://me@127.0.0.1:\d+/sweeps is not available"
        ) as error:
            open_storage(url, 60)
        assert time.monotonic() - begin < 10
    assert "secret" not in str(error.value)
    # The port is closed now.
    with pytest.raises(UsageError, match="is not available") as error:
        open_storage(url, 60)
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(UsageError, match="--storage is not a URL"):
        open_storage("here", 60)
    remedy = "check that the database runs and that this machine can reach it, or give another --storage"
    with pytest.raises(UsageError, match=f"--storage nosuch:///here is not available: .*; {remedy}"):
        open_storage("nosuch:///here", 60)
    with pytest.raises(UsageError, match=r"--storage postgres://me@h/d: write postgresql:// in place of postgres://"):
        open_storage("postgres://me:secret@h/d", 60)


@pytest.mark.parametrize("hide", [hide_passwords, shown_url])
@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://a:b@c/d", "postgresql://a@c/d"),
        ("postgresql://a:b@b:/b@c/d", "postgresql://a@c/d"),
        ("postgresql://:b@c/d", "postgresql://@c/d"),
        ("postgresql://c:5432/d", "postgresql://c:5432/d"),
        ("sqlite:///x", "sqlite:///x"),
        ("postgresql://c/d?user=a&password=b", "postgresql://c/d?user=a&password=…"),
        ("postgresql://c/d?sslpassword=b@b&user=a", "postgresql://c/d?sslpassword=…&user=a"),
    ],
)
def test_passwords_are_hidden(hide, url, shown):
    assert hide(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hun ter2@h/d",
        "postgresql://me:hunter2@@h/d",
        "postgresql://me:hunter2%3a@h/d",
        "postgresql://h/d?password=hunter2",
        "postgresql:me:hunter2@h/d",
        "postgres://me:hunter2@h/d",
        "nosuch://me:hunter2@h/d",
        "postgresql+nosuch://me:hunter2@h/d",
        "postgresql://me:hunter2@h:port/d",
        "hunter2",
    ],
)
def test_no_error_shows_the_password(url, monkeypatch):
    monkeypatch.setattr("jaxgen.sweeps.storage.CONNECT_SECONDS", 1)
    with pytest.raises(UsageError) as error:
        open_storage(url, 60)
    text = "".join(traceback.format_exception(error.value))
    assert "ter2" not in str(error.value) and "\n" not in str(error.value)
    assert "ter2" not in text.rpartition("jaxgen.errors")[2]


def test_a_driver_that_repeats_a_decoded_password_is_cleaned():
    url = "postgresql://me:a%40b%20c@h/d?sslpassword=x%2By"
    assert without_secrets("login a@b c failed for a%40b%20c with x+y", url) == "login … failed for … with …"


def test_the_storage_of_the_environment_is_used_and_a_visible_password_warned_of(monkeypatch):
    said = []
    monkeypatch.delenv("JAXGEN_STORAGE", raising=False)
    assert find_url(None, said.append) is None and find_url("sqlite:///x", said.append) == "sqlite:///x"
    assert said == []
    monkeypatch.setenv("JAXGEN_STORAGE", "postgresql://me:secret@h/d")
    assert find_url("sqlite:///x", said.append) == "sqlite:///x"
    assert find_url(None, said.append) == "postgresql://me:secret@h/d"
    assert said == ["the storage is postgresql://me@h/d, of $JAXGEN_STORAGE"]
    find_url("postgresql://me:secret@h/d", said.append)
    assert "JAXGEN_STORAGE" in said[1] and "secret" not in said[1]


def test_without_optuna_the_message_names_the_extra(experiments, tmp_path):
    script = textwrap.dedent("""
        import sys
        sys.modules["optuna"] = None
        from jaxgen.commands.main import main
        main(["sweep", sys.argv[1], "--search", "hyper.b1=uniform:0:0.5"])
    """)
    command = [sys.executable, "-c", script, str(experiments / "gan_mlp.py")]
    process = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, env=os.environ)
    assert (process.returncode, process.stderr.strip()) == (
        2,
        "jaxgen: a sweep needs optuna: pip install 'jaxgen[sweep]'",
    )
