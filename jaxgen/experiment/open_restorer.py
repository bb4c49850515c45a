"""A restorer by what holds it: the installation, a file of weights, a run folder."""

from pathlib import Path

import jax

from jaxgen import restorers
from jaxgen.errors import UsageError
from jaxgen.experiment.config import Config
from jaxgen.experiment.damage import HIDING
from jaxgen.experiment.reopen import Opened, open_run
from jaxgen.experiment.restoration import RestorationConfig
from jaxgen.inference.restorer import Restorer, examine, make_restorer
from jaxgen.step.optimizers import hyper_arrays


def open_restorer(source: str) -> Restorer:
    """Returns a restorer: of the averaged network of a run's last checkpoint, or shipped, or in a file with its card.

    Args:
      source: a run folder, the name of a shipped restorer, or the path of a .safetensors file.
    Raises:
      UsageError: if there is none, it restores nothing, or its network needs a mask.
    """
    if restorers.is_known(source):
        return restorers.load_restorer(source)
    return of_opened(open_run(Path(source)), source)


def of_opened(opened: Opened, source: str) -> Restorer:
    """Returns the restorer of a run that was opened.

    Raises:
      UsageError: if it restores nothing, or its network needs a mask.
    """
    objective = opened.objective
    if objective.restore is None:
        raise UsageError(f"{source}: this run restores nothing")
    refuse_masks(opened.config, source)
    channels = opened.config.data.channels
    image = jax.ShapeDtypeStruct((1, 64, 64, channels), "float32")
    keys, hyper = jax.random.split(jax.random.key(0), 1), hyper_arrays(vars(opened.config.hyper))
    guide = jax.eval_shape(lambda image: objective.damage(keys, image, hyper)[1], image)
    variables = {"params": opened.variables["params"], **opened.variables["stats"]}
    guides = 0 if guide is None else guide.shape[-1]
    return make_restorer(objective.module, variables, examine(objective.module, variables, channels, guides))


def refuse_masks(config: Config, source: str) -> None:
    """Raises UsageError where a run's network is told what is hidden, and would take a level of noise for that."""
    if isinstance(config, RestorationConfig) and config.told and config.damage in HIDING:
        raise UsageError(
            f"{source}: its network needs a mask of {config.damage}, and there is none; take a run that is told none"
        )
