"""No trial is lost and none is told twice, whoever dies when; what is searched does not depend on who asks."""

import math
import os
import socket
import subprocess
import sys
import textwrap
import time

import optuna
import pytest
from optuna.trial import TrialState

from jaxgen.errors import UsageError
from jaxgen.sweeps.results import ranked
from jaxgen.sweeps.sampler import make_sampler
from jaxgen.sweeps.storage import hide_password, open_storage
from jaxgen.sweeps.trials import score, values_of

worth = lambda rate: -abs(math.log10(float(rate)) + 3)


def work(ledger, count, most=100):
    """Answers up to a number of trials, and returns the tickets that it answered."""
    done = []
    ledger.fill(count)
    while len(done) < most and (trial := ledger.take(count)):
        ledger.answer(trial, [worth(trial.values["hyper.learning_rate"])], {"steps": 9})
        done.append(trial.ticket)
    return done


def settings(ledger):
    return [trial.params["hyper.learning_rate"] for trial in ledger.finished()]


def test_every_ticket_is_answered_once(make_ledger):
    with make_ledger() as ledger:
        assert work(ledger, 5) == [0, 1, 2, 3, 4]
        assert work(ledger, 5) == []
        # More of the same study.
        assert work(ledger, 7) == [5, 6]
        assert len(set(settings(ledger))) == 7
        best = ranked(ledger.finished(), ledger.plan)[0]
        assert score(best) == min(map(score, ledger.finished()))
        assert ledger.seconds > 0


def test_what_a_process_left_running_is_asked_again_with_the_same_setting(make_ledger):
    dead = make_ledger()
    dead.fill(3)
    lost = dead.take(3)
    # As after kill -9: it neither ends its trial nor says goodbye.
    with make_ledger() as ledger:
        assert sorted(work(ledger, 3)) == [0, 1, 2]
        again = ledger.finished()[lost.ticket]
        assert again.params == lost.values
        assert [t.state for t in ledger.by_ticket()[lost.ticket]] == [TrialState.FAIL, TrialState.COMPLETE]
    dead._ended.set()


def test_what_is_given_back_at_the_end_is_asked_again(make_ledger):
    with make_ledger() as ledger:
        ledger.fill(2)
        lost = ledger.take(2)
    with make_ledger() as ledger:
        work(ledger, 2)
        assert ledger.finished()[lost.ticket].params == lost.values


def test_what_went_wrong_is_not_tried_again(make_ledger):
    with make_ledger() as ledger:
        ledger.fill(2)
        ledger.fail(ledger.take(2), "loss was not finite at step 3")
        assert work(ledger, 2) == [1]
        assert [trial.state for trial in ledger.finished()] == [TrialState.FAIL, TrialState.COMPLETE]
        assert work(ledger, 2) == []


def test_a_ticket_that_two_processes_put_there_is_taken_once(make_ledger):
    with make_ledger() as one, make_ledger(alone=False) as other:
        one.fill(2)
        for ticket in range(2):
            other.study.enqueue_trial({}, user_attrs={"ticket": ticket})
        assert work(one, 2, most=1) + work(other, 2) == [0, 1]
        assert len(one.finished()) == 2


@pytest.mark.parametrize("sampler", ["random", "grid"])
def test_settings_do_not_depend_on_who_asks(make_ledger, toy_space, tmp_path, sampler):
    search = {"random": "hyper.learning-rate=log:1e-4:1e-2", "grid": "hyper.learning-rate=choice:0.1,0.2,0.3,0.4"}
    space = toy_space(search=(search[sampler],))
    with make_ledger(sampler=sampler, space=space) as alone:
        work(alone, 4)
        expected = settings(alone)
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    with (
        make_ledger(False, url, sampler=sampler, space=space) as one,
        make_ledger(False, url, sampler=sampler, space=space) as other,
    ):
        one.fill(4)
        kept = other.take(4)
        assert len(work(one, 4, most=2)) == 2
        other.answer(kept, [0.0], {"steps": 9})
        work(other, 4)
        assert settings(one) == expected


