"""Lets a module of the user's take images of any size: the sizes that it takes, and its scale, are measured."""

from dataclasses import dataclass
from typing import Any

import jax
from jax import Array

from jaxgen.errors import UsageError
from jaxgen.nn.padding import crop, pad_to_multiple
from jaxgen.restoration.restorer import MAX_UNTILED_PIXELS

MULTIPLES = (1, 2, 4, 8, 16, 32, 64, 128)
"""Pixels of which the sides may have to be multiples."""
SIDE = 256
"""Pixels of the images whose shapes are traced; a few more, so that they are multiples of nothing larger."""
MAX_REASON = 160
"""Characters of an exception's message that an error repeats."""

PyTree = Any


@dataclass(frozen=True)
class AnySize:
    """A module (inputs, train) that is applied to images of any size by padding and cropping.

    Attributes:
      module: the module.
      size_multiple: pixels to a multiple of which images are padded.
      scale: size of the output as a multiple of the input's.
      has_tiles: whether shifts by `size_multiple` commute with the module, which a module states by an attribute of
        that name.
    """

    module: Any
    size_multiple: int
    scale: int
    has_tiles: bool

    @property
    def max_untiled_pixels(self) -> int:
        """The pixels of the largest image that the module is given whole."""
        return getattr(self.module, "max_untiled_pixels", MAX_UNTILED_PIXELS)

    def init(self, key: Array, inputs: Array, train: bool) -> PyTree:
        """Returns the module's variables."""
        return self.module.init(key, pad_to_multiple(inputs, self.size_multiple), train)

    def apply(self, variables: PyTree, inputs: Array, train: bool) -> Array:
        """Returns the module's output for float[batch, height, width, channel]."""
        outputs = self.module.apply(variables, pad_to_multiple(inputs, self.size_multiple), train)
        return crop(outputs, [self.scale * side for side in inputs.shape[1:3]])


def measure_scale(module: Any, height: int, width: int, channels: int) -> int | None:
    """Returns the size of a module's output as a multiple of the input's, or None where it is none.

    Raises:
      Exception: any, where the module does not take that size.
    """
    image = jax.ShapeDtypeStruct((1, height, width, channels), "float32")
    run = lambda image: module.init_with_output(jax.random.key(0), image, False)[0]
    output = jax.eval_shape(run, image).shape
    scale = output[1] // height
    return scale if scale and output[1:3] == (scale * height, scale * width) else None


def any_size(module: Any, channels: int) -> Any:
    """Returns a module that takes images of any size: the module itself where it says so, or else padded.

    Args:
      module: (inputs, train) -> images. Without the attribute `size_multiple` it is applied to whole images.
      channels: of the inputs, conditioning included.
    Raises:
      UsageError: if it takes no images whose sides are multiples of one of `MULTIPLES`.
    """
    reason = ""
    for multiple in MULTIPLES:
        height, width = SIDE + multiple, SIDE + 3 * multiple
        try:
            scale = measure_scale(module, height, width, channels)
        except Exception as error:  # Whatever the user's code raises.
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:MAX_REASON]}"
            continue
        if scale is not None:
            stated = getattr(module, "size_multiple", None)
            if stated is not None and multiple == 1 and scale == getattr(module, "scale", 1):
                return module
            return AnySize(module, max(multiple, stated or 1), scale, stated is not None)
        reason = "its output has another size"
    raise UsageError(
        f"the network {type(module).__name__} takes no images of {height}x{width} pixels ({reason}): to restore "
        "photographs it must take images of any size, or of sides that are multiples of a power of two"
    )
