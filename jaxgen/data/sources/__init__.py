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
      about: what it holds, for the help.
      derivable: whether a run's images may replace its own (`Config.from_run`): runs make single images, not pairs or
        stacks.
    """

    function: str
    about: str
    derivable: bool = True

    def load(self, config: "Config") -> "Dataset":
        """Returns the images of a configuration.

        Raises:
          UsageError: if they are not where they should be, or do not come to the shape asked for.
        """
        module, function = self.function.split(":")
        return getattr(import_module(f"jaxgen.data.sources.{module}"), function)(config)


SOURCES = {
    "digits": Source("embedded:load_digits", "8x8 handwritten digits, installed with scikit-learn"),
    "faces": Source("embedded:load_faces", "25x25 gray faces, installed with scikit-image"),
    "photos": Source("embedded:load_photos", "photographs installed with scikit-learn and scikit-image"),
    "picture": Source("embedded:load_picture", "the one image in the file dir", derivable=False),
    "npz": Source("npz:load_npz", "the arrays in the .npz file dir"),
    "folder": Source("folder:load_folder", "the images in the folder dir"),
    "pairs": Source("pairs:load_pairs", "the images in the folder dir, their targets in target_dir", derivable=False),
    "stacked_mnist": Source("stacked_mnist:load_stacked", "three digits of MNIST in one color image", derivable=False),
}
TFDS = Source("tfds:load_tfds", "any other name is a prepared data set of TFDS")


def find(name: str) -> Source:
    """Returns the source of a name. A name that is not in `SOURCES` is one of TFDS, which knows what it has."""
    return SOURCES.get(name, TFDS)


def describe() -> str:
    """Returns the sources by name, for the help."""
    return "; ".join([*(f"{name}: {source.about}" for name, source in SOURCES.items()), TFDS.about])
