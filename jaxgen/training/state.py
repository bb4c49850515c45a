"""The state of a training run, and the contract between objectives and execution."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
from flax import struct
from jax import Array

from jaxgen.metrics.metric import Direction

PyTree = Any
Batch = dict[str, Any]
"""Arrays by name, of JAX or NumPy: "image" float[batch, height, width, channel] in [0, 1], and "label" int32[batch]."""
Metrics = dict[str, Array]


class TrainState(struct.PyTreeNode):
    """Everything that changes or may be swept during training, as arrays only.

    jit, vmap, scan and Orbax take it as it is.

    Attributes:
      step: int32[], the number of training steps taken.
      params: parameters by player: "generator" and "discriminator", or "model".
      stats: the other variables of each player (batch statistics, spectral vectors), by player and collection.
      opt_state: optimizer state by player.
      ema: averaged variables by player, each {"params": …, "stats": …}: samples need both. Objectives may keep further
        averages by other names.
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

    def __repr__(self) -> str:
        if not all(hasattr(leaf, "shape") for leaf in jax.tree.leaves(self)):
            # What jax.tree.map made of the state, such as the shapes of its arrays.
            values = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self))
            return f"TrainState({', '.join(values)})"
        count = lambda tree: sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))
        players = ", ".join(f"{name}: {count(params):,} parameters" for name, params in self.params.items())
        return f"TrainState(step={self.step}, {players})"


