"""Loads a trained network by name, file or run folder: `jaxgen.load`."""

import os
from pathlib import Path

from jaxgen.errors import UsageError, unknown
from jaxgen.fields import require_local_path
from jaxgen.restoration import pretrained
from jaxgen.restoration.network import Network, load_network
from jaxgen.restoration.pretrained import Output
from jaxgen.runs.disk.run_folder import CONFIG, newest
from jaxgen.runs.open_restorer import make_restorer_of_run
from jaxgen.runs.reopen import Opened, OpenOptions, open_run, read_config


def load(source: str | os.PathLike, *, trust: bool = False) -> Network:
    """Loads a trained network, to be called with images.

    >>> import jaxgen, numpy as np
    >>> net = jaxgen.load("denoise_gray")
    >>> net(np.full((16, 16), 0.5), sigma=25).shape
    (16, 16)
    >>> net.card.spec.parameters
    587808

    Args:
      source: name of a shipped network, path of a .safetensors file with a model card (`jaxgen convert` writes one from
        published weights), or the run folder of a restorer or a detector.
      trust: whether to execute a run's experiment.py although it is none of the installed experiments.
    Returns:
      the network, with its model card; see `jaxgen.restoration.network.Network`. It takes no traced images: for a
      `jax.jit` of your own see `jaxgen.restoration.pretrained.read`, of a run `Run.objective`.
    Raises:
      jaxgen.errors.UsageError: if there is none.
    """
    name = os.fspath(source)
    require_local_path(name, "source")
    if pretrained.is_network(name):
        return load_network(name)
    path = Path(name)
    if (path / CONFIG).is_file():
        return network_of_run(open_run(path, OpenOptions(trust=trust)))
    if path.is_dir():
        raise UsageError(f"{path} is no run folder: it has no {CONFIG}")
    if path.exists():
        raise UsageError(f"{path} has no model card: convert published weights by `jaxgen convert`, see its --help")
    raise unknown("network", name, pretrained.NETWORKS)


def network_of_run(opened: Opened) -> Network:
    """Returns the restorer or the detector of an open run.

    Raises:
      UsageError: if the run is neither.
    """
    objective, config = opened.objective, opened.config
    capability = objective.restoring or objective.detecting
    if capability is None:
        raise UsageError(f"{opened.path} holds no restorer and no detector: open it by jaxgen.open_run")
    output: Output = "image" if objective.restoring else "mask"
    restorer = make_restorer_of_run(opened, capability)
    experiment = read_config(opened.path)["experiment"]["name"]
    scores = {name: value for name, value in newest(opened.metrics()).items() if name.startswith("evaluation/")}
    card = pretrained.make_card(
        capability.module,
        output,
        restorer.spec,
        damage=str(getattr(config, "damage", "damage of its own")),
        command=f"jaxgen train {experiment}",
        training=f"{opened.step} steps",
        data=config.data.name,
        data_license="that of the data",
        scores={name: f"{value:.4g}" for name, value in scores.items()},
    )
    return Network(str(opened.path), card, restorer)
