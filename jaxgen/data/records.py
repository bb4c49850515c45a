"""Images that are read one by one, by random access: brought to one shape, and gathered into arrays."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import numpy as np

from jaxgen.data import labels, resample
from jaxgen.data.config import Config
from jaxgen.errors import UsageError

Example = dict[str, Any]
"""Arrays of one image by name: image, label, target."""
IMAGE_FIELDS = ("image", "target")
"""Names of the arrays of an example that are images."""

# Records that a thread reads at a time: many enough to amortise the hand-over, few enough to balance the threads.
CHUNK = 256


class File(NamedTuple):
    """A file under a folder.

    Attributes:
      name: its path below the folder, with "/" between the parts.
      bytes: its size.
      time: of its last change, in nanoseconds since 1970.
      sha256: of its content; empty where that was not asked for.
    """

    name: str
    bytes: int
    time: int
    sha256: str = ""


class Contents(NamedTuple):
    """What a source was found to hold.

    Attributes:
      class_names: of the labels 0, 1, …; empty where they have none.
      files: that the images of the split are read from, named by their paths in their folder; empty where they are not
        files of their own.
      damaged: names of the files that were left out because they cannot be read.
      lines: for the user: the number and sizes of images, their classes, and what was skipped and why.
    """

    class_names: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    lines: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


NOTHING = Contents()


class Records(Protocol):
    """Random access to examples: "image" uint8[height, width, channel], "label" int32[] where there are labels, and of
    pairs "target", the image as it should be."""

    def __len__(self) -> int: ...

    def read(self, indices: Sequence[int]) -> list[Example]:
        """Returns the examples at these indices. Several threads may call it at once."""
        ...

    def describe(self, index: int) -> str:
        """Returns the name of one record for errors: its file, or its number."""
        ...


class Fitted:
    """Some of the records, brought to the size and channels of a configuration.

    Attributes:
      records: as they are stored.
      keep: int[n], which of them.
      config: its `size`, `channels` and `fit` count.
      first: the first example, whose shape all have.
    """

    def __init__(self, records: Records, keep: np.ndarray, config: Config):
        self.records, self.keep, self.config = records, keep, config
        self.first = self.fit(int(keep[0]), *records.read([int(keep[0])]))

    def __len__(self) -> int:
        return len(self.keep)

    def describe(self, index: int) -> str:
        """Returns what to call one record in an error."""
        return self.records.describe(int(self.keep[index]))

    def read(self, indices: Sequence[int]) -> list[Example]:
        """Returns the examples at these indices.

        Raises:
          UsageError: if an image cannot be read, or does not come to the shape of the first.
        """
        stored = [int(self.keep[index]) for index in indices]
        examples = [self.fit(index, example) for index, example in zip(stored, self.records.read(stored), strict=True)]
        expected = self.first["image"].shape
        for index, example in zip(indices, examples, strict=True):
            for shape in (example[name].shape for name in IMAGE_FIELDS if name in example):
                if shape != expected:
                    raise UsageError(
                        f"{self.describe(index)} is {dimensions(shape)} and {self.describe(0)} is "
                        f"{dimensions(expected)}: give a size, and channels 1 or 3, that all images are brought to"
                    )
            labels.check(example.get("label"), self.config, self.describe(index))
        return examples

    def fit(self, stored: int, example: Example) -> Example:
        """Returns one record in the configuration's size and channels."""
        try:
            fields = {name: example[name] for name in IMAGE_FIELDS if name in example}
            return example | {name: resample.fit(x[None], self.config)[0] for name, x in fields.items()}
        except UsageError as error:
            raise UsageError(f"{self.records.describe(stored)}: {error}") from None


def dimensions(shape: Sequence[int]) -> str:
    """Returns a shape as text, as in 480x640x3."""
    return "x".join(map(str, shape))


def gather(records: Records, indices: Sequence[int] | np.ndarray) -> dict[str, np.ndarray]:
    """Returns examples as arrays, {"image": uint8[n, height, width, channel], …}."""
    examples = records.read([int(index) for index in indices])
    return {name: np.stack([example[name] for example in examples]) for name in examples[0]}


def gather_all(records: Fitted) -> dict[str, np.ndarray]:
    """Returns every example as arrays, read by as many threads as there are cores."""
    arrays = {name: np.empty((len(records), *x.shape), x.dtype) for name, x in records.first.items()}

    def fill(start: int) -> None:
        chunk = gather(records, range(start, min(start + CHUNK, len(records))))
        for name, x in arrays.items():
            x[start : start + CHUNK] = chunk[name]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fill, range(0, len(records), CHUNK)))
    return arrays