class Selection(NamedTuple):
    """Which checkpoint is the best one.

    Attributes:
      metric: name of the metric that ranks the checkpoints.
      direction: whether its smallest or its largest value is the best.
    """

    metric: str
    direction: Direction

    def best(self, lines: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Returns the first of the metrics by name that have the best value; None where all lack the metric, or it is
        NaN.
        """
        values = [line for line in lines if not math.isnan(line.get(self.metric, math.nan))]
        choose = max if self.direction == "maximize" else min
        return choose(values, key=lambda line: line[self.metric], default=None)


class Alarm(NamedTuple):
    """A metric whose values out of bounds indicate that training fails, with advice.

    Attributes:
      metric: its name.
      low: lower bound.
      high: upper bound.
      advice: what it means and what to try, in one line.
      patience: number of consecutive values out of bounds before a warning.
    """

    metric: str
    low: float = float("-inf")
    high: float = float("inf")
    advice: str = ""
    patience: int = 3

    def wrong(self, value: float) -> bool:
        """Returns whether a value is out of bounds."""
        return not self.low <= value <= self.high


@dataclass(frozen=True)
class Training:
    """Initialization and step of a model's training as pure functions, without files, devices or loops.

    Attributes:
      init: (key, batch) -> TrainState. Of the batch only the image's shape matters.
      step: (state, batch) -> (state, metrics), the signature of `lax.scan`. A batch holds `chunks` times the number of
        images that one gradient sees.
      player: name of the player that makes images; its variables are what checkpoints are loaded for.
      chunks: number of updates whose images one batch holds (critic steps); 1 elsewhere.
      microbatches: parts of a chunk that are differentiated one after the other and averaged (gradient accumulation).
    """

    init: Callable[[Array, Batch], TrainState]
    step: Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
    player: str
    chunks: int = 1
    microbatches: int = 1


@dataclass(frozen=True)
class Generative:
    """Draws images from a prior. `variables` are {"params": …, "stats": …} of the player that makes images.

    Attributes:
      sample: (variables, key, count, labels=None, first=0) -> images float32[count, h, w, c] in [0, 1], those from the
        index `first` on of all images of a key.
      generate: (variables, latents[b, latent], labels[b] or None) -> images float32[b, h, w, c] in [0, 1]; `sample` is
        that of standard normal latents.
      latent_size: elements of a latent.
      update_statistics: (variables, latents[b, latent], labels[b] or None) -> variables whose batch statistics have
        moved towards those of these latents, as in a training step; None for models without them.
    """

    sample: Callable[..., Array]
    generate: Callable[[PyTree, Array, Array | None], Array]
    latent_size: int
    update_statistics: Callable[[PyTree, Array, Array | None], PyTree] | None = None


@dataclass(frozen=True)
class Latent:
    """Infers latent codes of images, and bounds the likelihood.

    Attributes:
      encode: (variables, images) -> (mean, log variance) of the posterior q(z|x), each float[b, latent].
      reconstruct: (variables, images) -> images, decoded from the posterior's mean.
      log_weights: (variables, key, images, samples, hyper) -> log p(x, z) − log q(z|x), float[samples, b], nats, of
        codes drawn from the posterior, for importance-weighted estimates of the likelihood.
    """

    encode: Callable[[PyTree, Array], tuple[Array, Array]]
    reconstruct: Callable[[PyTree, Array], Array]
    log_weights: Callable[[PyTree, Array, Array, int, dict[str, Array]], Array]


@dataclass(frozen=True)
class Restoring:
    """Restores degraded images.

    Attributes:
      restore: (variables, images, conditioning=None) -> restored images.
      degrade: (key[b], images, hyper) -> `objectives.restoration.Damage`, the degradation to undo.
      module: the network, for what depends on its architecture: receptive field, multiplications.
    """

    restore: Callable[..., Array]
    degrade: Callable[[Array, Array, dict[str, Array]], Any]
    module: Any


@dataclass(frozen=True)
class RestoringClips:
    """Restores clips.

    Attributes:
      restore: (variables, clips float[b, t, h, w, c], state=None) -> (restored clips, the state after their last frame,
        with which the next frames are restored; None for a network that carries none).
      frames: number of frames of the clips that it was trained on.
    """

    restore: Callable[..., tuple[Array, PyTree]]
    frames: int


@dataclass(frozen=True)
class Detecting:
    """Detects damage.

    Attributes:
      detect: (variables, images) -> probability that each pixel is hidden by damage, float[b, h, w, 1].
      degrade: (key[b], images, hyper) -> `objectives.restoration.Damage`, the damage that is detected.
      module: the network.
    """

    detect: Callable[[PyTree, Array], Array]
    degrade: Callable[[Array, Array, dict[str, Array]], Any]
    module: Any


@dataclass(frozen=True)
class Discriminating:
    """Scores images one by one.

    Attributes:
      score: (state, images, labels[b] or None) -> float[b]: a classifier's logit of the class that it predicts, or a
        discriminator's logit that an image is real, given its class where the discriminator is conditional.
    """

    score: Callable[[TrainState, Array, Array | None], Array]


@dataclass(frozen=True)
class Classifying:
    """Predicts the class of images.

    Attributes:
      probabilities: (variables, images) -> probability of each class, float[b, classes].
      classes: their number; 2 for a binary classifier, whose class 1 is `positive` and class 0 all others.
      positive: the class of the data that a binary classifier detects; None: all classes are distinguished.
    """

    probabilities: Callable[[PyTree, Array], Array]
    classes: int
    positive: int | None = None


@dataclass(frozen=True, kw_only=True)
class Objective(Training):
    """A training with its evaluation and visualization, and the capabilities of the trained model.

    Attributes:
      visualize: (state, batch) -> images to display by name, float32[n, h, w, c] in [0, 1], or
        [rows, columns, h, w, c] where their arrangement matters.
      evaluate: (state, batch) -> metrics on images that were not trained on, named "evaluation/…".
      selection: the evaluation metric by which the best checkpoint is selected.
      alarms: bounds of the metrics, outside of which a run warns.
      finished: name of a metric of the step that is 1 once there is nothing more to train; empty: there always is.
      generative, latent, restoring, restoring_clips, detecting, classifying, discriminating: each capability, or None.
    """

    visualize: Callable[[TrainState, Batch], dict[str, Array]]
    evaluate: Callable[[TrainState, Batch], Metrics]
    selection: Selection
    alarms: tuple[Alarm, ...] = ()
    finished: str = ""
    generative: Generative | None = None
    latent: Latent | None = None
    restoring: Restoring | None = None
    restoring_clips: RestoringClips | None = None
    detecting: Detecting | None = None
    classifying: Classifying | None = None
    discriminating: Discriminating | None = None


def averaged(state: TrainState, player: str) -> PyTree:
    """Returns the exponential moving average of a player's variables, {"params": …, "stats": …}."""
    return state.ema[player]


def current(state: TrainState, player: str) -> PyTree:
    """Returns a player's variables as they stand, {"params": …, "stats": …}."""
    return {"params": state.params[player], "stats": state.stats[player]}
