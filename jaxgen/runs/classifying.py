"""Uses the classifier of a run: predicts the classes of image files, and scores it on the images of its data."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgen.data.sources.listing import list_folder
from jaxgen.errors import UnfinishedError, UsageError
from jaxgen.evaluation import classification
from jaxgen.io.text import write_atomically
from jaxgen.restoration.folders import first_names, list_images
from jaxgen.restoration.plans import prepare_output
from jaxgen.runs import reopen, scoring
from jaxgen.runs.codes import read_images
from jaxgen.runs.data.class_names import class_names
from jaxgen.runs.reopen import DEFAULTS, Built, OpenOptions
from jaxgen.training import progress
from jaxgen.training.state import Classifying, Objective

SUFFIX = ".csv"


class Prediction(NamedTuple):
    """The predicted class of an image.

    Attributes:
      path: of the file.
      label: name of the class, or its number where the data have no names.
      probability: of that class, in [0, 1].
    """

    path: Path
    label: str
    probability: float


def require_classifying(objective: Objective, run: Path) -> Classifying:
    """Returns how a run predicts classes, or raises UsageError where it does not."""
    if objective.classifying is None:
        raise UsageError(f"{run}: this run is no classifier; give one of the experiment classifier")
    return objective.classifying


def predict_files(
    run: Path,
    paths: Sequence[Path],
    out: Path | None = None,
    *,
    overwrite: bool = False,
    options: OpenOptions = DEFAULTS,
    say: Callable[[str], None] = progress.say,
) -> Iterator[str]:
    """Predicts the classes of images, and yields the lines to print: a table, or a summary of a CSV file.

    Images are converted to the run's size and channels, as the data set of a folder is.

    Args:
      run: run folder of a classifier.
      paths: images, and folders that are searched with the folders in them.
      out: CSV file of columns picture, class, probability; None: the table is yielded, a line for each image.
      overwrite: whether an existing file is replaced.
      options: how the run is opened.
      say: takes warnings, and the images that cannot be read.
    Raises:
      UsageError: if the run is no classifier, there is no image, or the file cannot be written.
      UnfinishedError: at the end, if some of several images could not be read.
    """
    if out is not None:
        prepare_output(out, suffix=SUFFIX, overwrite=overwrite)
    files = [file for path in paths for file in find_images(path, say)]
    built = reopen.build(run, options, say)
    classifying = require_classifying(built.objective, run)
    opened = reopen.load_weights(built, options, say)
    predict = classification.predictor(classifying, opened.variables)
    labels = classification.class_labels(classifying, class_names(built.path))
    failed: list[Path] = []
    width = max(len(str(path)) for path in files)
    column = max(len("class"), *map(len, labels))
    if out is None:
        yield f"{'picture':{width}}  {'class':{column}}  probability"
    predictions = []
    for first in range(0, len(files), classification.BATCH):
        images, read = [], []
        for path in files[first : first + classification.BATCH]:
            try:
                images.append(read_images([path], built)[0])
                read.append(path)
            except UsageError as error:
                if len(files) == 1:
                    raise
                failed.append(path)
                say(f"FAILED {error}")
        for path, each in zip(read, predict(np.stack(images)) if images else (), strict=True):
            predictions.append(Prediction(path, labels[each.argmax()], float(each.max())))
            if out is None:
                yield f"{path!s:{width}}  {predictions[-1].label:{column}}  {predictions[-1].probability:11.4f}"
    if out is not None:
        write_csv(out, predictions)
        counted = Counter(prediction.label for prediction in predictions)
        by_class = ", ".join(f"{counted[label]} of class {label}" for label in labels if counted[label])
        yield f"{out}  {len(predictions)} images: {by_class}"
    if failed:
        raise UnfinishedError(f"{len(failed)} of {len(files)} images cannot be read: {first_names(failed)}")


def find_images(path: Path, say: Callable[[str], None]) -> list[Path]:
    """Returns a file alone, or the images that a data set of the folder has, and says what is skipped in it.

    Raises:
      UsageError: if there is nothing at the path, or no image in the folder.
    """
    if not path.is_dir():
        return list_images(path)
    listing = list_folder(path)
    if skipped := listing.skipped_line():
        say(skipped)
    return [path / file.name for file in listing.files]


def write_csv(out: Path, predictions: Sequence[Prediction]) -> None:
    """Writes predictions to a CSV file, a row for each image.

    Raises:
      UsageError: if it cannot be written.
    """
    content = io.StringIO()
    rows = csv.writer(content, lineterminator="\n")
    rows.writerow(("picture", "class", "probability"))
    rows.writerows((path, label, f"{probability:.6f}") for path, label, probability in predictions)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, content.getvalue())
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from error


def evaluate_classifier(
    run: Path | Built,
    *,
    count: int = 10_000,
    reference: str = "test",
    options: OpenOptions = DEFAULTS,
    out: Path | None = None,
    show: scoring.Show = scoring.show_nothing,
    say: Callable[[str], None] = progress.say,
) -> dict[str, Any]:
    """Computes the scores of a run's classifier, and appends them to RUN/evaluations.jsonl.

    Args:
      run: the run folder, or a run that is built.
      count: number of images, at most those of the split.
      reference: split of the images, "test" or "train".
      options: how the run is opened.
      out: file that the result is appended to; None: RUN/evaluations.jsonl.
      show: takes the result before it is written.
      say: takes warnings.
    Returns:
      {"step", "checkpoint", "scores", "classes", "confusion", "protocol"}, see `evaluation.classification.evaluate`.
    Raises:
      UsageError: if the run is no classifier or cannot be opened, or its data have no labels.
    """
    scoring.require_appendable(out)
    built = reopen.as_built(run, options, say)
    classifying = require_classifying(built.objective, built.path)
    opened = reopen.load_weights(built, options, say)
    evaluation = classification.evaluate(
        classifying,
        opened.variables,
        built.config.data,
        names=class_names(built.path),
        count_images=count,
        reference=reference,
        ema=options.ema,
    )
    evaluation = {"step": opened.step, "checkpoint": options.checkpoint, **evaluation}
    show(evaluation)
    scoring.append(out or built.path / scoring.FILE, evaluation, say)
    return evaluation
