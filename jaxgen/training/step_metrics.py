"""The metrics of a dispatch as one array and one flag, so that the host fetches two arrays whatever their number."""

import dataclasses
from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgen.training.state import Metrics


@partial(jax.tree_util.register_dataclass, data_fields=["values", "finite"], meta_fields=["names"])
@dataclasses.dataclass(frozen=True)
class StepMetrics:
    """Metrics of the steps of one dispatch.

    Attributes:
      values: float[metrics, steps], of a population float[metrics, steps, members].
      finite: bool[], whether all of them are finite.
      names: of the metrics, in the order of `values`.
    """

    values: Array
    finite: Array
    names: tuple[str, ...]

    def fetch(self) -> dict[str, np.ndarray]:
        """Returns float[steps] or float[steps, members] by name, on the host, once they are computed."""
        return dict(zip(self.names, jax.device_get(self.values), strict=True))


def stack_metrics(metrics: Metrics) -> StepMetrics:
    """Returns metrics of the same shape, by name, as one array."""
    names = tuple(sorted(metrics))
    values = jnp.stack([metrics[name] for name in names]) if names else jnp.zeros((0, 1))
    return StepMetrics(values, jnp.isfinite(values).all(), names)


def first_non_finite(arrays: Mapping[str, np.ndarray]) -> tuple[int, str] | None:
    """Returns (index, name) of the first value that is NaN or infinite, or None.

    Args:
      arrays: by name; the index is into the flattened array.
    """
    finite = {name: np.isfinite(values) for name, values in arrays.items()}
    return min(((int(np.argmin(ok)), name) for name, ok in finite.items() if not ok.all()), default=None)
