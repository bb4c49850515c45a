"""Hyperparameter search: Optuna samples the trials, and a population or processes train them."""

from jaxgen.errors import requires

with requires("sweep", "a sweep"):
    import optuna  # noqa: F401
