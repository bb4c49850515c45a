"""Trains the classifier that distinguishes hazy photographs from others; see `jaxgen.restoration.analysis.haze`."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import jax
import numpy as np
from scipy import ndimage, special

from jaxgen.degradations.compression import jpeg
from jaxgen.degradations.scattering import random_haze
from jaxgen.io import photographs
from jaxgen.restoration.analysis.haze import MIN_CONFIDENCE, features
from shipping.boosting import fit
from shipping.regions import center, is_held_out, pictures, write

NAME = "classify_haze"
DENSITIES = (0.3, 0.7, 1.2, 2.0)
"""Scattering coefficients of haze, for depths up to 1, between each two of which one is drawn for each photograph."""
BLUR, NOISE, QUALITY = 2.0, 25 / 255, 10
"""Of the damaged, but not hazy, photographs: standard deviations in pixels and in [0, 1], and JPEG's quality."""

compressed = jax.jit(lambda images: jpeg(images, QUALITY))
hazed = jax.jit(lambda key, images, beta: random_haze(key, images, beta=(beta, beta))[0])


def examples(paths: list[Path]) -> Iterator[tuple[np.ndarray, float]]:
    """Yields the measurements of photographs and drawings and the scattering coefficient of their haze, 0: none.

    Drawings get no haze: in front of an imagined subject it cannot be known.
    """
    for index, path in enumerate(paths):
        image = center(photographs.read(path).pixels)
        if image is None:
            continue
        yield features(image), 0.0
        if path.stem.startswith("drawn"):
            continue
        random = np.random.default_rng(index)
        yield features(ndimage.gaussian_filter(image, (BLUR, BLUR, 0))), 0.0
        yield features(np.clip(image + NOISE * random.standard_normal(image.shape, np.float32), 0, 1)), 0.0
        yield features(np.asarray(compressed(image[None])[0])), 0.0
        for low, high in pairwise(DENSITIES):
            beta = float(random.uniform(low, high))
            hazy = hazed(jax.random.key(int(random.integers(2**31))), image[None], beta)
            yield features(np.asarray(hazy[0])), beta


def table(paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the measurements of `examples`, float32[n, k], and the scattering coefficients, float[n]."""
    rows, densities = zip(*examples(paths), strict=True)
    return np.stack(rows), np.array(densities)


def make(folders: Sequence[Path], out: Path, training: str, say: Callable[[str], None]) -> str:
    """Trains the classifier, writes its file and returns the file's sha256.

    Args:
      folders: of undamaged PNG files, of which a fifth is held out for the scores of the card.
      out: folder of the file.
      training: the machine and the time that training takes, for the card.
      say: takes a line for each score.
    Raises:
      UsageError: if the folders have no PNG files.
    """
    paths = pictures(folders)
    rows, densities = table([path for path in paths if not is_held_out(path)])
    module, variables = fit(rows, densities > 0)
    rows, densities = table([path for path in paths if is_held_out(path)])
    counts = special.expit(np.asarray(module.apply(variables, rows, False))) >= MIN_CONFIDENCE
    scores = {"held-out pictures without haze that count as hazy": share(counts[densities == 0])}
    for low, high in pairwise(DENSITIES):
        is_between = (densities > low) & (densities <= high)
        scores[f"held-out pictures with haze of β {low} to {high} that count"] = share(counts[is_between])
    for score, value in scores.items():
        say(f"{score}: {value}")
    texts = {"damage": "haze", "training": training, "scores": scores}
    return write(NAME, out, module, variables, folders, "photographs", **texts)


def share(counts: np.ndarray) -> str:
    """Returns the share of true values as text."""
    return f"{counts.mean():.3f} of {len(counts)}"
