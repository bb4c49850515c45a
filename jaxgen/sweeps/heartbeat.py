"""The heartbeat of the trials that this worker runs."""

import contextlib
import threading
from typing import Any


class Heartbeat:
    """A thread that records a heartbeat for each trial that this worker runs.

    Other workers run a trial again once its heartbeat is missing.
    """

    def __init__(self, storage: Any, interval: int) -> None:
        """Starts the thread.

        Args:
          storage: an Optuna storage with heartbeats.
          interval: seconds between two heartbeats that other workers expect.
        """
        self._storage, self._interval = storage, interval
        self._trial_ids: set[int] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()

    def add(self, trial_id: int) -> None:
        """Records heartbeats of a trial from now on."""
        with self._lock:
            self._trial_ids.add(trial_id)

    def remove(self, trial_id: int) -> None:
        """Records no more heartbeats of a trial."""
        with self._lock:
            self._trial_ids.discard(trial_id)

    def stop(self) -> set[int]:
        """Stops the thread and returns the trials that still run."""
        self._stopped.set()
        self._thread.join()
        return self._trial_ids

    def _record(self) -> None:
        # Twice in an interval, so that one late heartbeat does not count as missing.
        while not self._stopped.wait(self._interval / 2):
            with self._lock:
                trial_ids = list(self._trial_ids)
            for trial_id in trial_ids:
                # A short failure of the database must not end the training. A lasting one stops the next report.
                with contextlib.suppress(Exception):
                    self._storage.record_heartbeat(trial_id)
