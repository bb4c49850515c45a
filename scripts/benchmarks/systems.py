"""Which systems are compared on which platform, and in which settings."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

FUSED_STEPS = 8
MEMBERS = 16
MEMBER_STEPS = 4
EXECUTIONS = ("vmap", "map", "unroll")


@dataclasses.dataclass(frozen=True)
class System:
    """One library in one setting.

    Attributes:
      name: of the row.
      library: "jaxgen", "stock" or "torch": the module LIBRARY_systems makes its program.
      options: of that module's `make`.
      environment: variables of its process.
      setting: which of a row's alternatives this is.
      keeps_memory: whether malloc keeps freed memory, see `jaxgen.allocator`.
    """

    name: str
    library: str
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    setting: str = ""
    keeps_memory: bool = False


Row = tuple[System, ...]
REFERENCE = "PyTorch"
ALONE = "jaxgen"


# Threads that spin are faster on an idle machine, and several times slower on a shared one.
WAITS = {"spinning threads": {}, "sleeping threads": {"OMP_WAIT_POLICY": "PASSIVE"}}


def either_memory(row: Row) -> Row:
    """Returns a row's alternatives, each with malloc as it is and keeping what is freed."""
    return row + tuple(
        dataclasses.replace(system, keeps_memory=True, setting=", ".join(filter(None, (system.setting, "memory kept"))))
        for system in row
    )


def torch_row(name: str, platform: str, threads: int, **options: Any) -> Row:
    """Returns PyTorch in both memory formats and, on a CPU, with both ways to wait and to free memory."""
    waits = WAITS if platform == "cpu" else {"": {}}
    fixed = {"platform": platform, "threads": threads} | options
    row = tuple(
        System(name, "torch", fixed | {"channels_last": last}, variables, ", ".join(filter(None, (layout, wait))))
        for layout, last in (("contiguous", False), ("channels_last", True))
        for wait, variables in waits.items()
    )
    return either_memory(row) if platform == "cpu" else row


def populations(executions: Sequence[str] = EXECUTIONS) -> list[Row]:
    """Returns a population in each execution; a step of it counts as one of every member."""
    settings = {how: {"members": MEMBERS, "member_execution": how} for how in executions}
    if "map" in settings:
        settings[f"map, {MEMBER_STEPS} steps a dispatch"] = settings["map"] | {"fused": MEMBER_STEPS}
    return [
        (System(f"{ALONE}, population of {MEMBERS}, {name}", "jaxgen", options, keeps_memory=True),)
        for name, options in settings.items()
    ]


def rows(recipe: str, platform: str, threads: int, only_populations: Sequence[str] = ()) -> list[Row]:
    """Returns the rows of the table, each the alternatives of which the fastest is measured.

    Args:
      recipe: of the case.
      platform: "cpu" or "gpu".
      threads: cores that each system may use.
      only_populations: if any, jaxgen alone is measured, by itself and as populations in these executions.
    """
    jaxgen = (System(ALONE, "jaxgen", keeps_memory=True),)
    if only_populations:
        return [jaxgen, *populations(only_populations)]
    if recipe == "restore":
        return [jaxgen, torch_row(REFERENCE, platform, threads)]
    stock = (System("stock Flax", "stock"),)
    table = [jaxgen, either_memory(stock) if platform == "cpu" else stock, torch_row(REFERENCE, platform, threads)]
    if platform == "cpu":
        return table
    flags = os.environ.get("XLA_FLAGS", "")
    deterministic = {"XLA_FLAGS": f"{flags} --xla_gpu_deterministic_ops=true".strip()}
    return [
        *table,
        (System(f"jaxgen, {FUSED_STEPS} steps a dispatch", "jaxgen", {"fused": FUSED_STEPS}),),
        *populations(),
        (System("jaxgen, deterministic", "jaxgen", environment=deterministic),),
        (System("jaxgen, bfloat16", "jaxgen", {"bfloat16": True}),),
        (System("stock Flax, bfloat16", "stock", {"bfloat16": True}),),
        torch_row(f"{REFERENCE}, compiled", platform, threads, compiled=True),
        torch_row(f"{REFERENCE}, bfloat16", platform, threads, bfloat16=True),
        torch_row(f"{REFERENCE}, compiled, bfloat16", platform, threads, compiled=True, bfloat16=True),
    ]
