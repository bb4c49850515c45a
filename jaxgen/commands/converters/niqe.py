"""NIQE's parameters: from the moments that its authors published to those that `jaxgen.metrics.naturalness` takes.

UT Austin's modelparameters.mat (live.ece.utexas.edu/research/Quality/niqe_release.zip) has mu_prisparam and
cov_prisparam; BasicSR's niqe_pris_params.npz has the same as mu_pris_param and cov_pris_param.
"""

import zipfile
from pathlib import Path

import numpy as np

from jaxgen.commands.converters.mat import read_mat
from jaxgen.commands.converters.state_dict import choose_reader
from jaxgen.errors import UsageError
from jaxgen.io import weights
from jaxgen.metrics.naturalness import pristine_model

URL = "http://live.ece.utexas.edu/research/Quality/niqe_release.zip"
MAT_NAMES = ("mu_prisparam", "cov_prisparam")
NPZ_NAMES = ("mu_pris_param", "cov_pris_param")


def read_moments_mat(path: Path) -> list[np.ndarray]:
    """Returns mean and covariance in a .mat file."""
    return list(read_mat(path, MAT_NAMES, " and ".join(MAT_NAMES)).values())


def read_moments_npz(path: Path) -> list[np.ndarray]:
    """Returns mean and covariance in an .npz file."""
    try:
        with np.load(path) as arrays:
            return [arrays[name] for name in NPZ_NAMES]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} holds no {' and '.join(NPZ_NAMES)} ({error}): give a file that does") from None


READERS = {".mat": read_moments_mat, ".npz": read_moments_npz}


def convert(source: Path, target: Path) -> str:
    """Writes published parameters of NIQE as safetensors and returns the new file's sha256.

    Args:
      source: modelparameters.mat of NIQE's authors, or niqe_pris_params.npz of BasicSR.
      target: the file to write.
    Raises:
      UsageError: if the source cannot be read or has no such moments, or the target cannot be written.
    """
    mean, covariance = choose_reader(source, READERS, f"it is in {URL}")(source)
    try:
        model = pristine_model(np.ravel(mean), covariance)
    except ValueError as error:
        raise UsageError(f"{source}: {error}; give NIQE's parameters, which are in {URL}") from None
    data = f"{source.name}, sha256 {weights.digest(source)}"
    about = {"metric": "niqe", "data": data, "license": "free of charge, to be acknowledged (UT Austin)"}
    return weights.write(target, model, about)
