"""How an objective calls a module: variables in, output and updated statistics out."""

from typing import Any

from jaxgen.step.state import PyTree


def apply(
    module, variables: PyTree, *inputs: Any, train: bool, method: str = "__call__", **named: Any
) -> tuple[Any, PyTree]:
    """Returns a module's output and its updated statistics.

    Args:
      module: a Flax module whose method takes the inputs and then `train`.
      variables: {"params": …, "stats": {collection: …}}.
      *inputs: what the method takes.
      train: whether batch statistics are computed and updated, or used as they stand.
      method: the module's method.
      **named: what else it takes, by name.
    Returns:
      (output, stats).
    """
    stats = variables["stats"]
    return module.apply(
        {"params": variables["params"], **stats}, *inputs, train=train, **named, method=method, mutable=list(stats)
    )
