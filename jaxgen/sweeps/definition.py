"""The definition of a sweep, on which all workers of a study must agree."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax

from jaxgen.config.base import Config
from jaxgen.errors import UsageError, unknown
from jaxgen.evaluation.scores import direction_of, online_metrics
from jaxgen.fields import changeable
from jaxgen.metrics.metric import Direction
from jaxgen.runs.data.record import describe_data
from jaxgen.runs.disk.config_file import flatten, to_dict
from jaxgen.runs.experiment_copy import Script
from jaxgen.runs.train import Prepared, batch_shapes
from jaxgen.sweeps.options import Options
from jaxgen.sweeps.space import Space

AFFECT_RESULTS = {"steps", "evaluate_images", "evaluate_extractor"}
"""Options that a run may change when it resumes, and that change the metrics of a trial."""


@dataclasses.dataclass(frozen=True)
class Definition:
    """What a sweep optimizes, and how.

    Attributes:
      experiment: name of the experiment.
      options: of the sweep, of which the seeds, the sampler, its seed and the pruner count.
      space: the search space.
      metric: name of the metric to optimize.
      direction: whether to minimize or to maximize it.
      interval: training steps between two evaluations, after which the pruner may stop a trial.
      settings: the configuration and the description of the data, as plain values, without what changes no result.
      script: SHA-256 of the experiment's script. Another one gives a warning.
    """

    experiment: str
    options: Options
    space: Space
    metric: str
    direction: Direction
    interval: int
    settings: Mapping[str, Any]
    script: str

    def describe(self) -> dict[str, Any]:
        """Returns all but the script as plain values by dotted name."""
        values = {name: getattr(self, name) for name in ("experiment", "metric", "direction", "interval")}
        values |= {name: getattr(self.options, name) for name in ("seeds", "sampler", "pruner", "sampler_seed")}
        return values | flatten({"search": self.space.describe()}) | flatten(self.settings)


def make_definition(options: Options, space: Space, script: Script, prepared: Prepared) -> Definition:
    """Returns the definition of a sweep.

    Args:
      options: of the sweep.
      space: the search space.
      script: the experiment's script.
      prepared: the experiment's objective and data.
    Raises:
      UsageError: if the metric or the pruner does not fit the experiment's evaluations.
    """
    metric, direction = choose_metric(options, prepared)
    interval = evaluation_interval(space.config)
    if options.pruner != "none" and interval == space.config.steps:
        raise UsageError(
            f"{options.pruner} prunes at evaluations, and there is none before step {interval}: set --evaluate-every"
        )
    searched = {field.option for field in space.fields}
    excluded = (changeable(Config) - AFFECT_RESULTS) | searched | {"run"}
    settings = {name: value for name, value in flatten(to_dict(space.config)).items() if name not in excluded}
    return Definition(
        experiment=script.name,
        options=options,
        space=space,
        metric=metric,
        direction=direction,
        interval=interval,
        settings={f"config.{name}": value for name, value in settings.items()} | describe_data(prepared.dataset),
        script=script.sha256,
    )


def evaluation_interval(config: Any) -> int:
    """Returns the number of training steps between two evaluations.

    Raises:
      UsageError: if there is no step, or the last one is not evaluated.
    """
    if config.steps < 1:
        raise UsageError(f"--steps {config.steps}: a sweep compares trained runs; give at least 1")
    interval = min(config.evaluate_every or config.steps, config.steps)
    if config.steps % interval:
        raise UsageError(f"--steps {config.steps} is no multiple of --evaluate-every {interval}: change one of them")
    return interval


def choose_metric(options: Options, prepared: Prepared) -> tuple[str, Direction]:
    """Returns the metric to optimize and its direction.

    Raises:
      UsageError: if the experiment does not log the metric at every evaluation, or its direction is unknown.
    """
    selection = prepared.objective.selection
    metric = options.metric or selection.metric
    require_logged(metric, prepared)
    known = selection.direction if metric == selection.metric else direction_of(metric)
    direction = options.direction or known
    if direction is None:
        raise UsageError(f"direction of {metric} is unknown: set --direction minimize or --direction maximize")
    return metric, direction


def require_logged(metric: str, prepared: Prepared) -> None:
    """Raises UsageError if an experiment does not log a metric at every evaluation."""
    objective, config = prepared.objective, prepared.config
    trained = set(jax.eval_shape(objective.step, prepared.template, batch_shapes(prepared))[1])
    if config.evaluate_extractor:
        evaluated = {objective.selection.metric}
    else:
        evaluated = set(jax.eval_shape(objective.evaluate, prepared.template, prepared.evaluation_batch))
    if metric not in trained | evaluated:
        if metric in online_metrics() and objective.generative and not config.evaluate_extractor:
            raise UsageError(
                f"{metric} needs a feature network: set --evaluate-extractor, as in --evaluate-extractor auto, or "
                f"give one of {', '.join(sorted(trained | evaluated))}"
            )
        raise unknown("metric", metric, trained | evaluated, max_listed=len(trained | evaluated))
    interval = evaluation_interval(config)
    if metric in trained and (not config.log_every or interval % config.log_every):
        raise UsageError(f"{metric} is logged every {config.log_every} steps: set --log-every {interval}")
