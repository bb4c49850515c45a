"""Images: where they come from, and batches of them as a pure function of (seed, step)."""

from jaxgen.data.config import Config
from jaxgen.data.dataset import Dataset, Source
from jaxgen.data.sources import from_arrays, load

__all__ = ["Config", "Dataset", "Source", "from_arrays", "load"]
