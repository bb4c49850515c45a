"""The picture in README that shows every degradation on one photograph, each with its name under it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen import degradations as d
from jaxgen.degradations.geometry import lens, perspective, wave

SIDE = 192
COLUMNS = 6
SEED = 7
CORNERS = np.array([[0.1, 0.15], [-0.05, 0.0], [0.0, -0.1], [0.15, 0.05]], np.float32)

Damage = Callable[[Array, Array], Any]
SHOWN: dict[str, Damage] = {
    "undamaged": lambda key, images: images,
    "gaussian_noise": partial(d.gaussian_noise, sigma=0.12),
    "poisson_noise": partial(d.poisson_noise, peak=30.0),
    "speckle": partial(d.speckle, sigma=0.25),
    "salt_and_pepper": partial(d.salt_and_pepper, amount=0.08),
    "rician_noise": partial(d.rician_noise, sigma=0.15),
    "blur": partial(d.blur, sigma=2.0),
    "anisotropic_blur": partial(d.anisotropic_blur, sigma_x=3.5, sigma_y=0.7, angle=0.5),
    "motion_blur": partial(d.motion_blur, length=13.0, angle=0.5),
    "downsample": lambda key, images: np.repeat(np.repeat(d.downsample(key, images, 4), 4, 1), 4, 2),
    "jpeg": partial(d.jpeg, quality=8),
    "bsrgan": lambda key, images: np.repeat(np.repeat(d.bsrgan(key, images, 2), 2, 1), 2, 2),
    "real_esrgan": lambda key, images: np.repeat(np.repeat(d.real_esrgan(key, images, 2), 2, 1), 2, 2),
    "haze": partial(d.haze, beta=(1.4, 1.5)),
    "rust": d.rust,
    "foxing": d.foxing,
    "stain": d.stain,
    "holes": d.holes,
    "tears": d.tears,
    "scratches": d.scratches,
    "lens": lambda key, images: lens(images, -0.14),
    "perspective": lambda key, images: perspective(images, jnp.asarray(CORNERS)),
    "wave": lambda key, images: wave(images, 0.02, 0.25),
    "warp": d.warp,
    "old_photo": d.old_photo,
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
