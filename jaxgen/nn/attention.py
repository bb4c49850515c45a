"""Self-attention over the positions of a feature map."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import zeros

from jaxgen.errors import UsageError
from jaxgen.nn.layers import Conv
from jaxgen.nn.network import Network

REDUCTION = 8


class SelfAttention(Network):
    """Adds γ times the attention output to a feature map; γ is initialised to 0.

    The softmax is in at least float32.

    Attributes:
      spectral: whether the kernels are divided by their largest singular value.
    Reference: Zhang, Goodfellow, Metaxas, Odena 2019, section 3.
    """

    spectral: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Returns float[batch, height, width, channel], the input's shape."""
        batch, height, width, channels = x.shape
        inner = max(channels // REDUCTION, 1)
        linear: dict[str, Any] = {"spectral": self.spectral, **self.dtypes}
        query, key, value = (
            Conv(inner, 1, name=name, **linear)(x, train).reshape(batch, height * width, inner)
            for name in ("query", "key", "value")
        )
        scores = jnp.einsum("bqc,bkc->bqk", query, key)
        weights = jax.nn.softmax(scores.astype(jnp.promote_types(scores.dtype, jnp.float32)), -1).astype(value.dtype)
        attended = jnp.einsum("bqk,bkc->bqc", weights, value).reshape(batch, height, width, inner)
        gamma = self.param("gamma", zeros, (), self.param_dtype)
        return x + gamma.astype(x.dtype) * Conv(channels, 1, name="out", **linear)(attended, train)


def require_side(attention: int, sides: list[int], network: str) -> None:
    """Raises UsageError where a network has no feature map of side `attention`; 0 stands for no attention."""
    if attention and attention not in sides:
        allowed = ", ".join(map(str, sides))
        raise UsageError(f"attention {attention}: the maps of this {network} have sides {allowed}; give one, or 0")
