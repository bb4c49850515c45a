"""The image in README.md that shows every degradation on one photograph, each with its name under it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.degradations import DEGRADATIONS, Degradation
from jaxgen.degradations.geometry import lens, perspective, wave

SIDE = 192
COLUMNS = 6
SEED = 7
CORNERS = np.array([[0.1, 0.15], [-0.05, 0.0], [0.0, -0.1], [0.15, 0.05]], np.float32)

Degrade = Callable[[Array, Array], Any]
UNDAMAGED = "undamaged"


def example(entry: Degradation) -> Degrade:
    """Returns a degradation at the strength of its example, at the size of the original image."""
    degrade = partial(entry.function, **entry.example)
    if not entry.resizes:
        return degrade
    scale = entry.example["scale"]
    return lambda key, images: np.repeat(np.repeat(degrade(key, images), scale, 1), scale, 2)


SHOWN: dict[str, Degrade] = {
    UNDAMAGED: lambda key, images: images,
    **{entry.function.__name__: example(entry) for entry in DEGRADATIONS.values()},
    "lens": lambda key, images: lens(images, -0.14),
    "perspective": lambda key, images: perspective(images, jnp.asarray(CORNERS)),
    "wave": lambda key, images: wave(images, 0.02, 0.25),
}


def photograph() -> np.ndarray:
    """Returns float32[1, SIDE, SIDE, 3], the astronaut of scikit-image, which NASA put into the public domain."""
    from skimage import data
    from skimage.transform import resize

    small = np.asarray(resize(data.astronaut(), (SIDE, SIDE), anti_aliasing=True))
    return small.astype(np.float32)[None]


def damaged() -> dict[str, np.ndarray]:
    """Returns the photograph under each degradation, float32[SIDE, SIDE, 3] in [0, 1] by name."""
    image, key = jnp.asarray(photograph()), jax.random.key(SEED)
    made = {name: damage(key, image) for name, damage in SHOWN.items()}
    first = {name: result[0] if isinstance(result, tuple) else result for name, result in made.items()}
    return {name: np.clip(np.asarray(images[0]), 0, 1) for name, images in first.items()}


def draw(path: Path) -> None:
    """Writes the picture."""
    from matplotlib import pyplot as plt

    pictures = damaged()
    rows = -(-len(pictures) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(1.5 * COLUMNS, 1.68 * rows), dpi=110)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (name, picture) in zip(axes.flat, pictures.items(), strict=False):
        axis.imshow(picture)
        axis.set_title(name, fontsize=8, y=-0.14)
    figure.subplots_adjust(0.01, 0.02, 0.99, 0.99, wspace=0.04, hspace=0.12)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, pil_kwargs={"quality": 85})
    plt.close(figure)
