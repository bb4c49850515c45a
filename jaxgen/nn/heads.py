"""Head of a discriminator: features, minibatch discrimination, logit and class projection.

Reference: Salimans et al. 2016, section 3.2 (minibatch discrimination); Miyato, Koyama 2018, equation 3 (projection).
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.nn.layers import Dense, logit
from jaxgen.nn.network import SynchronizedNetwork
from jaxgen.nn.normalization import at_least_float32

FEATURES = "features"
MINIBATCH = "minibatch"
DIMENSIONS = 5


class DiscriminatorNetwork(SynchronizedNetwork, kw_only=True):
    """Base class of discriminators, modules (images, train, labels) -> logits that end in `discriminator_head`.

    With classes, `labels` are int32[batch, packing], one for each packed image.

    Attributes:
      classes: number of classes of a conditional discriminator; 0: unconditional.
      kernels: number of kernels of minibatch discrimination, which couples the examples of a batch; 0: none.
    """

    classes: int = 0
    kernels: int = 0

    @property
    def compares_batch(self) -> bool:
        """Whether an example's logit depends on the other examples of the batch."""
        return self.kernels > 0


def similarities(projected: Array, axis_name: str | None) -> Array:
    """Returns the similarity of each example to the rest of the batch on all devices, by each kernel.

    Args:
      projected: float[batch, kernels, dimensions], this device's examples.
      axis_name: the mapped axis over which the batch is spread, or None.
    Returns:
      float[batch, kernels], Σⱼ exp(−‖Mᵢ − Mⱼ‖₁) over j ≠ i.
    Reference: Salimans et al. 2016, section 3.2.
    """
    others = projected
    if axis_name is not None:
        others = lax.all_gather(projected, axis_name, tiled=True)
    distances = jnp.abs(projected[:, None] - others[None]).sum(-1)
    # Less the similarity of an example to itself.
    return jnp.exp(-distances).sum(1) - 1


def one_hot(labels: Array, classes: int, dtype) -> Array:
    """Returns labels[...] as one-hot vectors, NaN where a label is none of the classes.

    A compiled step cannot raise, and NaN stops the run at that step.
    """
    valid = (labels >= 0) & (labels < classes)
    return jnp.where(valid[..., None], jax.nn.one_hot(labels, classes, dtype=dtype), jnp.nan)


def discriminator_head(
    module: DiscriminatorNetwork, x: Array, train: bool, labels: Array | None, **linear: Any
) -> Array:
    """Returns one logit per example, to be called at the end of a discriminator's compact method.

    The features φ before the logit are sown as "features" in the collection "intermediates". With `kernels` the
    logit also depends on the similarities to the other examples; with `classes` the class adds ⟨V y, φ⟩.

    Args:
      module: the discriminator.
      x: float[batch, ...], flattened into φ.
      train: see `Linear`.
      labels: int32[batch, m], classes of an example's m images (m = 1 unless they are packed); None without classes.
      **linear: fields of `Dense` but the dtypes.
    Returns:
      float[batch], at least float32.
    Raises:
      ValueError: if there are labels without classes, or classes without labels.
    """
    classes, kernels = module.classes, module.kernels
    if (labels is None) != (classes == 0):
        raise ValueError(f"a discriminator of {classes} classes was given {'no' if labels is None else 'some'} labels")
    x = features = at_least_float32(x.reshape(len(x), -1))
    module.sow("intermediates", FEATURES, features)
    linear["param_dtype"] = module.param_dtype
    without_bias = {name: value for name, value in linear.items() if name != "use_bias"}
    if kernels:
        projected = Dense(kernels * DIMENSIONS, name=MINIBATCH, use_bias=False, **without_bias)(x, train)
        # Initialisation runs outside the mapped axis.
        axis = None if module.is_initializing() else module.axis_name
        x = jnp.concatenate([x, similarities(projected.reshape(len(x), kernels, DIMENSIONS), axis)], -1)
    value = logit(x, train, **linear)
    if labels is not None:
        hot = one_hot(labels, classes, features.dtype).reshape(len(x), -1)
        embedded = Dense(features.shape[-1], name="class", use_bias=False, **without_bias)(hot, train)
        value = value + (embedded * features).sum(-1)
    return value
