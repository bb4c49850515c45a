"""Opens the restorer of a run folder, a shipped one, or one in a file of weights."""

from pathlib import Path

from jaxgen.config.base import Config
from jaxgen.config.damage import NOISES, OVERLAYS
from jaxgen.config.restoration import RestorationConfig
from jaxgen.errors import UsageError
from jaxgen.restoration import pretrained
from jaxgen.restoration.any_size import any_size
from jaxgen.restoration.clips import ClipRestorer, make_clip_restorer
from jaxgen.restoration.restorer import Conditioning, Restorer, condition_channels, make_restorer, measure_spec
from jaxgen.runs.reopen import DEFAULTS, Opened, OpenOptions, open_run
from jaxgen.runs.summary import describe
from jaxgen.training.state import Detecting, Restoring


def open_restorer(source: str, options: OpenOptions = DEFAULTS) -> Restorer:
    """Returns the restorer of a run, a shipped one, or one in a file with its model card.

    Args:
      source: a run folder, the name of a shipped restorer, or the path of a .safetensors file.
      options: how a run is opened.
    Raises:
      UsageError: if there is none, or it restores no single images.
    """
    network = open_network(source, options)
    if isinstance(network, ClipRestorer):
        raise UsageError(f"{source}: this run restores clips and no single images")
    return network


def open_network(source: str, options: OpenOptions = DEFAULTS) -> Restorer | ClipRestorer:
    """Returns the restorer of images or of clips of a source; see `open_restorer`.

    Raises:
      UsageError: if there is none, or it restores nothing.
    """
    if pretrained.is_network(source):
        return pretrained.load_restorer(source)
    opened = open_run(Path(source), options)
    if clips := opened.objective.restoring_clips:
        return make_clip_restorer(clips, opened.variables, opened.config.data.channels)
    return restorer_of_run(opened, source)


def identity(source: str) -> str:
    """Returns a digest of a restorer's weights, as they are in its file or in the last checkpoint of its run.

    Args:
      source: see `open_restorer`.
    """
    return pretrained.digest(source) if pretrained.is_network(source) else describe(Path(source))["digest"]


def restorer_of_run(opened: Opened, source: str) -> Restorer:
    """Returns the restorer of an open run.

    Raises:
      UsageError: if it restores nothing.
    """
    if opened.objective.restoring is None:
        raise UsageError(f"{source}: this run restores nothing")
    return make_restorer_of_run(opened, opened.objective.restoring)


def make_restorer_of_run(opened: Opened, capability: Restoring | Detecting) -> Restorer:
    """Returns the network of an open run that restores images or detects damage."""
    variables = {"params": opened.variables["params"], **opened.variables["stats"]}
    channels, condition = opened.config.data.channels, conditioning(opened.config)
    module = any_size(capability.module, channels + condition_channels(condition))
    return make_restorer(module, variables, measure_spec(module, variables, channels, condition))


def conditioning(config: Config) -> Conditioning:
    """Returns the content of the input channel after the image's channels, for a configuration's network."""
    if not isinstance(config, RestorationConfig) or not config.conditioning:
        return "none"
    if config.damage in OVERLAYS:
        return "mask"
    return "noise_level" if config.damage in NOISES else "none"
