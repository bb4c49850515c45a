"""Trackers, which display metrics during training: TensorBoard and Weights & Biases."""

import importlib.util
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

from jaxgen.errors import requires
from jaxgen.io.text import write_atomically


class Tracker(Protocol):
    """Receives the metrics of a run."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Logs the metrics of a step."""

    def truncate(self, step: int) -> None:
        """Discards the metrics of later steps."""

    def close(self) -> None:
        """Writes what is left."""


@contextmanager
def without_torch() -> Iterator[None]:
    """Hides PyTorch, which tensorboardX would import wherever it is installed, at the cost of seconds."""
    loaded = "torch" in sys.modules
    if not loaded:
        sys.modules["torch"] = cast(ModuleType, None)  # the import system's mark of a module that is absent
    try:
        yield
    finally:
        if not loaded:
            del sys.modules["torch"]


class TensorBoard:
    """Scalars in an event file. Needs tensorboardX.

    Its SummaryWriter is not used: it writes in a thread, which a full disk ends, and then blocks the program for good.
    """

    def __init__(self, folder: Path) -> None:
        with without_torch():
            from tensorboardX.event_file_writer import EventsWriter
            from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue] generated
            from tensorboardX.summary import scalar

        folder.mkdir(exist_ok=True)
        self._event, self._session, self._scalar = Event, SessionLog, scalar
        # The process number keeps a run that is resumed within the second from writing over the file before.
        self._writer = EventsWriter(str(folder / "events"), filename_suffix=f".{os.getpid()}")

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Writes a scalar for each metric."""
        for name, value in metrics.items():
            self._writer.write_event(self._event(step=step, wall_time=time.time(), summary=self._scalar(name, value)))
        self._writer.flush()

    def truncate(self, step: int) -> None:
        """Writes the event that makes TensorBoard hide what was written before from step + 1 on."""
        start = self._session(status=self._session.START)
        self._writer.write_event(self._event(step=step + 1, wall_time=time.time(), session_log=start))

    def close(self) -> None:
        """Closes the file."""
        self._writer.close()


class WeightsAndBiases:
    """Logs a run folder as one run of Weights & Biases, also when it is resumed. Needs wandb."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        require_wandb()
        import wandb  # pyright: ignore[reportMissingImports] optional

        identity = folder / "wandb.id"
        if not identity.exists():
            write_atomically(identity, uuid.uuid4().hex)
        self._run = wandb.init(
            project="jaxgen", name=folder.name, dir=folder, id=identity.read_text(), resume="allow", config=config
        )

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Sends the metrics."""
        self._run.log(dict(metrics), step=step)

    def truncate(self, step: int) -> None:
        """Does nothing: a resumed run sends the same metrics again, and wandb ignores steps that it has."""

    def close(self) -> None:
        """Sends what is left."""
        self._run.finish()


def require_wandb() -> None:
    """Raises UsageError where Weights & Biases is not installed."""
    with requires("wandb", "--wandb"):
        if importlib.util.find_spec("wandb") is None:
            raise ModuleNotFoundError("No module named 'wandb'", name="wandb")


def open_trackers(
    folder: Path, config: dict[str, Any], *, tensorboard: bool, wandb: bool, say: Callable[[str], None]
) -> list[Tracker]:
    """Returns the trackers that were asked for.

    Args:
      folder: the run folder.
      config: content of config.json.
      tensorboard: whether to write RUN/tensorboard; without tensorboardX, says so and does not.
      wandb: whether to send metrics to Weights & Biases.
      say: takes warnings, a line each.
    Raises:
      UsageError: if wandb was asked for and is not installed.
    """
    trackers: list[Tracker] = []
    if tensorboard:
        try:
            trackers.append(TensorBoard(folder / "tensorboard"))
        except ImportError:
            say("tensorboardX is not installed: metrics go to metrics.jsonl alone")
    if wandb:
        trackers.append(WeightsAndBiases(folder, config))
    return trackers
