"""Which systems are compared on which platform, and in which settings."""

import dataclasses
import os
from collections.abc import Sequence
from functools import partial
from typing import Any

FUSED_STEPS = 8
POPULATIONS = (1, 4, 16)


@dataclasses.dataclass(frozen=True)
class System:
    """One library in one setting.

    Attributes:
      name: of the row.
      library: "jaxgen", "stock" or "torch": the module LIBRARY_systems makes its program.
      options: of that module's `make`.
      environment: variables of its process.
      setting: which of a row's alternatives this is.
    """

    name: str
    library: str
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    setting: str = ""


Row = tuple[System, ...]
REFERENCE = "PyTorch"


def torch_row(
    name: str, platform: str, threads: int, *, adams: Sequence[str] = ("foreach", "fused"), **options: Any
) -> Row:
    """Returns PyTorch in both memory formats with each of the implementations of Adam."""
    return tuple(
        System(
            name,
            "torch",
            {"platform": platform, "threads": threads, "channels_last": layout == "channels_last", "adam": {adam: True}}
            | options,
            setting=f"{layout}, {adam} Adam",
        )
        for layout in ("contiguous", "channels_last")
        for adam in adams
    )


def rows(platform: str, threads: int) -> list[Row]:
    """Returns the rows of the table, each the alternatives of which the fastest is measured.

    Args:
      platform: "cpu" or "gpu".
      threads: cores that each system may use.
    """
    jaxgen = (System("jaxgen", "jaxgen"),)
    table = [jaxgen, (System("stock Flax", "stock"),), torch_row(REFERENCE, platform, threads)]
    if platform == "cpu":
        return table
    flags = os.environ.get("XLA_FLAGS", "")
    deterministic = {"XLA_FLAGS": f"{flags} --xla_gpu_deterministic_ops=true".strip()}
    # Compiling takes a minute an alternative; on a GPU the fused Adam is the faster one.
    compiled = partial(torch_row, platform=platform, threads=threads, adams=("fused",), compiled=True)
    return [
        *table,
        (System(f"jaxgen, {FUSED_STEPS} steps a dispatch", "jaxgen", {"fused": FUSED_STEPS}),),
        *((System(f"jaxgen, population of {n}", "jaxgen", {"members": n}),) for n in POPULATIONS),
        (System("jaxgen, deterministic", "jaxgen", environment=deterministic),),
        (System("jaxgen, bfloat16", "jaxgen", {"bfloat16": True}),),
        (System("stock Flax, bfloat16", "stock", {"bfloat16": True}),),
        compiled(f"{REFERENCE}, compiled"),
        torch_row(f"{REFERENCE}, bfloat16", platform, threads, bfloat16=True),
        compiled(f"{REFERENCE}, compiled, bfloat16", bfloat16=True),
    ]
