"""Self-attention: every place of a map sees all the others."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import zeros
from jax.typing import DTypeLike

from jaxgen.errors import UsageError
from jaxgen.nn.layers import Conv

REDUCTION = 8


class SelfAttention(nn.Module):
    """A map plus γ times what each place takes from all places, by how alike they are; γ starts at 0.

    Attributes:
      spectral: whether the kernels are divided by their largest singular value.
      dtype: of the computation; None promotes. The softmax is in at least float32.
      param_dtype: of the parameters.
    Reference: Zhang, Goodfellow, Metaxas, Odena 2019, section 3.
    """

    spectral: bool = False
    dtype: DTypeLike | None = None
    param_dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Returns float[batch, height, width, channel], the input's shape."""
        batch, height, width, channels = x.shape
        inner = max(channels // REDUCTION, 1)
        linear = {"spectral": self.spectral, "dtype": self.dtype, "param_dtype": self.param_dtype}
        query, key, value = (
            Conv(inner, 1, name=name, **linear)(x, train).reshape(batch, height * width, inner)
            for name in ("query", "key", "value")
        )
        likeness = jnp.einsum("bqc,bkc->bqk", query, key)
        share = jax.nn.softmax(likeness.astype(jnp.promote_types(likeness.dtype, jnp.float32)), -1).astype(value.dtype)
        seen = jnp.einsum("bqk,bkc->bqc", share, value).reshape(batch, height, width, inner)
        gamma = self.param("gamma", zeros, (), self.param_dtype)
        return x + gamma.astype(x.dtype) * Conv(channels, 1, name="out", **linear)(seen, train)


def require_side(attention: int, sides: list[int], network: str) -> None:
    """Raises UsageError where a network has no map of the side at which it is to attend to itself; 0 asks for none."""
    if attention and attention not in sides:
        found = ", ".join(map(str, sides))
        raise UsageError(f"attention {attention}: the maps of this {network} have sides {found}; give one, or 0")
