"""A set of images: batches as a pure function of (seed, step), and the feed of a training run."""

import functools
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.data import order, transforms
from jaxgen.data.config import Config
from jaxgen.data.feed import Batch, Feed, PyTree
from jaxgen.data.records import IMAGE_FIELDS, NOTHING, Contents, Records
from jaxgen.data.stacked import compose, draw_indices
from jaxgen.data.streaming import Steps, Stream
from jaxgen.errors import UsageError


@dataclass(frozen=True)
class Selection:
    """Takes one step's examples from a payload. All fields are static in a compiled step.

    Attributes:
      config: how images come into a batch.
      count: number of stored images.
      batch: images a step.
      streamed: whether a payload holds the examples of its steps and no others.
      stack: how many stored images make one image of a batch, see `Dataset`.
    """

    config: Config
    count: int
    batch: int
    streamed: bool
    stack: int

    def __call__(self, payload: PyTree, seed: Array | np.uint32, step: Array, k: Array, positions: Array) -> Batch:
        """Returns the examples at `positions` of one step; see `Feed.select`. `seed` is the order's, uint32[]."""
        seed = jnp.asarray(seed, jnp.uint32)
        epoch, position = order.locate(step, positions, self.batch, self.count)
        take = lambda index: {name: x.at[index].get(mode="promise_in_bounds") for name, x in payload.items()}
        if self.stack > 1:
            stored = compose([take(index) for index in draw_indices(position, seed, epoch, self.count, self.stack)])
        else:
            stored = take(k if self.streamed else order.permute(position, seed, epoch, self.count))
        draws = transforms.example_draws(seed, epoch, position)
        fields = {name: stored[name] for name in IMAGE_FIELDS if name in stored}
        return stored | {name: transforms.apply(x, draws, self.config) for name, x in fields.items()}


compiled_selection = jax.jit(Selection.__call__, static_argnums=0)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images of one shape, held in memory or read from disk while training.

    Attributes:
      config: how they come into a batch.
      arrays: "image" uint8[n, height, width, channel], "label" int32[n] where there are labels, "target" of the
        image's shape where there are pairs; empty when streamed.
      records: what a streamed set is read from; None when it is in memory.
      stack: how many of the stored one-channel images make one image of a batch, as its channels; see `data.stacked`.
      contents: what the source was found to hold.
    """

    config: Config
    arrays: dict[str, np.ndarray] = field(repr=False)
    records: Records | None = field(default=None, repr=False)
    stack: int = 1
    contents: Contents = field(default=NOTHING, repr=False)

    def __len__(self) -> int:
        return len(self.arrays["image"]) if self.records is None else len(self.records)

    @functools.cached_property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channel) of the images in a batch."""
        stored = self.arrays["image"][0] if self.records is None else self.records.read([0])[0]["image"]
        height, width = self.config.frame or stored.shape[:2]
        return (height, width, self.stack * stored.shape[2])

    @functools.cached_property
    def on_device(self) -> dict[str, Array]:
        """The stored arrays on the default device, put there once."""
        with jax.ensure_compile_time_eval():  # It is kept, also where the first batch is traced.
            return jax.device_put(self.arrays)

    def batch(self, seed: int, step: int, size: int = 64) -> Batch:
        """Returns the batch of one step, always with the same bits.

        Args:
          seed: of the order and of what is drawn, from 0 to 2³² - 1.
          step: from 0 to 2³¹ - 1.
          size: images in the batch; it may be larger than the set.
        Returns:
          {"image": float32[size, height, width, channel] in [0, 1], "label": int32[size] where there are labels,
          "target" where there are pairs: the image as it should be}.
        """
        positions = jnp.arange(size, dtype=jnp.int32)
        if self.records is None:
            payload = self.on_device
        else:
            payload = jax.tree.map(lambda x: x[None], Steps(self.records, seed, size)[step])
        return compiled_selection(self.selection(size), payload, jnp.uint32(seed), jnp.int32(step), 0, positions)

    def shapes(self, size: int) -> dict[str, jax.ShapeDtypeStruct]:
        """Returns the shapes of a batch of `size` images; nothing is computed, and no device is used."""
        if self.records is None:
            example = {name: x[0] for name, x in self.arrays.items()}
        else:
            (example,) = self.records.read([0])

        def shape(name: str, x: np.ndarray) -> jax.ShapeDtypeStruct:
            if name in IMAGE_FIELDS:
                return jax.ShapeDtypeStruct((size, *self.image_shape), jnp.float32)
            return jax.ShapeDtypeStruct((size, *np.shape(x)), jax.dtypes.canonicalize_dtype(np.asarray(x).dtype))

        return {name: shape(name, x) for name, x in example.items()}

    def selection(self, batch: int) -> Selection:
        """Returns what takes the examples of a step of `batch` images from a payload."""
        if batch < 1:
            raise UsageError(f"a batch of {batch} images: give 1 or more")
        return Selection(self.config, len(self), batch, streamed=self.records is not None, stack=self.stack)

    def feed(self, batch: int, positions: np.ndarray | None = None) -> Feed:
        """Returns the feed of a training run with `batch` images a step, in the order of `config.seed`.

        Args:
          batch: images a step.
          positions: which of them a streamed set reads, int[n], in that order; None: all.
        """
        selection, seed = self.selection(batch), np.uint32(self.config.seed)
        select = lambda payload, step, k, positions: selection(payload, seed, step, k, positions)
        if self.records is not None:
            return Feed(Stream(self.records, self.config.seed, batch, positions).fetch, select, streamed=True)
        return Feed(lambda first_step, steps: self.on_device, select, streamed=False)
