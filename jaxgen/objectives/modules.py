"""How an objective calls a module: variables in, output and updated statistics out."""

from typing import Any

from jaxgen.step.state import PyTree


def apply(module, variables: PyTree, *inputs: Any, train: bool, method: str = "__call__") -> tuple[Any, PyTree]:
    """Returns a module's output and its updated statistics.

    Args:
      module: a Flax module whose method takes the inputs and then `train`.
      variables: {"params": …, "stats": {collection: …}}.
      *inputs: what the method takes.
      train: whether batch statistics are computed and updated, or used as they stand.
      method: the module's method.
    Returns:
      (output, stats).
    """
    stats = variables["stats"]
    return module.apply(
        {"params": variables["params"], **stats}, *inputs, train=train, method=method, mutable=list(stats)
    )
