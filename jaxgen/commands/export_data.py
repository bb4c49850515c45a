"""`jaxgen export-data`: writes images and their labels to one .npz file."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from jaxgen.commands.options import RangedOptions
from jaxgen.data.config import Fit
from jaxgen.errors import UsageError
from jaxgen.fields import NonNegativeInt


@dataclass(frozen=True, kw_only=True)
class Command(RangedOptions):
    """Writes a folder of images, or another data set, to one .npz file.

    The file holds image, test_image, label and test_label where there are any, and class_names; it is read by
    --data.name npz --data.dir FILE.npz.

    Examples:
        jaxgen export-data photos photos.npz --size 64 --channels 3
        jaxgen export-data ~/tensorflow_datasets mnist.npz --name mnist
    """

    folder: Positional[Path]
    """What --data.dir is for that data set: of folder the folder of images."""
    out: Positional[Path]
    """File to write, .npz."""
    name: str = "folder"
    """Data set, as --data.name in training."""
    split: str = "both"
    """both (train and test), or one split."""
    size: NonNegativeInt = 0
    """Height and width in pixels (default: as stored)."""
    channels: NonNegativeInt = 0
    """1 for gray, 3 for color (default: as stored)."""
    fit: Fit = "resize"
    """How images are brought to their size; crop keeps them larger, for crops in training."""
    skip_damaged: bool = False
    """Leave out images that cannot be read."""
    overwrite: bool = False
    """Replace a file that exists."""

    def __call__(self) -> None:
        """Writes the file and prints its arrays."""
        from jaxgen.data.config import Config
        from jaxgen.data.export import gather_splits, write_archive
        from jaxgen.io.text import require_writable

        if self.out.suffix != ".npz":
            raise UsageError(f"{self.out}: give a name that ends in .npz")
        if self.out.exists() and not self.overwrite:
            raise UsageError(f"{self.out} exists: give --overwrite, or another name")
        require_writable(self.out.parent)
        names = ("name", "split", "size", "channels", "fit", "skip_damaged")
        config = Config(dir=str(self.folder.expanduser()), **{name: getattr(self, name) for name in names})
        print("\n".join(write_archive(self.out, gather_splits(config))))
