"""The state of a training run and the contract between an objective and whatever runs it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from flax import struct
from jax import Array

from jaxgen.metrics.direction import Direction

PyTree = Any
Batch = dict[str, Array]
Metrics = dict[str, Array]


@struct.dataclass
class TrainState:
    """Everything that changes or may be swept during training, as arrays only.

    jit, vmap, scan and Orbax take it as it is.

    Attributes:
      step: int32[], the number of training steps taken.
      params: parameters by player: "generator" and "discriminator", or "model".
      stats: the other variables of each player (batch statistics, spectral vectors), by player and collection.
      opt_state: optimizer state by player.
      ema: averaged variables by player, each {"params": …, "stats": …}: pictures need both. Other means that a recipe
        needs stand beside the players.
      hyper: every number that may be swept, float32[].
      key: root key of the run, never advanced: what a step draws depends on `key` and `step` alone.
    """

    step: Array
    params: dict[str, PyTree]
    stats: dict[str, PyTree]
    opt_state: dict[str, PyTree]
    ema: dict[str, PyTree]
    hyper: dict[str, Array]
    key: Array


class Selection(NamedTuple):
    """Which checkpoint is the best one.

    Attributes:
      metric: name of the metric that ranks the checkpoints.
      direction: whether its smallest or its largest value is the best.
    """

    metric: str
    direction: Direction

    def better(self, new: float, old: float) -> bool:
        """Returns whether `new` beats `old`; NaN never does."""
        return new > old if self.direction == "maximize" else new < old


class Alarm(NamedTuple):
    """A metric that tells that training goes wrong once it stays out of its bounds, and what to try then.

    Attributes:
      metric: its name.
      low: below which it is wrong.
      high: above which it is wrong.
      advice: what it means and what to try, in one line.
      patience: how many times in a row it must be wrong, of those times that it is looked at.
    """

    metric: str
    low: float = float("-inf")
    high: float = float("inf")
    advice: str = ""
    patience: int = 3

    def wrong(self, value: float) -> bool:
        """Returns whether a value is out of bounds."""
        return not self.low <= value <= self.high


class Objective(NamedTuple):
    """A model's training as pure functions. Nothing in it knows files, devices or loops.

    Attributes:
      init: (key, batch) -> TrainState. Of the batch only the image's shape matters.
      step: (state, batch) -> (state, metrics), the signature of `lax.scan`. A batch holds `chunks` times the number of
        images that one gradient sees.
      chunks: gradient updates' worth of images in one batch (critic steps); 1 elsewhere.
      microbatches: parts of a chunk that are differentiated one after the other and averaged (gradient accumulation).
      pictures: (state, batch) -> images by name, float32[n, h, w, c] in [0, 1], or [rows, columns, h, w, c] where their
        places tell something, for a person to look at.
      evaluate: (state, batch) -> metrics on images that were not trained on, named "evaluation/…".
      selection: which of the evaluation metrics tells the best checkpoint.
      alarms: what to warn of in the metrics.
      finished: name of a metric of the step that is 1 once there is nothing more to train; empty: there always is.
      sample: (variables, key, count) -> images float32[count, h, w, c] in [0, 1] from the prior.
      generate: (variables, latents[b, latent], labels[b] or None) -> images float32[b, h, w, c] in [0, 1]; `sample` is
        that of standard normal latents.
      settle: (variables, latents[b, latent], labels[b] or None) -> variables whose batch statistics have moved towards
        those of these latents, as in a step.
      latent: size of these latents; 0 where nothing is generated.
      reconstruct: (variables, images) -> images, through the latent code.
      encode: (variables, images) -> (mean, log variance) of the code, each float[b, latent].
      log_weights: (variables, key, images, samples, hyper) -> log p(x, z) − log q(z|x), float[samples, b], nats, of
        codes drawn from q: what the likelihood is estimated from.
      restore: (variables, images, guide=None) -> images with the damage removed.
      detect: (variables, images) -> float[b, h, w, 1], how likely each pixel is to be hidden by damage.
      damage: (key[b], images, hyper) -> (images, guide, mask), what `restore` or `detect` is for, None what it has not.
      judge: (state, images, labels[b] or None) -> float[b]: a classifier's logit of the class that it names, or a
        discriminator's of an image being real, and of that class where it is told one; each image on its own.
      module: of `restore` or `detect`, for what depends on its architecture: how far it sees, what it costs.

    `variables` is {"params": …, "stats": …} of the player that makes pictures; `averaged` and `current` return it.
      player: the name of the player that makes pictures.
    """

    init: Callable[[Array, Batch], TrainState]
    step: Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
    player: str
    chunks: int = 1
    microbatches: int = 1
    pictures: Callable[[TrainState, Batch], dict[str, Array]] | None = None
    evaluate: Callable[[TrainState, Batch], Metrics] | None = None
    selection: Selection | None = None
    alarms: tuple[Alarm, ...] = ()
    finished: str = ""
    sample: Callable[[PyTree, Array, int], Array] | None = None
    generate: Callable[[PyTree, Array, Array | None], Array] | None = None
    settle: Callable[[PyTree, Array, Array | None], PyTree] | None = None
    latent: int = 0
    reconstruct: Callable[[PyTree, Array], Array] | None = None
    encode: Callable[[PyTree, Array], tuple[Array, Array]] | None = None
    log_weights: Callable[[PyTree, Array, Array, int, dict[str, Array]], Array] | None = None
    restore: Callable[..., Array] | None = None
    detect: Callable[[PyTree, Array], Array] | None = None
    damage: Callable[[Array, Array, dict[str, Array]], tuple[Array, Array | None, Array | None]] | None = None
    judge: Callable[[TrainState, Array, Array | None], Array] | None = None
    module: Any = None


def averaged(state: TrainState, player: str) -> PyTree:
    """Returns the exponential moving average of a player's variables, {"params": …, "stats": …}."""
    return state.ema[player]


def current(state: TrainState, player: str) -> PyTree:
    """Returns a player's variables as they stand, {"params": …, "stats": …}."""
    return {"params": state.params[player], "stats": state.stats[player]}
