"""The states of a run on disk: saved in the background, verified leaf by leaf when read. The only Orbax import.

Each state is saved with a record of the digest of every leaf, because Orbax does not detect flipped bits. A checkpoint
gets its name only once it is complete, so a save whose process was killed never counts. Nothing is created, cleaned or
moved before the first save: a run can be read while it trains.

The processes of a distributed run call the same methods at the same step: each writes the arrays that only it holds,
and the first one names the checkpoint once all have finished.
"""

import contextlib
import dataclasses
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import orbax.checkpoint as ocp
from jax import Array
from orbax.checkpoint import checkpoint_managers as policies

from jaxgen.errors import UsageError
from jaxgen.runs.disk.closing import Closing
from jaxgen.runs.disk.digests import fingerprint
from jaxgen.runs.disk.leaves import (
    array_shapes,
    describe,
    first_difference,
    first_non_finite,
    from_arrays,
    layout,
    to_arrays,
)
from jaxgen.runs.disk.records import (
    Damaged,
    Record,
    best_first,
    make_record,
    read_record,
    read_selection,
    require_readable,
    seal,
)
from jaxgen.training import progress
from jaxgen.training.distributed import is_first, is_lost, wait_for_all
from jaxgen.training.quiet import quiet_orbax, without_tracebacks
from jaxgen.training.state import PyTree, Selection, TrainState
from jaxgen.training.stopping import NonFiniteError

DELETED = "deleted"
NETWORKS = ("step", "params", "stats", "ema")
"""Fields of a state that are read for use without further training."""


class Restored(NamedTuple):
    """A state as it was saved, bit by bit.

    Attributes:
      step: training steps that it has seen.
      state: the state.
      metrics: those of that step.
      config: content of the run's config.json.
      digest: of the state, see `digests.digest`.
      damaged: steps of the checkpoints found damaged on the way to this one.
    """

    step: int
    state: TrainState
    metrics: dict[str, float]
    config: dict[str, Any]
    digest: str
    damaged: list[int]


@dataclasses.dataclass(frozen=True)
class KeepBest:
    """The retention policy that keeps the best checkpoint.

    Orbax' own BestN reads a file of metrics that, once damaged, prevents a run from being resumed.

    Attributes:
      selection: which one is the best.
      metrics_of: step -> metrics, for steps saved by an earlier process.
    """

    selection: Selection | None
    metrics_of: Callable[[int], Mapping[str, float]]

    def should_preserve(
        self, checkpoints: Sequence[policies.PolicyCheckpointInfo], *, context: policies.PreservationContext
    ) -> list[bool]:
        """Returns for each checkpoint whether it is the best."""
        del context
        metrics = {x.step: self.metrics_of(x.step) if x.metrics is None else x.metrics for x in checkpoints}
        return [x.step in best_first(metrics, self.selection)[:1] for x in checkpoints]


