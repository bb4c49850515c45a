"""Recurrent networks over the rows of an image in both directions, then over its columns.

The state of a sweep passes along the whole image, so that after two sweeps, one along each axis, every output pixel
depends on every input pixel.
Reference: Elman 1990 (the simple cell); Cho et al. 2014 (GRU); Visin et al. 2015 (ReNet: sweeps over rows and columns).
"""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from jax import Array, lax
from jax.nn.initializers import lecun_normal, orthogonal, zeros

from jaxgen.models.restoration.restorer import Restorer
from jaxgen.nn.layers import Dense, at_least_float32
from jaxgen.nn.network import Network
from jaxgen.nn.padding import crop, pad_to_multiple
from jaxgen.nn.pixel_shuffle import depth_to_space, space_to_depth

Cell = Literal["elman", "gru"]
GATES = {"elman": 1, "gru": 3}


def elman(drive: Array, fed_back: Array, hidden: Array) -> Array:
    """Returns h_t = tanh(W x_t + U h_{t−1} + b).

    Args:
      drive: W x_t + b, float[n, hidden].
      fed_back: U h_{t−1}, float[n, hidden].
      hidden: h_{t−1}, not used directly by this cell.
    """
    del hidden
    return jnp.tanh(drive + fed_back)


def gru(drive: Array, fed_back: Array, hidden: Array) -> Array:
    """Returns h_t = (1 − z) n + z h_{t−1}, z and r gates, n = tanh(W_n x_t + r · U_n h_{t−1} + b).

    Args:
      drive: W x_t + b of (z, r, n), float[n, 3 · hidden].
      fed_back: U h_{t−1} of the same, float[n, 3 · hidden].
      hidden: h_{t−1}, float[n, hidden].
    Reference: Cho et al. 2014, equations 5 to 8, with the reset gate behind the product, as PyTorch's and cuDNN's.
    """
    (z, r, n), (past_z, past_r, past_n) = (jnp.split(x, 3, -1) for x in (drive, fed_back))
    keep, reset = jax.nn.sigmoid(z + past_z), jax.nn.sigmoid(r + past_r)
    return (1 - keep) * jnp.tanh(n + reset * past_n) + keep * hidden


CELLS: dict[str, Callable[[Array, Array, Array], Array]] = {"elman": elman, "gru": gru}


def orthogonal_rounded(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """Returns an orthogonal matrix. It is computed in float32 at least, as its decomposition takes no smaller type."""
    return orthogonal()(key, shape, jnp.promote_types(dtype, jnp.float32)).astype(dtype)


class Recurrence(Network):
    """The hidden states of a cell along sequences, from the first element to the last.

    Attributes:
      hidden: size of the state.
      cell: "elman" or "gru".
    """

    hidden: int
    cell: Cell

    @nn.compact
    def __call__(self, sequences: Array, first: Array | None = None) -> tuple[Array, Array]:
        """Returns the states at every element, and the last state, from which the sequences can be continued.

        Args:
          sequences: float[n, length, channel].
          first: float[n, hidden], the state before the first element; None: zeros.
        Returns:
          (float[n, length, hidden], float[n, hidden]).
        """
        gates = GATES[self.cell] * self.hidden
        inward = self.param("inward", lecun_normal(), (sequences.shape[-1], gates), self.param_dtype)
        recurrent = self.param("recurrent", orthogonal_rounded, (self.hidden, gates), self.param_dtype)
        bias = self.param("bias", zeros, (gates,), self.param_dtype)
        sequences, inward, recurrent, bias = promote_dtype(sequences, inward, recurrent, bias, dtype=self.dtype)
        # One product for all elements: only what depends on the last state is left inside the loop.
        drives = (sequences @ inward + bias).swapaxes(0, 1)
        start = (
            jnp.zeros((sequences.shape[0], self.hidden), drives.dtype) if first is None else first.astype(drives.dtype)
        )

        def turn(state: Array, drive: Array) -> tuple[Array, Array]:
            state = CELLS[self.cell](drive, state @ recurrent, state)
            return state, state

        last, states = lax.scan(turn, start, drives)
        return states.swapaxes(0, 1), last


class Sweep(Network):
    """The states of two recurrences along the rows of an image, one in each direction.

    Attributes:
      hidden: size of each state.
      cell: "elman" or "gru".
    """

    hidden: int
    cell: Cell

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Returns float[batch, height, width, 2 · hidden] of float[batch, height, width, channel]."""
        rows = x.reshape(-1, *x.shape[2:])
        onward, _ = Recurrence(self.hidden, self.cell, **self.dtypes, name="onward")(rows)
        back, _ = Recurrence(self.hidden, self.cell, **self.dtypes, name="back")(rows[:, ::-1])
        return jnp.concatenate([onward, back[:, ::-1]], -1).reshape(*x.shape[:3], -1)


class RNN(Restorer):
    """Restores images of any height and width by adding a residual.

    Attributes:
      hidden: size of each state; a sweep has two of them.
      layers: pairs of sweeps, along rows and then along columns.
      cell: "elman" or "gru".
      patch: side of the squares of pixels that are one element of a sequence.
      channels: of the image, the first ones of the input; None: all, without a condition behind them.
    """

    hidden: int = 64
    layers: int = 2
    cell: Cell = "elman"
    patch: int = 2
    channels: int | None = None

    size_multiple = property(lambda self: self.patch)

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        """Returns restored images; see `Restorer`."""
        del train
        channels = self.channels or inputs.shape[-1]
        x = space_to_depth(pad_to_multiple(inputs, self.patch), self.patch)
        for i in range(self.layers):
            x = Sweep(self.hidden, self.cell, **self.dtypes, name=f"rows_{i}")(x)
            x = Sweep(self.hidden, self.cell, **self.dtypes, name=f"columns_{i}")(x.swapaxes(1, 2)).swapaxes(1, 2)
        x = Dense(channels * self.patch**2, name="image", **self.dtypes)(x)
        return inputs[..., :channels] + crop(depth_to_space(at_least_float32(x), self.patch), inputs.shape[1:3])
