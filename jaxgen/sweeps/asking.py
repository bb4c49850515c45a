"""What Optuna suggests: a sampler for each ticket, and which trials a pruner gives up."""

from typing import Any

import numpy as np
import optuna

from jaxgen.sweeps.space import Field, Value

SAMPLERS = ("tpe", "random", "grid")
PRUNERS = ("none", "asha", "hyperband")


def make_sampler(name: str, seed: int, ticket: int) -> Any:
    """Returns the sampler of one ticket."""
    drawn = int(np.random.SeedSequence([seed, ticket]).generate_state(1)[0])
    if name == "tpe":
        # Counts trials that still run as bad ones, so that those tried at the same time differ.
        return optuna.samplers.TPESampler(seed=drawn, constant_liar=True)
    return optuna.samplers.RandomSampler(seed=drawn)


def make_pruner(name: str, every: int, steps: int) -> Any:
    """Returns the pruner, which first looks after `every` steps."""
    if name == "asha":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=every, reduction_factor=3)
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=every, max_resource=steps, reduction_factor=3)
    return optuna.pruners.NopPruner()


def suggest(handle: Any, field: Field) -> Value:
    """Returns the value that the sampler suggests for a field."""
    if field.kind == "choice":
        return handle.suggest_categorical(field.option, field.choices)
    if field.kind == "int":
        return handle.suggest_int(field.option, field.low, field.high, step=field.step)
    return handle.suggest_float(field.option, field.low, field.high, log=field.kind == "log")
