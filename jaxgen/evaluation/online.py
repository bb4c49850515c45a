"""A score during training, cheap enough to be taken every so many steps, by which the best checkpoint is chosen."""

from collections.abc import Callable

import jax

from jaxgen import data
from jaxgen.errors import UsageError
from jaxgen.evaluation import MAX_SEED
from jaxgen.evaluation.features import Extractor, Sample, extract, sample_batches
from jaxgen.evaluation.report import labels_of, load_trained, real_features
from jaxgen.evaluation.scores import frechet, require_enough
from jaxgen.training import execute
from jaxgen.training.state import Metrics, Selection, TrainState, averaged

# Of the latents: a report draws its own from the seed that it is given.
SEED = MAX_SEED + 1


def make_online(
    extractor: Extractor, config: data.Config, sample: Sample, player: str, count: int, conditional: bool = False
) -> tuple[Callable[[TrainState], Metrics], Selection]:
    """Returns what measures a state by its generated images, and how to choose among checkpoints by that.

    The reference is what the run is trained on: a report against the test split judges what was chosen by other images.

    Args:
      extractor: the network that looks at them.
      config: the run's data.
      sample: the objective's.
      player: whose averaged variables are measured.
      count: generated images, and at most as many real ones.
      conditional: whether the generator is told a label for each image.
    Raises:
      UsageError: if there are too few images; from the measurement, if features are not finite.
    """
    real = real_features(extractor, load_trained(config), count)
    require_enough(len(real.features), real.features.shape[1], config.split, count, "--evaluate-images")
    labels, name = labels_of(real, conditional), f"evaluation/{extractor.prefix}fid"

    def evaluate(state: TrainState) -> Metrics:
        variables = jax.device_get(execute.first_replica(averaged(state, player)))
        made = sample_batches(sample, variables, SEED, count, extractor.batch, labels)
        try:
            fake = extract(extractor, made, "generated")
        except UsageError as error:
            raise UsageError(f"evaluation at step {int(state.step)}: {error}") from None
        return {name: frechet(real, fake)}

    return evaluate, Selection(name, direction="minimize")
