"""How far a predicted mask is from the true one."""

from jax import Array
from jax.nn import sigmoid

from jaxgen.losses.per_example import matched, total


def dice(logits: Array, mask: Array, smooth: float = 1.0) -> Array:
    """Returns 1 − the Dice coefficient of the predicted probabilities and the mask.

    It weighs a mask by its own size: where few pixels are damaged, a cross-entropy is nearly as small without them.

    Args:
      logits: float[batch, height, width, 1], log p/(1 − p) of a pixel belonging to the mask.
      mask: [batch, height, width, 1] in [0, 1].
      smooth: added to both sides of the fraction, pixels; above 0, so that two empty masks agree.
    Returns:
      float[batch] in [0, 1].
    Raises:
      ValueError: if the shapes differ.
    Reference: Milletari, Navab, Ahmadi 2016, section 3, with the smoothing of its later implementations.
    """
    logits, mask = matched(logits, mask)
    found = sigmoid(logits)
    return 1 - (2 * total(found * mask) + smooth) / (total(found**2) + total(mask**2) + smooth)
