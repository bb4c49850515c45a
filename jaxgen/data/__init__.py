"""Images: where they come from, and batches of them as a pure function of (seed, step)."""

from jaxgen.data.config import Config
from jaxgen.data.dataset import Dataset
from jaxgen.data.feed import Feed, feed_batches
from jaxgen.data.loading import from_arrays, load

__all__ = ["Config", "Dataset", "Feed", "feed_batches", "from_arrays", "load"]
