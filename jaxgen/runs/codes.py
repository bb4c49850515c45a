"""Pictures as the codes of a variational run, and back: from files to a file, from a file to files."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgen.data import Config as DataConfig
from jaxgen.data.resample import fit, to_uint8
from jaxgen.errors import UsageError
from jaxgen.io import images
from jaxgen.restoration.files import list_photographs, make_writable_folder
from jaxgen.runs import reopen
from jaxgen.runs.disk.digests import digest
from jaxgen.runs.reopen import DEFAULTS, OpenOptions
from jaxgen.training import execute, progress

STEP = 0.25
SUFFIX = ".npz"
LEVELS = 255


class Codes(NamedTuple):
    """What a file of codes holds.

    Attributes:
      names: of the pictures, without their suffix.
      numbers: int16[pictures, latent], in steps.
      step: of the numbers, in standard deviations of the prior.
      run_step: the run's training step whose variables made them.
      digest: of these variables.
    """

    names: list[str]
    numbers: np.ndarray
    step: float
    run_step: int
    digest: str


def quantised(codes: np.ndarray, step: float) -> np.ndarray:
    """Returns codes as whole numbers of steps, int16."""
    limits = np.iinfo(np.int16)
    return np.clip(np.rint(codes / step), limits.min, limits.max).astype(np.int16)


def ideal_bits(numbers: np.ndarray, step: float) -> float:
    """Returns how many bits an ideal code takes for numbers that are as frequent as the standard normal prior says."""
    from scipy.special import log_ndtr

    # By symmetry on the side where the tail is resolved.
    outer, inner = (abs(numbers) + 0.5) * step, (abs(numbers) - 0.5) * step
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
    """Writes the codes of pictures into one file and returns the rate and what it is worth, in one line.

    Pictures come to the run's size and channels as those of a folder that is trained on.

    Args:
      run: folder of a variational run.
      paths: of pictures, and of folders of pictures.
      out: the file, .npz.
      step: to which codes are rounded, in standard deviations of the prior.
      overwrite: whether a file that is there is replaced.
      options: how the run is opened.
      say: takes warnings.
    Raises:
      UsageError: if the run has no codes, a picture cannot be read, two have one name, or the file cannot be written.
    """
    if out.suffix != SUFFIX:
        raise UsageError(f"{out}: give a file that ends in {SUFFIX}")
    if out.exists() and not overwrite:
        raise UsageError(f"{out} is there already: name another file with --out, or replace it with --overwrite")
    make_writable_folder(out.parent)
    opened = open_variational(run, options, say)
    found = [file for path in paths for file in list_photographs(path, ())]
    names = [file.stem for file in found]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"several pictures are named {', '.join(sorted(repeated))}: encode them into two files")
    pictures = np.stack([read(file, opened.config.data) for file in found])
    means = np.asarray(execute.jit_on_first_device(opened.objective.latent.encode)(opened.variables, pictures)[0])
    numbers = quantised(means, step)
    made_by = {"run_step": opened.step, "digest": digest(opened.variables)}
    with out.open("wb") as file:
        np.savez_compressed(file, names=names, numbers=numbers, step=step, **made_by)
    generate = execute.jit_on_first_device(opened.objective.generative.generate)
    made = np.asarray(generate(opened.variables, numbers * np.float32(step), None))
    psnr = -10 * np.log10(max(float(((made - pictures) ** 2).mean()), 1e-12))
    rate, ideal = (bits / pictures.size for bits in (8 * out.stat().st_size, ideal_bits(numbers, step)))
    return (
        f"{out}  {len(found)} pictures, {rate:.3f} bits per dimension in the file, {ideal:.3f} by an ideal code of the "
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
    """Writes the pictures that a file of codes stands for into a folder and returns what happened, in one line.

    Args:
      run: the folder of the run that made the codes.
      path: of the file.
      out: the folder; a picture that is there is replaced.
      options: how the run is opened.
      say: takes warnings.
    Raises:
      UsageError: if the run has no codes, the file is none of codes, or other variables made it: of another run or
        checkpoint, or averaged ones where these are not.
    """
    codes = read_codes(path)
    opened = open_variational(run, options, say)
    size = opened.objective.generative.latent_size
    if (digest(opened.variables), (size,)) != (codes.digest, codes.numbers.shape[1:]):
        raise UsageError(
            f"{path} has codes that other variables made, at step {codes.run_step}, and {run} is at step {opened.step}:"
            " give the run that made them, and --checkpoint and --no-ema as they were then"
        )
    make_writable_folder(out)
    latents = codes.numbers * np.float32(codes.step)
    made = np.asarray(
        execute.jit_on_first_device(opened.objective.generative.generate)(opened.variables, latents, None)
    )
    for name, picture in zip(codes.names, made, strict=True):
        images.write(out / f"{name}.png", picture)
    return f"{out}  {len(made)} pictures"


def open_variational(run: Path, options: OpenOptions, say: Callable[[str], None]) -> reopen.Opened:
    """Returns a run that has codes, or raises UsageError."""
    built = reopen.build(run, options, say)
    if built.objective.latent is None:
        raise UsageError(f"{run}: this run has no codes of images; only variational experiments have them")
    return reopen.load_weights(built, options, say)


def read(path: Path, config: DataConfig) -> np.ndarray:
    """Returns a picture at a run's size and channels, float32[height, width, channel] in [0, 1]."""
    whole = dataclasses.replace(config, fit="resize")
    return fit(to_uint8(LEVELS * images.read(path))[None], whole)[0].astype(np.float32) / LEVELS


def read_codes(path: Path) -> Codes:
    """Returns what a file of codes holds, or raises UsageError where it is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            # The bare names: a file from elsewhere has no say in where pictures go.
            names = [Path(str(name)).name for name in file["names"]]
            return Codes(names, file["numbers"], float(file["step"]), int(file["run_step"]), str(file["digest"]))
    except Exception as error:  # a damaged archive leads to many kinds
        raise UsageError(f"{path} is no file of codes as `jaxgen encode` writes it ({type(error).__name__})") from error
