"""Fills a hole in an image with a run's generator, by search for a latent that fits the known pixels."""

import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from jaxgen.config.gan import classes
from jaxgen.errors import UsageError
from jaxgen.io import images
from jaxgen.objectives.latent_search import Filled, make_latent_search
from jaxgen.restoration.masks import Color, read_mask
from jaxgen.restoration.plans import prepare_output
from jaxgen.runs import reopen
from jaxgen.runs.reopen import DEFAULTS, OpenOptions, require_generative
from jaxgen.training import execute, progress

ADVICE = "a hole is filled by a run of a GAN or a VAE"
STEPS = 300
RESTARTS = 16
MIN_ERROR = 1e-12
"""Mean squared error below which two images count as equal, so that the PSNR is finite."""


def fill(opened: reopen.Opened, inputs: np.ndarray, masks: np.ndarray, seed: int = 0, steps: int = STEPS) -> Filled:
    """Fills the holes of images with a run's generator, see `latent_search.make_latent_search`.

    Args:
      opened: the run.
      inputs: float[b, h, w, c] in [0, 1], of the size of the run's images.
      masks: [b, h, w, 1], 1 in the holes.
      seed: seed of the initial latents.
      steps: optimization steps.
    Raises:
      UsageError: if the run generates no images.
    """
    generative = require_generative(opened.objective, ADVICE)
    num_classes = classes(opened.config)
    restarts = max(RESTARTS, num_classes)
    search = make_latent_search(
        generative.generate, generative.latent_size, classes=num_classes, restarts=restarts, steps=steps
    )
    return execute.jit_on_first_device(search)(opened.variables, inputs, masks, jax.random.key(seed))


def fill_file(
    run: Path,
    source: Path,
    mask: Path,
    *,
    mask_color: Color | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    seed: int = 0,
    steps: int = STEPS,
    options: OpenOptions = DEFAULTS,
    say: Callable[[str], None] = progress.say,
) -> str:
    """Fills the hole in an image file and returns one line about the result.

    Args:
      run: run folder of a generator.
      source: the image file, of the size of the run's images.
      mask: an image of the same size, white in the hole.
      mask_color: of the hole in it; see `restoration.masks.mask_of`.
      out: the file to write; None: SOURCE-filled.png in the same folder. Known pixels keep their values, exactly in
        a lossless format.
      overwrite: whether to replace an existing file.
      seed: seed of the initial latents.
      steps: optimization steps.
      options: how the run is opened.
      say: takes warnings.
    Raises:
      UsageError: if the run cannot be opened or is no generator, an image cannot be read, sizes differ, the mask is
        empty or full, or covers more than half and no color is given, or the result would replace an input.
    """
    begin = time.perf_counter()
    out = out or source.with_name(f"{source.stem}-filled.png")
    if out.resolve() in (source.resolve(), mask.resolve()):
        raise UsageError(f"{out} would be replaced by the result: name another file with --out")
    prepare_output(out, overwrite=overwrite)
    built = reopen.build(run, options, say)
    require_generative(built.objective, ADVICE)
    image = read_image(source, built.image_shape)
    hidden = read_mask(mask, image, color=mask_color)
    opened = reopen.load_weights(built, options, say)
    filled = jax.tree.map(np.asarray, fill(opened, image[None], hidden[None], seed, steps))
    images.write(out, filled.images[0])
    label = f"class {filled.labels[0]}, " if classes(opened.config) else ""
    psnr = -10 * np.log10(max(filled.error[0], MIN_ERROR))
    return f"{out}  {label}PSNR of the known pixels {psnr:.1f} dB, {time.perf_counter() - begin:.1f} s"


def read_image(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Reads an image of the expected shape, float32[height, width, channel] in [0, 1].

    Raises:
      UsageError: if it cannot be read or has another shape.
    """
    image = images.read(path)
    if image.shape != tuple(shape):
        actual, expected = (f"{w}×{h} pixels in {'color' if c == 3 else 'gray'}" for h, w, c in (image.shape, shape))
        raise UsageError(f"{path} has {actual} and the run's images have {expected}: give an image of that size")
    return image
