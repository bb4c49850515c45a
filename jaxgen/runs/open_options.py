"""Options of every command and function that opens a run."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a run folder is opened."""

    checkpoint: Literal["last", "best"] = "last"
    """The last checkpoint, or the best one by the experiment's metric."""
    trust: bool = False
    """Execute RUN/experiment.py although it is none of the installed experiments."""
    data_dir: Annotated[str, tyro.conf.arg(name="data.dir")] = ""
    """Folder of the run's data, if it has moved."""


@dataclass(frozen=True, kw_only=True)
class OpenOptions(RunOptions):
    """How a run folder is opened, and which parameters of its checkpoint are used."""

    ema: bool = True
    """Use the moving average of the parameters instead of their last values."""


DEFAULTS = OpenOptions()
