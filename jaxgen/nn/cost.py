"""Cost of a network: its parameters, and its multiply-adds counted in the program that JAX traces."""

import math
from collections.abc import Iterator
from typing import Any

import jax
from flax import linen as nn

PyTree = Any

# Sides of the images that are counted, in units of what the network pads to or of its thumbnail. Shapes are traced.
SIDES = (4, 8)


def parameters(variables: PyTree) -> int:
    """Returns the number of trained parameters: the elements of the collection "params"."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables["params"]))


def multiply_adds_per_pixel(module: nn.Module, channels: int) -> float:
    """Returns the multiply-adds of convolutions and matrix products for each pixel of an image.

    Multiplications by the zeros that pad an image count, as is the custom; those by the zeros that a transposed
    convolution puts between pixels do not. Sums, activations, products of two activations, and operations done once
    per image do not count.

    Args:
      module: a network (inputs, train) with `size_multiple`, the pixels to a multiple of which it pads, and perhaps
        `side`, that of the thumbnail that it computes with.
      channels: of the inputs, conditioning included.
    Raises:
      ValueError: if the program has a loop of unknown length.
    """
    # Images larger than a thumbnail: enlarging one is no cost of a photograph's.
    unit = max(module.size_multiple, getattr(module, "side", 1))
    small, large = (blocks * unit for blocks in SIDES)
    counts = [multiply_adds(trace(module, side, channels)) for side in (small, large)]
    return (counts[1] - counts[0]) / (large**2 - small**2)


def activation_bytes_per_pixel(module: nn.Module, channels: int) -> float:
    """Returns the bytes of the input and output of the widest convolution or matrix product, for each pixel.

    Args:
      module, channels: see `multiply_adds_per_pixel`.
    """
    side = SIDES[-1] * module.size_multiple
    return widest_operation(trace(module, side, channels)) / side**2


def widest_operation(program) -> int:
    """Returns the bytes of the first input and the output of the widest convolution or matrix product of a program."""
    found = [0]
    for operation in program.eqns:
        if operation.primitive.name in {"conv_general_dilated", "dot_general"}:
            image, output = operation.invars[0].aval, operation.outvars[0].aval
            found.append(sum(math.prod(array.shape) * array.dtype.itemsize for array in (image, output)))
        found += [widest_operation(inner) for inner in programs(operation.params)]
    return max(found)


def trace(module: nn.Module, side: int, channels: int):
    """Returns the program of a network for one square image."""
    image = jax.ShapeDtypeStruct((1, side, side, channels), "float32")
    variables = jax.eval_shape(lambda image: module.init(jax.random.key(0), image, False), image)
    return jax.make_jaxpr(lambda variables, image: module.apply(variables, image, False))(variables, image).jaxpr


def multiply_adds(program) -> int:
    """Returns the multiply-adds of a traced program, of the costliest branch where it has several."""
    return sum(operation_multiply_adds(operation) for operation in program.eqns)


def operation_multiply_adds(operation) -> int:
    """Returns the multiply-adds of one operation of a traced program, and of the programs inside it."""
    kind, parameters = operation.primitive.name, operation.params
    if kind == "conv_general_dilated":
        return convolution_multiply_adds(operation)
    if kind == "dot_general":
        (contracted, _), _ = parameters["dimension_numbers"]
        return math.prod(operation.outvars[0].aval.shape) * math.prod(
            operation.invars[0].aval.shape[axis] for axis in contracted
        )
    inner = [multiply_adds(program) for program in programs(parameters)]
    if kind == "while" and any(inner):
        raise ValueError("the network has a loop of unknown length, so its multiply-adds cannot be counted")
    if kind == "cond":
        return max(inner)
    return sum(inner) * parameters["length"] if kind == "scan" else sum(inner)


def programs(parameters: dict) -> Iterator:
    """Yields the programs inside an operation."""
    for value in parameters.values():
        for item in value if isinstance(value, tuple | list) else [value]:
            program = getattr(item, "jaxpr", item)
            if hasattr(program, "eqns"):
                yield program


def convolution_multiply_adds(operation) -> int:
    """Returns outputs times the kernel's taps, less those that fall between the pixels of a dilated image."""
    layout = operation.params["dimension_numbers"].rhs_spec
    kernel, output = operation.invars[1].aval.shape, operation.outvars[0].aval.shape
    # The kernel's input channels are already those of one group.
    taps = math.prod(kernel[axis] for axis in layout[1:])
    return math.prod(output) * taps // math.prod(operation.params["lhs_dilation"])