def test_tpe_suggests_what_optuna_does_of_the_same_trials(make_ledger):
    with make_ledger(sampler="tpe", direction="maximize") as ledger:
        work(ledger, 14)
        found = settings(ledger)
    study, expected = optuna.create_study(direction="maximize"), []
    for ticket in range(14):
        study.sampler = make_sampler("tpe", 0, ticket)
        trial = study.ask()
        expected.append(trial.suggest_float("hyper.learning_rate", 1e-4, 1e-2, log=True))
        study.tell(trial, worth(expected[-1]))
    assert found == expected


def test_asha_gives_up_what_is_worse_and_keeps_what_is_better(make_ledger):
    with make_ledger(pruner="asha") as ledger:
        ledger.fill(6)
        given_up = []
        for value in (1.0, 0.9, 0.8, 5.0, 6.0, 0.1):
            trial = ledger.take(6)
            if ledger.report(trial, 3, value):
                ledger.answer(trial, [value], {"steps": 3}, pruned=True)
                given_up.append(value)
            else:
                ledger.answer(trial, [value], {"steps": 9})
        assert {5.0, 6.0} <= set(given_up)
        assert 0.1 not in given_up
        assert [t.state == TrialState.PRUNED for t in ledger.finished()][3:] == [True, True, False]


@pytest.mark.parametrize("pruner", ["asha", "hyperband"])
def test_a_pruner_is_optunas(make_ledger, pruner):
    kinds = {"asha": optuna.pruners.SuccessiveHalvingPruner, "hyperband": optuna.pruners.HyperbandPruner}
    with make_ledger(pruner=pruner) as ledger:
        assert isinstance(ledger.study.pruner, kinds[pruner])


def test_another_sweep_of_the_same_name_is_refused(make_ledger, toy_space):
    with make_ledger() as ledger:
        work(ledger, 1)
        before = ledger.finished()
    told = r"study toy is another sweep: every is 3 there and 5 here; give what is there, or another --study"
    with pytest.raises(UsageError, match=told):
        make_ledger(every=5)
    with pytest.raises(UsageError, match=r"search.hyper.learning_rate is log:1e-4:1e-2 there and choice:1,2 here"):
        make_ledger(space=toy_space(search=("hyper.learning-rate=choice:1,2",)))
    with make_ledger() as ledger:
        assert [values_of(trial) for trial in ledger.finished()] == [values_of(trial) for trial in before]


