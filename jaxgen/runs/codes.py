"""Compresses image files to the codes of a variational autoencoder, and decodes them."""

import dataclasses
import math
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgen.data.resample import fit, to_uint8
from jaxgen.data.sources.npz import read_array
from jaxgen.errors import UsageError
from jaxgen.io import images
from jaxgen.restoration.folders import list_images
from jaxgen.restoration.plans import make_writable_folder, prepare_output
from jaxgen.runs import reopen
from jaxgen.runs.disk.digests import digest
from jaxgen.runs.reopen import DEFAULTS, Built, OpenOptions, require_generative
from jaxgen.training import execute, progress
from jaxgen.training.state import Latent, Objective

STEP = 0.25
SUFFIX = ".npz"
ARRAYS = ("names", "numbers", "step", "run_step", "digest")
"""Arrays of a file of codes."""
MAX_GRAY = 255


class Codes(NamedTuple):
    """The content of a file of codes.

    Attributes:
      names: names of the images, without suffix.
      quantized: int16[images, latent], codes in units of `step`.
      step: quantization step, in standard deviations of the prior.
      run_step: training step of the run whose encoder computed them.
      digest: digest of the run's variables at that step.
    """

    names: list[str]
    quantized: np.ndarray
    step: float
    run_step: int
    digest: str


def quantize(codes: np.ndarray, step: float) -> np.ndarray:
    """Rounds codes to multiples of a step, int16."""
    limits = np.iinfo(np.int16)
    return np.clip(np.rint(codes / step), limits.min, limits.max).astype(np.int16)


def ideal_bits(quantized: np.ndarray, step: float) -> float:
    """Computes the bits of quantized codes under an ideal entropy code of the standard normal prior."""
    from scipy.special import log_ndtr

    # In the lower tail, where the distribution function is precise.
    outer, inner = (abs(quantized) + 0.5) * step, (abs(quantized) - 0.5) * step
    upper, lower = log_ndtr(-inner), log_ndtr(-outer)
    return float(-(upper + np.log1p(-np.exp(lower - upper))).sum() / np.log(2))


def encode_files(
    run: Path,
    paths: Sequence[Path],
    out: Path,
    *,
    step: float = STEP,
    overwrite: bool = False,
    options: OpenOptions = DEFAULTS,
    say: Callable[[str], None] = progress.say,
) -> str:
    """Writes the codes of images to a file, and returns one line with the rate and the distortion.

    Images are converted to the run's size and channels, as the data set of a folder is.

    Args:
      run: run folder of a variational autoencoder.
      paths: images and folders of images.
      out: the file, .npz.
      step: quantization step, in standard deviations of the prior.
      overwrite: whether to replace an existing file.
      options: how the run is opened.
      say: takes warnings.
    Raises:
      UsageError: if the run has no codes, an image cannot be read, two have one name, or the file cannot be written.
    """
    prepare_output(out, suffix=SUFFIX, overwrite=overwrite)
    built = reopen.build(run, options, say)
    opened = open_variational(built, options, say)
    encode = execute.jit_on_first_device(require_latent(opened.objective, run).encode)
    decode = execute.jit_on_first_device(require_generative(opened.objective).generate)
    files = [file for path in paths for file in list_images(path)]
    names = [file.stem for file in files]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"several images are named {', '.join(sorted(repeated))}: encode them into two files")
    originals = read_images(files, built)
    quantized = quantize(np.asarray(encode(opened.variables, originals)[0]), step)
    origin = {"run_step": opened.step, "digest": digest(opened.variables)}
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("wb") as file:
        np.savez_compressed(file, names=names, numbers=quantized, step=step, **origin)
    decoded = np.asarray(decode(opened.variables, quantized * np.float32(step), None))
    psnr = -10 * np.log10(max(float(((decoded - originals) ** 2).mean()), 1e-12))
    rate, ideal = (bits / originals.size for bits in (8 * out.stat().st_size, ideal_bits(quantized, step)))
    return (
        f"{out}  {len(files)} images, {rate:.3f} bits per dimension in the file, {ideal:.3f} by an ideal code of the "
        f"prior, PSNR {psnr:.1f} dB"
    )


def decode_file(
    run: Path,
    path: Path,
    out: Path,
    *,
    options: OpenOptions = DEFAULTS,
    say: Callable[[str], None] = progress.say,
) -> str:
    """Decodes a file of codes to image files, and returns one line about them.

    Args:
      run: the run folder whose encoder computed the codes.
      path: the file.
      out: the folder to write to; existing images are replaced.
      options: how the run is opened.
      say: takes warnings.
    Raises:
      UsageError: if the run has no codes, the file is none of codes, or the codes are those of other variables:
        another run, checkpoint or --ema.
    """
    codes = read_codes(path)
    reopen.require_images_fit(run, len(codes.names))
    opened = open_variational(reopen.build(run, options, say), options, say)
    generative = require_generative(opened.objective)
    if (digest(opened.variables), (generative.latent_size,)) != (codes.digest, codes.quantized.shape[1:]):
        raise UsageError(
            f"{path} has codes of other variables, at step {codes.run_step}, and {run} is at step {opened.step}: give "
            "the run that encoded them, and the same --checkpoint and --ema"
        )
    make_writable_folder(out)
    latents = codes.quantized * np.float32(codes.step)
    decoded = np.asarray(execute.jit_on_first_device(generative.generate)(opened.variables, latents, None))
    for name, image in zip(codes.names, decoded, strict=True):
        images.write(out / f"{name}.png", image)
    return f"{out}  {len(decoded)} images"


def open_variational(built: Built, options: OpenOptions, say: Callable[[str], None]) -> reopen.Opened:
    """Opens a run that has codes, or raises UsageError."""
    require_latent(built.objective, built.path)
    return reopen.load_weights(built, options, say)


def require_latent(objective: Objective, run: Path) -> Latent:
    """Returns how a run encodes images, or raises UsageError where it does not."""
    if objective.latent is None:
        raise UsageError(f"{run}: this run has no codes of images; only variational experiments have them")
    return objective.latent


def read_images(paths: Sequence[Path], built: Built) -> np.ndarray:
    """Reads images at a run's size and channels, float32[n, height, width, channel] in [0, 1]."""
    *size, channels = built.image_shape
    resized = dataclasses.replace(built.config.data, fit="resize", size=tuple(size), channels=channels)
    read = lambda path: fit(to_uint8(MAX_GRAY * images.read(path))[None], resized)[0]
    return np.stack([read(path) for path in paths]).astype(np.float32) / MAX_GRAY


def read_codes(path: Path) -> Codes:
    """Reads a file of codes, or raises UsageError where it is none. Its sizes are checked before they are allocated."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = {name: read_array(str(path), archive, name) for name in ARRAYS}
        # Without folders: a file from elsewhere must not choose where images are written.
        names = [Path(str(name)).name.replace("\0", "") for name in found["names"]]
        numbers, step = found["numbers"], float(found["step"])
        if numbers.dtype != np.int16 or numbers.ndim != 2 or len(numbers) != len(names) or not 0 < step < math.inf:
            raise ValueError(f"{len(names)} names, step {step}, numbers {numbers.dtype}{list(numbers.shape)}")
        return Codes(names, numbers, step, int(found["run_step"]), str(found["digest"]))
    except Exception as error:  # a damaged archive leads to many kinds
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise UsageError(f"{path} is no file of codes as `jaxgen encode` writes it ({reason})") from error