class Checkpoints(Closing):
    """The checkpoints of one run, as a context that lasts until the last save is done."""

    def __init__(
        self,
        folder: str | Path,
        *,
        keep: int = 2,
        selection: Selection | None = None,
        say: Callable[[str], None] = progress.say,
    ) -> None:
        """Names the folder, which need not exist before the first save.

        Args:
          folder: RUN/checkpoints.
          keep: number of the newest checkpoints that are kept, in addition to the best one.
          selection: which one is the best; None: the selection recorded in the newest checkpoint.
          say: takes the line that names a damaged checkpoint.
        """
        if keep < 1:
            raise UsageError(f"keep is {keep}: at least 1 checkpoint must stay")
        # Orbax refuses relative paths.
        self.folder, self.keep, self.selection, self.say = Path(folder).absolute(), keep, selection, say
        self._manager: ocp.CheckpointManager | None = None
        self._quiet = contextlib.ExitStack()
        self._reported: set[int] = set()

    def save(self, step: int, state: TrainState, metrics: Mapping[str, float], config: dict[str, Any]) -> None:
        """Saves a state in the background, after the save before is done. On return the state may be donated.

        Args:
          step: training steps that it has seen.
          state: the state, every leaf finite.
          metrics: those of that step; the best checkpoint is known by them.
          config: content of the run's config.json.
        Raises:
          NonFiniteError: if a leaf holds a NaN or an infinity; nothing is written.
          UsageError: if this save cannot begin, or the one before failed.
        """
        if leaf := first_non_finite(state):
            raise NonFiniteError(step, leaf, self.last_good())
        # Fetched once: an array keeps what was fetched of it, and the record's digests are of the same arrays.
        arrays = jax.device_get(to_arrays(state))
        record = seal(make_record(step, state, metrics, config, self.selection))
        items = ocp.args.Composite(state=ocp.args.StandardSave(arrays), record=ocp.args.JsonSave(record))
        self.wait()
        with self._writing():
            manager = self._open_manager()
            check_space(self.folder, sum(leaf.nbytes for leaf in jax.tree.leaves(arrays)))
            # Unless forced, Orbax silently skips a step below the newest one.
            manager.save(step, args=items, metrics=dict(metrics), force=True)

    def wait(self) -> None:
        """Returns once the last save is on disk.

        Raises:
          UsageError: if it failed.
        """
        with self._writing():
            if self._manager is not None:
                self._manager.wait_until_finished()
                if is_first():
                    shutil.rmtree(self.folder / DELETED, ignore_errors=True)

    def close(self) -> None:
        """Waits, and ends the threads that save.

        Raises:
          UsageError: if the last save failed.
        """
        try:
            self.wait()
        finally:
            manager, self._manager = self._manager, None
            with self._writing():
                if manager is not None:
                    manager.close()
            self._quiet.close()

    def discard(self, step: int) -> None:
        """Moves a damaged checkpoint to RUN/damaged, so that training can save that step again. Not for readers."""
        target = self.folder.parent / "damaged" / str(step)
        if is_first():
            with self._writing():
                shutil.rmtree(target, ignore_errors=True)
                target.parent.mkdir(exist_ok=True)
                (self.folder / str(step)).rename(target)
        wait_for_all(f"checkpoint {step} is moved away")

    def steps(self) -> list[int]:
        """Returns the steps of all checkpoints on disk, rising."""
        if not self.folder.is_dir():
            return []
        return sorted(int(path.name) for path in self.folder.iterdir() if path.name.isdigit())

    def last_good(self) -> int | None:
        """Returns the newest step on disk once the save in progress is over, or None; says so if that save failed."""
        try:
            self.wait()
        except UsageError as error:
            self.say(str(error))
        return max(self.steps(), default=None)

    def record(self, which: str | int = "last") -> Record | None:
        """Returns the record of a checkpoint, see `records`; None where there is none.

        Args:
          which: see `restore`.
        """
        return next(self._records(which, self._report_damaged), None)

    def restore_networks(self, template: TrainState, which: str | int = "last") -> Restored | None:
        """Restores the networks of a checkpoint alone, as `restore` does; for use without further training.

        A checkpoint of another optimizer, or with other hyperparameters, is read too.

        Args:
          template: see `restore`.
          which: see `restore`.
        Returns:
          The checkpoint; its state has an empty `opt_state` and `hyper`, and no `key`.
        Raises:
          UsageError: see `restore`.
        """
        networks = {name: getattr(template, name) for name in NETWORKS}
        restored = self._restore(which, lambda record: self._read_networks(record, networks))
        if restored is None:
            return None
        fields = cast(dict[str, PyTree], restored.state)
        return restored._replace(state=TrainState(**fields, opt_state={}, hyper={}, key=None))  # pyright: ignore[reportArgumentType] no key

    def restore(
        self, template: PyTree, which: str | int = "last", *, new_hyper: Mapping[str, Array] | None = None
    ) -> Restored | None:
        """Returns a verified state, skipping damaged ones with a warning; None where there is no checkpoint.

        Args:
          template: a state of the same structure, shapes, dtypes and placement, or its `jax.eval_shape`; a leaf without
            a placement goes to the first device.
          which: "last", "best" or a step. Only the first two have substitutes: the one before, the next best.
          new_hyper: values of hyperparameters that the checkpoint may lack: they did not exist when it was saved.
        Raises:
          UsageError: if there is no such step, if every one of them is damaged, or if the template is of another
            configuration than the checkpoint.
        """
        return self._restore(which, lambda record: self._read_state(record, template, new_hyper or {}))

    def _restore(self, which: str | int, read: Callable[[Record], Any]) -> Restored | None:
        damaged: list[int] = []

        def skip(step: int, reason: Damaged) -> None:
            self._report_damaged(step, reason)
            damaged.append(step)

        for record in self._records(which, skip):
            try:
                state = read(record)
            except Damaged as reason:
                skip(record["step"], reason)
            else:
                return Restored(
                    record["step"], state, record["metrics"], record["config"], record["digest"], sorted(damaged)
                )
        if damaged:
            raise UsageError(
                f"no undamaged checkpoint is left in {self.folder} (damaged: {', '.join(map(str, sorted(damaged)))}): "
                "put a copy back, or remove the folder to start again"
            )
        return None

    def _records(self, which: str | int, skip: Callable[[int, Damaged], None]) -> Iterator[Record]:
        """Yields the records of the checkpoints that match `which`, the best match first."""
        steps = self.steps()
        if which not in ("last", "best", *steps):
            allowed = ", ".join(map(str, steps)) or "none"
            raise UsageError(f"there is no checkpoint {which} in {self.folder}; there are last, best and: {allowed}")
        records = self._read_records(steps[::-1] if isinstance(which, str) else [which], skip)
        yield from self._best_first(list(records)) if which == "best" else records

    def _read_records(self, steps: Sequence[int], skip: Callable[[int, Damaged], None]) -> Iterator[Record]:
        for step in steps:
            try:
                record = read_record(self._record_path(step))
                if record["step"] != step:
                    raise Damaged(f"its record is of step {record['step']}")
            except Damaged as reason:
                skip(step, reason)
            else:
                yield record

    def _best_first(self, newest_first: Sequence[Record]) -> list[Record]:
        records = {record["step"]: record for record in newest_first}
        recorded = newest_first[0]["selection"] if newest_first else None
        selection = self.selection or (recorded and read_selection(recorded))
        return [records[step] for step in best_first({k: r["metrics"] for k, r in records.items()}, selection)]

    def _check_fit(self, record: Record, template: PyTree, partial: bool = False) -> None:
        here = layout(template)
        saved = {
            path: {name: leaf[name] for name in ("dtype", "shape")}
            for path, leaf in record["leaves"].items()
            if path in here or not partial
        }
        if path := first_difference(saved, here):
            raise UsageError(
                f"checkpoint {record['step']} in {self.folder} is of another configuration: {path} is "
                f"{describe(saved.get(path))} there and {describe(here.get(path))} here; "
                "give the configuration that it was trained with, or another run folder"
            )

    def _read_state(self, record: Record, template: PyTree, new_hyper: Mapping[str, Array]) -> TrainState:
        """Returns the state that a record belongs to, or raises Damaged."""
        is_new = lambda name: name in template.hyper and f"hyper/{name}" not in record["leaves"]
        new = {name: value for name, value in new_hyper.items() if is_new(name)}
        if new:
            template = template.replace(hyper={name: x for name, x in template.hyper.items() if name not in new})
        self._check_fit(record, template)
        arguments = ocp.args.StandardRestore(array_shapes(template))
        state = self._read(record, template, ocp.StandardCheckpointHandler(), arguments)
        return state.replace(hyper=state.hyper | new) if new else state

    def _read_networks(self, record: Record, networks: dict[str, PyTree]) -> dict[str, PyTree]:
        """Returns some fields of the state that a record belongs to, or raises Damaged."""
        self._check_fit(record, networks, partial=True)
        shapes = array_shapes(networks)
        placement = ocp.checkpoint_utils.construct_restore_args(shapes)
        arguments = ocp.args.PyTreeRestore(shapes, restore_args=placement, partial_restore=True)
        return self._read(record, networks, ocp.PyTreeCheckpointHandler(), arguments)

    def _read(self, record: Record, template: PyTree, handler: Any, arguments: Any) -> Any:
        """Returns what a handler of Orbax reads, each leaf verified, or raises Damaged."""
        with without_tracebacks(), ocp.Checkpointer(handler) as reader:
            try:
                arrays = reader.restore(self.folder / str(record["step"]) / "state", args=arguments)
            except Exception as error:  # The record fits the template: any other error of Orbax means damage.
                require_readable(self.folder / str(record["step"]), error)
                raise Damaged(f"its arrays cannot be read ({type(error).__name__})") from None
        try:
            state = from_arrays(arrays, template)
            hashes = fingerprint(state)
        except (TypeError, ValueError) as error:  # of what Orbax gives in place of arrays it does not find
            raise Damaged(f"its arrays are not those of the state ({type(error).__name__})") from None
        if path := first_difference({path: record["leaves"][path] for path in hashes}, hashes):
            raise Damaged(f"{path} is not as it was written")
        return state

    def _record_path(self, step: int) -> Path:
        return self.folder / str(step) / "record" / "metadata"

    def _metrics_of(self, step: int) -> Mapping[str, float]:
        try:
            return read_record(self._record_path(step))["metrics"]
        except Damaged:
            return {}

    def _report_damaged(self, step: int, reason: Damaged) -> None:
        if step not in self._reported:
            self._reported.add(step)
            self.say(f"checkpoint {step} in {self.folder} is damaged and skipped: {reason}")

    def _open_manager(self) -> ocp.CheckpointManager:
        if self._manager is None:
            rules = [policies.LatestN(self.keep), KeepBest(self.selection, self._metrics_of)]
            options = ocp.CheckpointManagerOptions(
                preservation_policy=policies.AnyPreservationPolicy(rules),
                cleanup_tmp_directories=True,
                # Renamed before it is deleted, so that a step's folder is never incomplete; see `wait`.
                todelete_subdir=DELETED,
                # Otherwise it reads a file of each step, which may be damaged.
                lightweight_initialize=True,
            )
            # It saves in threads, which log too.
            self._quiet.enter_context(quiet_orbax())
            self._manager = ocp.CheckpointManager(self.folder, options=options)
        return self._manager

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with without_tracebacks():
                yield
        except (OSError, ValueError, RuntimeError) as error:
            if is_lost(error):
                raise
            reason = " ".join(str(error).split())[:300]
            raise UsageError(
                f"cannot save a checkpoint in {self.folder} ({reason}): free the disk or make the folder writable, and "
                "run again; earlier checkpoints are intact"
            ) from error


def check_space(folder: Path, needed: int) -> None:
    """Raises OSError unless `needed` bytes are free, before Orbax' threads run out of space and print tracebacks."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(f"it takes {needed / 1e6:.1f} MB and {free / 1e6:.1f} MB are free")