def test_what_others_have_taken_up_is_theirs(make_ledger, tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    with make_ledger(False, url, pruner="asha") as silent, make_ledger(False, url, pruner="asha") as other:
        silent.fill(1)
        lost = silent.take(1)
        # As another process does with what was silent for too long.
        other._storage.set_trial_state_values(lost.handle._trial_id, TrialState.FAIL)
        assert silent.report(lost, 3, 1.0)
        silent.answer(lost, [1.0], {"steps": 3}, pruned=True)
        assert not other.is_complete(1)
        assert work(other, 1) == [0]
        assert other.is_complete(1)
        assert [trial.params for trial in other.finished()] == [lost.values]


def test_what_kills_its_process_again_and_again_is_not_tried_for_ever(make_ledger):
    with make_ledger() as ledger:
        taken = 0
        for _ in range(5):
            ledger.fill(1)
            if trial := ledger.take(1):
                taken += 1
                ledger.give_back(trial, died=True)
        assert taken == 3
        assert [trial.user_attrs["reason"] for trial in ledger.finished()] == ["its process died 3 times"]


def test_what_is_stopped_again_and_again_is_still_tried(make_ledger):
    for _ in range(4):
        # As after Ctrl-C, or where a cluster takes the machine away.
        with make_ledger() as ledger:
            ledger.fill(2)
            held = [ledger.take(2), ledger.take(2)]
            assert [trial.ticket for trial in held] == [0, 1]
            assert not ledger.is_complete(2)
            ledger.give_back(held[1], died=False)
    with make_ledger() as ledger:
        assert work(ledger, 2) == [0, 1]
        assert ledger.is_complete(2)
        assert {trial.state for trial in ledger.finished()} == {TrialState.COMPLETE}


@pytest.mark.parametrize("alone", [True, False])
def test_deaths_count_whoever_finds_the_dead(make_ledger, alone):
    for _ in range(3):
        dead = make_ledger(alone)
        dead.fill(1)
        lost = dead.take(1)
        dead._ended.set()
        if not alone:
            # As another process does with what was silent for too long.
            dead._storage.set_trial_state_values(lost.handle._trial_id, TrialState.FAIL)
    with make_ledger(alone) as ledger:
        assert work(ledger, 1) == []
        assert [trial.user_attrs["reason"] for trial in ledger.finished()] == ["its process died 3 times"]


def test_fewer_trials_than_before_leave_the_rest_waiting(make_ledger):
    with make_ledger() as ledger:
        ledger.fill(5)
        assert work(ledger, 2) == [0, 1]
        assert ledger.is_complete(2)
        assert not ledger.is_complete(5)


def test_a_script_that_has_changed_is_told_once(make_ledger):
    said = []
    for script in ("one", "one", "other", "other"):
        with make_ledger(script=script, say=said.append):
            pass
    assert said == ["gan_mlp's script has changed since study toy was last searched"]


def test_a_study_that_others_made_is_refused(make_ledger, tmp_path):
    study = optuna.create_study(study_name="toy", storage=f"sqlite:///{tmp_path / 'study.db'}")
    study.enqueue_trial({"x": 1})
    with pytest.raises(UsageError, match="study toy was not made by jaxgen sweep: give another --study"):
        make_ledger()
    assert "definition" not in study.user_attrs


def test_a_storage_that_goes_away_is_told_in_a_line(make_ledger, monkeypatch):
    from sqlalchemy.exc import OperationalError

    def fail(*given, **options):
        raise OperationalError("SELECT 1", {}, Exception("server closed the connection"))

    with make_ledger() as ledger:
        monkeypatch.setattr(ledger.study, "get_trials", fail)
        with pytest.raises(
            UsageError, match=r"cannot be used any more .*: once it can, the same command goes on"
        ) as error:
            ledger.take(1)
        monkeypatch.undo()
    assert "\n" not in str(error.value)


def test_a_storage_that_cannot_be_used_is_told_soon():
    with socket.socket() as silent:
        # It accepts what connects, and says nothing.
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql://me:secret@127.0.0.1:{silent.getsockname()[1]}/sweeps"
        begin = time.monotonic()
        with pytest.raises(UsageError, match=r"storage postgresql://me@127.0.0.1:\d+/sweeps cannot be used") as error:
            open_storage(url, 60)
        assert time.monotonic() - begin < 10
    assert "secret" not in str(error.value)
    # Nobody is there any more.
    with pytest.raises(UsageError, match="cannot be used") as error:
        open_storage(url, 60)
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(UsageError, match="storage 'here' is no address"):
        open_storage("here", 60)
    remedy = "see that the database runs and can be reached from here, or give another --storage"
    with pytest.raises(UsageError, match=f"storage nosuch:///here cannot be used: .*; {remedy}"):
        open_storage("nosuch:///here", 60)
    with pytest.raises(UsageError, match=r"storage postgres://me@h/d is of no kind .*: write postgresql:// instead"):
        open_storage("postgres://me:secret@h/d", 60)


def test_passwords_are_hidden():
    assert hide_password("postgresql://a:b@c/d") == "postgresql://a@c/d"
    assert hide_password("sqlite:///x") == "sqlite:///x"
    assert hide_password("postgresql://c/d?user=a&password=b") == "postgresql://c/d?user=a&password=…"


def test_without_optuna_a_sweep_says_what_to_install(experiments, tmp_path):
    script = textwrap.dedent("""
        import sys
        sys.modules["optuna"] = None
        from jaxgen.commands.main import main
        main(["sweep", sys.argv[1], "--search", "hyper.b1=uniform:0:0.5"])
    """)
    words = [sys.executable, "-c", script, str(experiments / "gan_mlp.py")]
    ended = subprocess.run(words, check=False, capture_output=True, text=True, cwd=tmp_path, env=os.environ)
    assert (ended.returncode, ended.stderr.strip()) == (2, "jaxgen: a sweep needs optuna: pip install 'jaxgen[sweep]'")
