"""Base classes of networks: the fields that all of them share, keyword arguments only."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike


class Network(nn.Module, kw_only=True):
    """A layer or a network of one precision.

    A network of images of any height and width has `size_multiple`: it pads to multiples of as many pixels, and shifts
    by as many commute with it.

    Attributes:
      dtype: of the computation; None: promoted from inputs and parameters.
      param_dtype: of the parameters.
    """

    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @property
    def dtypes(self) -> dict[str, Any]:
        """The arguments `dtype` and `param_dtype` of every layer."""
        return {"dtype": self.dtype, "param_dtype": self.param_dtype}


class SynchronizedNetwork(Network, kw_only=True):
    """A network that is synchronized over devices.

    Attributes:
      axis_name: the mapped axis over which a batch is spread, so that its statistics are of all devices, or None.
    """

    axis_name: str | None = None
