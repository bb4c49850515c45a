"""The data sources by name: the one list from which option, help and error messages are derived.

A source is a function (config) -> Dataset in a module of this package, which is imported when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from jaxgen.data.config import Config
    from jaxgen.data.dataset import Dataset


class Source(NamedTuple):
    """A data source.

    Attributes:
      function: "module:function" in `jaxgen.data.sources`.
      about: what it holds, for help and tables.
      folder: what `Config.dir` is for it; empty: it has no effect.
      held_out: its test split, for tables.
      derivable: whether a run's images may replace its own (`Config.from_run`): runs make single images, not pairs or
        stacks.
    """

    function: str
    about: str
    folder: str = ""
    held_out: str = "every tenth image"
    derivable: bool = True

    def load(self, config: "Config") -> "Dataset":
        """Returns the images of a configuration.

        Raises:
          UsageError: if they are not where they should be, or do not come to the shape asked for.
        """
        module, function = self.function.split(":")
        return getattr(import_module(f"jaxgen.data.sources.{module}"), function)(config)


SOURCES = {
    "digits": Source(
        "embedded:load_digits", "1,797 handwritten digits of 8x8 pixels, in scikit-learn", held_out="every fifth image"
    ),
    "faces": Source(
        "embedded:load_faces", "100 gray faces of 25x25 pixels, in scikit-image", held_out="every fifth image"
    ),
    "photos": Source(
        "embedded:load_photos",
        "tiles of photographs, in scikit-learn and scikit-image",
        held_out="the photographs chelsea and coffee, in gray also camera",
    ),
    "picture": Source(
        "embedded:load_picture",
        "a single image",
        "the image file; empty: a photograph of scikit-image",
        "none: every split is that image",
        derivable=False,
    ),
    "npz": Source(
        "npz:load_npz", "arrays of images and perhaps labels", "the .npz file", "test_image, or every tenth image"
    ),
    "folder": Source(
        "folder:load_folder",
        "images in a folder and its subfolders, which may be their classes",
        "the folder",
        "a tenth of the images, by the hash of their names",
    ),
    "pairs": Source(
        "pairs:load_pairs",
        "images and their targets, by the same names in two folders",
        "the folder of input images; target_dir: that of the targets",
        "a tenth of the pairs, by the hash of their names",
        derivable=False,
    ),
    "stacked_mnist": Source(
        "stacked_mnist:load_stacked",
        "three digits of MNIST as red, green and blue",
        "the data folder of TFDS with mnist, or an .npz file of MNIST",
        "MNIST's test split",
        derivable=False,
    ),
}
TFDS = Source(
    "tfds:load_tfds",
    "any other name is a prepared data set of TFDS",
    "the data folder of TFDS; empty: its default",
    "its test split, or every tenth image",
)


def find(name: str) -> Source:
    """Returns the source of a name. A name that is not in `SOURCES` is one of TFDS, which knows what it has."""
    return SOURCES.get(name, TFDS)


def describe() -> str:
    """Returns the sources by name, for the help."""
    return "; ".join([*(f"{name}: {source.about}" for name, source in SOURCES.items()), TFDS.about])


def describe_folders() -> str:
    """Returns what `Config.dir` is for each source, for the help."""
    return "; ".join(
        [*(f"{name}: {source.folder}" for name, source in SOURCES.items() if source.folder), f"others: {TFDS.folder}"]
    )
