"""A score during training that selects the best checkpoint."""

from collections.abc import Callable

import jax

from jaxgen import data
from jaxgen.errors import UsageError
from jaxgen.evaluation import MAX_SEED
from jaxgen.evaluation.features import Extractor, Sample, extract, sample_batches
from jaxgen.evaluation.report import conditioning_labels, load_training_images, real_features
from jaxgen.evaluation.scores import Comparison, online_score, require_enough
from jaxgen.training import execute
from jaxgen.training.state import Selection, TrainState, averaged

SEED = MAX_SEED + 1
"""Seed of the latents, which no report can have."""


def make_online(
    extractor: Extractor, config: data.Config, sample: Sample, player: str, count: int, conditional: bool = False
) -> tuple[Callable[[TrainState], dict[str, float]], Selection]:
    """Returns a function that scores a state by its generated images, and the selection of the best checkpoint by it.

    The reference is the training images. A report compares with the test split, on which nothing was selected.

    Args:
      extractor: the feature network.
      config: of the run's data.
      sample: the objective's.
      player: whose averaged variables generate.
      count: number of generated images, and the largest number of real ones.
      conditional: whether the generator takes labels.
    Raises:
      UsageError: if there are too few images; from the function, if features are not finite.
    """
    real = real_features(extractor, load_training_images(config), count)
    width = real.features.shape[1]
    require_enough(extractor.network, len(real.features), width, config.split, count, "--evaluate-images")
    labels = conditioning_labels(real, conditional)
    score, metric = online_score(extractor.network)

    def evaluate(state: TrainState) -> dict[str, float]:
        variables = jax.device_get(execute.first_replica(averaged(state, player)))
        batches = sample_batches(sample, variables, SEED, count, extractor.batch, labels)
        try:
            generated = extract(extractor, batches, "generated")
        except UsageError as error:
            raise UsageError(f"evaluation at step {int(state.step)}: {error}") from None
        return {metric: score.compute(Comparison(real, generated))}

    return evaluate, Selection(metric, score.direction)
