"""Real images that come inside scikit-learn and scikit-image: no download, and no import of either."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from jaxgen.data import resample
from jaxgen.data.config import Config
from jaxgen.data.dataset import Dataset
from jaxgen.data.loading import from_arrays
from jaxgen.data.sources.tiles import corners, tile_size
from jaxgen.data.splits import held_out
from jaxgen.errors import UsageError, unknown
from jaxgen.io import images

FACES = "skimage/data/lfw_subset.npy"
DIGITS = "sklearn/datasets/data/digits.csv.gz"
# The split is by photograph. Drawings, pages and images taken by instruments are left out.
ASTRONAUT = "skimage/data/astronaut.png"
COLOUR_PHOTOS = {
    "train": (
        "sklearn/datasets/images/china.jpg",
        "sklearn/datasets/images/flower.jpg",
        ASTRONAUT,
        "skimage/data/motorcycle_left.png",
        "skimage/data/rocket.jpg",
    ),
    "test": ("skimage/data/chelsea.png", "skimage/data/coffee.png"),
}
GREY_PHOTOS = {
    "train": (
        "skimage/data/brick.png",
        "skimage/data/coins.png",
        "skimage/data/grass.png",
        "skimage/data/gravel.png",
        "skimage/data/moon.png",
    ),
    "test": ("skimage/data/camera.png",),
}
DISTRIBUTIONS = {"sklearn": "scikit-learn", "skimage": "scikit-image"}
DEFAULT_WINDOW = 64  # pixels


def load_digits(config: Config) -> Dataset:
    """Returns scikit-learn's 1797 handwritten digits with their labels; every fifth is test.

    Raises:
      UsageError: if there is no such split.
    Reference: Alpaydin and Kaynak 1998, "Optical recognition of handwritten digits", UCI repository.
    """
    table = np.loadtxt(packaged(DIGITS), delimiter=",", dtype=np.int32)
    table = table[held_out(len(table), config.split, every=5)]
    return from_arrays(resample.to_uint8(table[:, :64].reshape(-1, 8, 8, 1) * (255 / 16)), table[:, 64], config)


def load_faces(config: Config) -> Dataset:
    """Returns a hundred grey faces of 25 pixels from scikit-image, every fifth test; the rest of its file shows none.

    Raises:
      UsageError: if there is no such split.
    Reference: Huang et al. 2007, "Labeled faces in the wild".
    """
    stored = np.load(packaged(FACES), allow_pickle=False)[:100, ..., None]
    return from_arrays(resample.to_uint8(stored[held_out(len(stored), config.split, every=5)] * 255), None, config)


def load_photos(config: Config) -> Dataset:
    """Returns overlapping tiles of photographs, of twice the image size where the photographs are large enough.

    Random crops of tiles are then random crops of photographs, and resized tiles are photographs at half their scale.
    Gray photographs are used for gray images only.

    Args:
      config: `split`, `channels` (0 is colour) and `size` (0 gives tiles of 128 pixels) count.
    Raises:
      UsageError: if there is no such split.
    """
    taken = [COLOUR_PHOTOS, GREY_PHOTOS] if config.channels == 1 else [COLOUR_PHOTOS]
    photographs = [photograph(file, config.channels or 3) for photos in taken for file in files(photos, config.split)]
    window = config.frame or (DEFAULT_WINDOW, DEFAULT_WINDOW)
    smallest = (min(photo.shape[0] for photo in photographs), min(photo.shape[1] for photo in photographs))
    height, width = tile_size(window, smallest)
    tiles = [
        photo[top : top + height, left : left + width]
        for photo in photographs
        for top, left in corners(photo.shape[:2], (height, width), (min(window[0], height), min(window[1], width)))
    ]
    return from_arrays(np.stack(tiles), None, config)


def load_picture(config: Config) -> Dataset:
    """Returns the one image `config.dir`, the same for every split; scikit-image's astronaut by default.

    Raises:
      UsageError: if there is none, or it cannot be read.
    """
    image = resample.to_uint8(images.read(config.dir or packaged(ASTRONAUT)) * 255)
    return from_arrays(image[None], None, config)


def files(photos: dict[str, tuple[str, ...]], split: str) -> tuple[str, ...]:
    """Returns the photographs of a split, or raises UsageError where there is no such split."""
    splits = photos | {"all": photos["train"] + photos["test"]}
    if split not in splits:
        raise unknown("split", split, splits)
    return splits[split]


def photograph(file: str, channels: int) -> np.ndarray:
    """Returns a photograph as uint8[height, width, channels]."""
    image = resample.to_uint8(images.read(packaged(file)) * 255)
    return resample.convert_channels(image[None], channels)[0]


def packaged(file: str) -> Path:
    """Returns where a file of an installed package lies, or raises UsageError where it does not."""
    package, *parts = file.split("/")
    spec = find_spec(package)
    locations = spec.submodule_search_locations if spec else None
    path = Path(locations[0], *parts) if locations else None
    if path is None or not path.is_file():
        name = DISTRIBUTIONS[package]
        raise UsageError(f"{parts[-1]} should come with {name} and is not there: pip install --upgrade {name}")
    return path
