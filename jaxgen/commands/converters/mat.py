"""Reading of MATLAB's files."""

from pathlib import Path
from typing import Any

from jaxgen.errors import UsageError


def read_mat(path: Path, names: tuple[str, ...], contents: str) -> dict[str, Any]:
    """Returns variables of a .mat file up to version 7, by name, structs as dicts.

    Args:
      path: of the file.
      names: of the variables.
      contents: what the file must hold, for errors.
    Raises:
      UsageError: if it is no such file, or a variable is missing.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        found = loadmat(path, simplify_cells=True, variable_names=names)
        return {name: found[name] for name in names}
    except NotImplementedError:
        raise UsageError(f"{path} is of MATLAB 7.3, which is HDF5: save it there with -v7") from None
    except (MatReadError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} holds no {contents} ({error}): give a file that does") from None
