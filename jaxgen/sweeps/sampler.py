"""The samplers that propose the settings of a trial, and the pruners that stop trials early."""

from typing import Any, Literal, get_args

import numpy as np
import optuna

from jaxgen.sweeps.space import Field

Sampler = Literal["tpe", "random", "grid"]
Pruner = Literal["none", "asha", "hyperband"]
SAMPLERS = get_args(Sampler)
PRUNERS = get_args(Pruner)
REDUCTION_FACTOR = 3
"""The best third of the trials continue after each rung."""


def make_sampler(name: str, seed: int, number: int) -> optuna.samplers.BaseSampler:
    """Returns the sampler of one trial.

    Args:
      name: one of `SAMPLERS`. Trials of a grid have fixed values, and draw nothing.
      seed: of the sweep.
      number: of the trial. Each trial has its own seed, so that its values do not depend on which worker draws them.
    """
    trial_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    if name == "tpe":
        # `constant_liar` counts running trials as bad ones, so that trials that run together differ.
        return optuna.samplers.TPESampler(seed=trial_seed, constant_liar=True)
    return optuna.samplers.RandomSampler(seed=trial_seed)


def make_pruner(name: str, interval: int, steps: int) -> optuna.pruners.BasePruner:
    """Returns a pruner.

    Args:
      name: one of `PRUNERS`.
      interval: training steps between two evaluations. The first rung is after one interval.
      steps: training steps of a trial.
    """
    if name == "asha":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=interval, reduction_factor=REDUCTION_FACTOR)
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(
            min_resource=interval, max_resource=steps, reduction_factor=REDUCTION_FACTOR
        )
    return optuna.pruners.NopPruner()


def suggest(trial: optuna.trial.Trial, field: Field) -> Any:
    """Returns the value that the sampler suggests for a field."""
    if field.kind == "choice":
        return trial.suggest_categorical(field.option, field.choices)
    assert field.low is not None
    assert field.high is not None
    if field.kind == "int":
        return trial.suggest_int(field.option, int(field.low), int(field.high), step=field.step)
    return trial.suggest_float(field.option, field.low, field.high, log=field.kind == "log")
