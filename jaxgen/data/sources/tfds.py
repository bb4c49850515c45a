"""Any data set of TensorFlow Datasets, read by random access, without TensorFlow and without a network."""

import contextlib
import difflib
import json
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.data import labels
from jaxgen.data.config import Config
from jaxgen.data.dataset import Dataset
from jaxgen.data.loading import from_records
from jaxgen.data.records import Contents, Example
from jaxgen.data.sources import SOURCES
from jaxgen.data.splits import held_out
from jaxgen.errors import UsageError
from jaxgen.io.text import parse_json, read_limited


class TfdsRecords:
    """The examples of one split.

    Attributes:
      name: of the set.
      source: random access to examples as TFDS decodes them.
      labelled: whether they have a class number.
    """

    def __init__(self, name: str, source: Any, labelled: bool):
        self.name, self.source, self.labelled = name, source, labelled

    def __len__(self) -> int:
        return len(self.source)

    def describe(self, index: int) -> str:
        """Returns the image's number and the set's name."""
        return f"image {index} of {self.name}"

    def read(self, indices: Sequence[int]) -> list[Example]:
        """Returns the examples at these indices."""
        with intact(self.name):
            examples = self.source.__getitems__([int(index) for index in indices])
        if self.labelled:
            return [{"image": example["image"], "label": np.int32(example["label"])} for example in examples]
        return [{"image": example["image"]} for example in examples]


def load_tfds(config: Config) -> Dataset:
    """Returns the images of a prepared set.

    A set without a split named test holds out every tenth image of train.

    Args:
      config: `name` as TFDS writes it (name, name/config, name:version), `dir` and `split` count.
    Raises:
      UsageError: if there is no such set, it is not prepared under `dir`, or it has no such split or no images.
    """
    builder = find(config.name, config.dir)
    features = dict(builder.info.features.items())
    if "image" not in features or features["image"].np_dtype != np.uint8:
        raise UsageError(f"{config.name} has no 8-bit images named image: it has {', '.join(features)}")
    label = features.get("label")
    labelled = label is not None and label.shape == () and np.issubdtype(label.np_dtype, np.integer)
    holds_out = config.split in {"train", "test"} and "test" not in builder.info.splits
    with intact(config.name):
        source = open_split(builder, config, "train" if holds_out else config.split)
        count = len(source)
    keep = held_out(count, config.split) if holds_out else np.arange(count)
    names = tuple(getattr(label, "names", None) or ()) if labelled else ()
    labels.check_number(names, config, config.name)
    return from_records(TfdsRecords(config.name, source, labelled), keep, config, Contents(class_names=names))


def find(name: str, folder: str) -> Any:
    """Returns the builder of a set that reads what is prepared under a folder.

    It is built from the files alone: a builder from the data set's code would access the network for a missing set.
    """
    try:
        import tensorflow_datasets as tfds
        from tensorflow_datasets.core.read_only_builder import builder_from_files
    except ModuleNotFoundError as error:
        needs = f"; the data sets of TensorFlow Datasets need {error.name}: pip install 'jaxgen[data]'"
        raise unknown_set(name, (), needs) from error

    # It recommends OpenCV whenever Pillow reads its images.
    logging.getLogger("absl").addFilter(is_no_advice)
    known = tfds.list_builders(with_community_datasets=False)
    require_own_features(name, folder)
    try:
        return builder_from_files(name, data_dir=folder or None)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        if base(name) not in known:
            raise unknown_set(name, known, f", and the {len(known)} of TFDS") from error
    if folder and not os.path.isdir(folder):
        raise UsageError(f"no folder {folder!r}: set data.dir to the folder under which TFDS prepared {name}")
    if folder and (inside := sorted(Path(folder).glob(f"*/{base(name)}"))):
        raise UsageError(f"{name} is not in {folder} but in {inside[0].parent}: set data.dir to {inside[0].parent}")
    raise UsageError(f"{name} is not prepared under {folder or 'the folder of TFDS'}: {how_to_prepare(name, folder)}")


def require_own_features(name: str, folder: str) -> None:
    """Raises UsageError where files of a prepared set name Python modules beside TFDS' own, which it would import."""
    is_name = re.fullmatch(r"\w+", base(name)) is not None
    for path in sorted(Path(folder).glob(f"{base(name)}/**/features.json")) if folder and is_name else ():
        try:
            content = json.dumps(parse_json(read_limited(path)))
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(f"{path} cannot be read ({error}): prepare {name} again") from error
        named = re.findall(r'"(?:pythonClassName|type)": "([^"]*)"', content)
        if other := [kind for kind in named if not kind.startswith("tensorflow_datasets.")]:
            raise UsageError(f"{path} names {other[0]:.100}, which is none of TFDS' features, and TFDS would import it")


def is_no_advice(record: logging.LogRecord) -> bool:
    """Returns whether a log line of TFDS is anything but its advice to install OpenCV."""
    return not record.getMessage().startswith("OpenCV is not installed")


@contextlib.contextmanager
def intact(name: str) -> Iterator[None]:
    """Raises UsageError where the reader of records detects a damaged file."""
    try:
        yield
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"the files of {name} are damaged, prepare it again: {reason}") from error


def base(name: str) -> str:
    """Returns a set's name without its configuration and version."""
    return name.partition("/")[0].partition(":")[0]


def unknown_set(name: str, known: Sequence[str], others: str) -> UsageError:
    """Returns the error for an unknown data set, which suggests the nearest names.

    Args:
      name: the unknown name.
      known: names of TFDS.
      others: text after the list of `SOURCES`.
    """
    # Without TFDS the name may well be right: mnist is not meant to be stacked_mnist.
    near = difflib.get_close_matches(name, [*SOURCES, *known], n=3, cutoff=0.5 if known else 0.6)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return UsageError(f"unknown data set {name!r}: {hint}allowed: {', '.join(SOURCES)}{others}")


def how_to_prepare(name: str, folder: str) -> str:
    """Returns the command that prepares a set so that it can be read here."""
    where = f", data_dir='{folder}'" if folder else ""
    build = f"tfds.builder('{name}'{where}, file_format='array_record').download_and_prepare()"
    return (
        "where there are TensorFlow and a network, run once: "
        f'python -c "import tensorflow_datasets as tfds; {build}", or set data.dir to the folder that holds it'
    )


def open_split(builder: Any, config: Config, split: str) -> Any:
    """Returns random access to one split of a prepared set."""
    try:
        return builder.as_data_source(split)
    except NotImplementedError as error:
        stored = builder.info.file_format.value
        how = how_to_prepare(config.name, config.dir)
        raise UsageError(f"{config.name} is prepared as {stored}, which has no random access: {how}") from error
    except (ValueError, KeyError, AssertionError) as error:
        splits = ", ".join(builder.info.splits)
        raise UsageError(f"{config.name} has no split {config.split!r}: it has {splits}, all, and slices") from error
