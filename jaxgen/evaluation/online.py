"""A score during training, cheap enough to be taken every so many steps, by which the best checkpoint is chosen."""

from collections.abc import Callable

import jax

from jaxgen import data
from jaxgen.evaluation.features import Extractor, extract, sample_batches
from jaxgen.evaluation.report import Sample, real_features
from jaxgen.evaluation.scores import frechet, require_enough
from jaxgen.step.state import Metrics, Selection, TrainState, averaged
from jaxgen.training import execute

# Of the latents: a report draws its own from the seed that it is given.
SEED = 2**32 - 1


def make_online(
    extractor: Extractor, config: data.Config, sample: Sample, player: str, count: int
) -> tuple[Callable[[TrainState], Metrics], Selection]:
    """Returns what measures a state by its generated images, and how to choose among checkpoints by that.

    The reference is the training split, so that a report against the test split judges what was chosen by other images.

    Args:
      extractor: the network that looks at them.
      config: the run's data.
      sample: the objective's.
      player: whose averaged variables are measured.
      count: generated images, and at most as many real ones.
    Raises:
      UsageError: if there are too few images.
    """
    real = real_features(extractor, config, "train", count)
    require_enough(min(count, len(real.features)), real.features.shape[1], "")
    name = f"evaluation/{extractor.prefix}fid"

    def evaluate(state: TrainState) -> Metrics:
        variables = jax.device_get(execute.whole(averaged(state, player)))
        fake = extract(extractor, sample_batches(sample, variables, SEED, count, extractor.batch))
        return {name: frechet(real, fake)}

    return evaluate, Selection(name, largest=False)
