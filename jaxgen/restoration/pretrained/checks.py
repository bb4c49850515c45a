"""Checks of networks in files from elsewhere: their cards, and the arrays that a card's network has."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import jax
import numpy as np

from jaxgen.errors import UsageError
from jaxgen.fields import Range
from jaxgen.io import weights
from jaxgen.restoration.restorer import Conditioning, NetworkSpec

NOT_RECORDED = {"parent", "name", "dtype", "param_dtype"}
"""Fields of modules that a card does not have."""
MAX_FIELD = 10_000
"""Largest number in a module's fields, such as its depth, which is traced layer by layer."""
MIN_SIDE = 64
"""Pixels of a side of the images that a network is traced with, at least."""
SPEC = {
    "channels": Range(minimum=1, maximum=64),
    "receptive_field_radius": Range(minimum=0, maximum=1_000_000),
    "size_multiple": Range(minimum=1, maximum=4096),
    "multiply_adds_per_pixel": Range(minimum=0),
    "parameters": Range(minimum=0),
    "scale": Range(minimum=1, maximum=64),
    "max_untiled_pixels": Range(minimum=1),
}
"""Ranges of the numbers of a spec, of which `multiply_adds_per_pixel` alone may be fractional."""


def check_fields(architecture: type, fields: Mapping[str, Any]) -> None:
    """Raises ValueError for a field that a module does not have, or a value that no module has."""
    known = {field.name for field in dataclasses.fields(architecture)} - NOT_RECORDED
    for name, value in fields.items():
        if name not in known:
            raise ValueError(f"{architecture.__name__} has no field {name!r:.100}")
        for item in value if isinstance(value, tuple) else (value,):
            is_number = isinstance(item, int | float) and math.isfinite(item) and abs(item) <= MAX_FIELD
            if not (is_number or item is None or isinstance(item, str)):
                raise ValueError(f"field {name} is {item!r:.100}")


def check_spec(spec: NetworkSpec) -> None:
    """Raises ValueError for a value of a spec that no network has."""
    for name, allowed in SPEC.items():
        value = getattr(spec, name)
        if name == "receptive_field_radius" and value is None:
            continue
        kinds = (int, float) if name == "multiply_adds_per_pixel" else (int,)
        if type(value) not in kinds or value not in allowed:
            raise ValueError(f"{name} is {value!r:.100} and not a number that is {allowed}")
    if spec.conditioning not in get_args(Conditioning):
        raise ValueError(f"conditioning is {spec.conditioning!r:.100}")


def check_network(path: Path, card: Any, variables: Any) -> None:
    """Checks that a file holds the network of its card. Only shapes are traced.

    Args:
      path: of the file.
      card: its `Card`. The images of an estimator of noise have one channel. Of what takes no images, or does not say
        which ones, the values alone are checked.
      variables: its arrays.
    Raises:
      UsageError: if the card describes no network or one of another output, an array is missing or has another shape,
        or a value is not finite.
    """
    require_finite(path, variables)
    if card.output == "confidence" or (card.spec is None and card.output != "noise_level"):
        return
    spec, multiple = card.spec, card.spec.size_multiple if card.spec else 1
    side = multiple * -(-MIN_SIDE // multiple)
    channels = spec.channels + spec.condition_channels if spec else 1
    images = jax.ShapeDtypeStruct((1, side, side, channels), "float32")
    module = card.module()
    try:
        shapes = jax.eval_shape(lambda x: module.init(jax.random.key(0), x, False), images)
        output = jax.eval_shape(lambda v, x: module.apply(v, x, False), shapes, images)
    except Exception as error:  # Modules raise many kinds for fields that do not fit together.
        reason = " ".join(str(error).split())[:160]
        raise UsageError(
            f"the card of {path} describes no network ({type(error).__name__}: {reason}): write the file again"
        ) from error
    expected = (1,)
    if spec:
        width = 1 if card.output == "mask" else spec.channels
        expected = (1, spec.scale * side, spec.scale * side, width)
    if getattr(output, "shape", None) != expected:
        raise UsageError(
            f"the card of {path} does not fit its network, whose output for images of {side}x{side} is "
            f"{getattr(output, 'shape', output)!r:.100} and not {expected}: write the file again"
        )
    weights.require_arrays(path, card.architecture, variables, weights.describe_arrays(shapes), "write the file again")


def require_finite(path: Path, variables: Any) -> None:
    """Raises UsageError where an array of a file has a value that is NaN or infinite."""
    for name, array in jax.tree_util.tree_leaves_with_path(variables):
        if not np.isfinite(array).all():
            where = jax.tree_util.keystr(name, simple=True, separator="/")
            raise UsageError(f"{path}: {where} has values that are NaN or infinite; get another file")
