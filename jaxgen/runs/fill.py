"""A hole in a picture filled by a run that generates pictures: from files to a file."""

import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from jaxgen.config.gan import classes
from jaxgen.errors import UsageError
from jaxgen.io import images
from jaxgen.objectives.latent_search import Filled, make_latent_search
from jaxgen.restoration.files import make_writable_folder, read_mask
from jaxgen.runs import reopen
from jaxgen.runs.reopen import DEFAULTS, OpenOptions
from jaxgen.training import execute, progress
from jaxgen.training.state import Generative, Objective

STEPS = 300
RESTARTS = 16
EXACT = 1e-12


def fill(opened: reopen.Opened, pictures: np.ndarray, masks: np.ndarray, seed: int = 0, steps: int = STEPS) -> Filled:
    """Returns pictures whose holes a run's generator fills, see `latent_search.make_latent_search`.

    Args:
      opened: the run.
      pictures: float[b, h, w, c] in [0, 1], of the shape that the generator draws.
      masks: [b, h, w, 1], 1 where a picture is to be filled.
      seed: of the latents from which the search begins.
      steps: of the search.
    Raises:
      UsageError: if the run generates nothing.
    """
    generative = require_generator(opened.objective)
    known = classes(opened.config)
    search = make_latent_search(
        generative.generate, generative.latent_size, classes=known, restarts=max(RESTARTS, known), steps=steps
    )
    return execute.jit_on_first_device(search)(opened.variables, pictures, masks, jax.random.key(seed))


def fill_file(
    run: Path,
    picture: Path,
    mask: Path,
    *,
    out: Path | None = None,
    overwrite: bool = False,
    seed: int = 0,
    steps: int = STEPS,
    options: OpenOptions = DEFAULTS,
    say: Callable[[str], None] = progress.say,
) -> str:
    """Fills the hole in a picture and returns what happened, in one line.

    Args:
      run: folder of a run that generates pictures.
      picture: the file with the hole, of the shape of the run's pictures.
      mask: a picture of the same size, white where it is to be filled.
      out: the file to write; None: PICTURE-filled.png beside the picture. What is known stays as it is, to the bit
        where the format loses nothing.
      overwrite: whether a file that is there is replaced.
      seed: of the latents from which the search begins.
      steps: of the search.
      options: how the run is opened.
      say: takes warnings.
    Raises:
      UsageError: if the run cannot be opened or generates nothing, a picture cannot be read, their sizes do not belong
        together, there is nothing to fill or nothing known, or the result would replace what was given.
    """
    begin = time.perf_counter()
    out = out or picture.with_name(f"{picture.stem}-filled.png")
    if out.resolve() in (picture.resolve(), mask.resolve()):
        raise UsageError(f"{out} would be replaced by the result: name another file with --out")
    if out.exists() and not overwrite:
        raise UsageError(f"{out} is there already: name another file with --out, or replace it with --overwrite")
    make_writable_folder(out.parent)
    built = reopen.build(run, options, say)
    require_generator(built.objective, run)
    image = read_picture(picture, built.image_shape)
    hidden = read_mask(mask, image.shape)
    opened = reopen.load_weights(built, options, say)
    found = jax.tree.map(np.asarray, fill(opened, image[None], hidden[None], seed, steps))
    images.write(out, found.images[0])
    chosen = f" as class {found.labels[0]}" if classes(opened.config) else ""
    # At equality there is no number of dB.
    agreement = -10 * np.log10(max(found.error[0], EXACT))
    agrees = f"drawn{chosen}, agrees with what is known to {agreement:.1f} dB"
    return f"{out}  {agrees}, {time.perf_counter() - begin:.1f} s"


def require_generator(objective: Objective, run: Path | None = None) -> Generative:
    """Returns what an objective draws from latents, or raises UsageError where it draws nothing."""
    if objective.generative is None:
        told = f"{run}: " if run else ""
        raise UsageError(f"{told}{reopen.NOTHING_GENERATED}; a hole is filled by a run of a GAN or a VAE")
    return objective.generative


def read_picture(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Returns a picture of a given shape, float32[height, width, channel] in [0, 1].

    Raises:
      UsageError: if it cannot be read or has another shape.
    """
    image = images.read(path)
    if image.shape != tuple(shape):
        given, wanted = (f"{w}×{h} pixels in {'colour' if c == 3 else 'grey'}" for h, w, c in (image.shape, shape))
        raise UsageError(f"{path} has {given} and the run draws {wanted}: give a picture as the run's are")
    return image
