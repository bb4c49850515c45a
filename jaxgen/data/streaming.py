"""Batches of a set too large for memory, read ahead by random access in the order that a set in memory has."""

from typing import Any, cast

import numpy as np

from jaxgen.data import order
from jaxgen.data.records import Records, gather
from jaxgen.errors import requires

THREADS = 8
READ_AHEAD = 16  # batches


class Steps:
    """Batches by their step, as grain reads them: any one costs the same."""

    def __init__(self, records: Records, seed: int, batch: int, positions: np.ndarray | None = None):
        self.records, self.seed, self.batch = records, seed, batch
        self.positions = slice(None) if positions is None else positions

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, step: int) -> dict[str, np.ndarray]:
        return gather(self.records, order.window(self.seed, step, 1, self.batch, len(self.records))[0, self.positions])


class Stream:
    """Batches step after step, while threads read those that come next.

    Args:
      records: the set.
      seed: of its order.
      batch: images a step.
      positions: which of a step's images are read, int[n], in that order; None: all.
    """

    def __init__(self, records: Records, seed: int, batch: int, positions: np.ndarray | None = None):
        self.steps = Steps(records, seed, batch, positions)
        self.batches: Any = None
        self.next_step: int | None = None

    def fetch(self, first_step: int, steps: int) -> dict[str, np.ndarray]:
        """Returns several steps' batches; going on from where the last call ended is what was read ahead.

        Args:
          first_step: from 0 to 2³¹ - 1.
          steps: at least 1.
        Returns:
          {"image": uint8[steps, batch, height, width, channel], "label": int32[steps, batch] where there are labels},
          where `batch` is the number of positions, if there are any.
        """
        if first_step != self.next_step:
            self.seek(first_step)
        self.next_step = None  # what a failed read leaves behind is not where the next one starts
        taken = [next(self.batches) for _ in range(steps)]
        self.next_step = first_step + steps
        return {name: np.stack([batch[name] for batch in taken]) for name in taken[0]}

    def seek(self, step: int) -> None:
        """Reads ahead from another step."""
        with requires("data", "a data set larger than data.memory"):
            import grain

        if self.batches is not None:
            self.batches.close()
        options = grain.ReadOptions(num_threads=THREADS, prefetch_buffer_size=READ_AHEAD)
        self.batches = iter(grain.MapDataset.source(cast(Any, self.steps))[step:].to_iter_dataset(options))
