"""Adversarial training of a generator and a discriminator as one pure step, whatever the generator makes.

Any adversarial loss, penalties, augmentation, packing, number of critic steps, clipping and conditioning on an input
image. GANs and adversarial restoration are configurations of it.
Reference: Goodfellow et al. 2014, algorithm 1; Gulrajani et al. 2017, algorithm 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.errors import UsageError, unknown
from jaxgen.losses.adversarial import smooth_labels
from jaxgen.losses.penalties import PENALTIES, clip_weights
from jaxgen.objectives.adversarial.diff_augment import AUGMENTATIONS
from jaxgen.objectives.adversarial.discriminator import coupling, require_labels
from jaxgen.objectives.adversarial.losses import AdversarialLosses, Examples
from jaxgen.objectives.adversarial.remedies import REMEDIES
from jaxgen.objectives.modules import at_step, check_images, compares_batch
from jaxgen.training.averages import average, decay, running_mean, squared_distance
from jaxgen.training.gradients import Descent, descend
from jaxgen.training.optimizers import MakeOptimizer, hyper_arrays, require_hyper, resolve_optimizer
from jaxgen.training.randomness import Stream, example_keys, step_key, stream
from jaxgen.training.schedules import Hyper, Schedule, constant
from jaxgen.training.state import Batch, Metrics, PyTree, TrainState, current

GENERATOR, DISCRIMINATOR = "generator", "discriminator"


@dataclass(frozen=True, kw_only=True)
class TwoPlayerTraining(AdversarialLosses):
    """What is static in adversarial training; see `make_gan`.

    Attributes:
      share_noise: whether the generator's update sees the random numbers of the last discriminator update.
    """

    hyper: Mapping[str, float]
    clip_weights: bool = False
    critic_steps: int = 1
    share_noise: bool = True
    optimizer: str | MakeOptimizer = "adam"
    discriminator_optimizer: str | MakeOptimizer | None = None
    schedule: Schedule = constant
    microbatches: int = 1

    def __post_init__(self) -> None:
        """Raises UsageError for options that are unknown, given twice, missing, without effect or contradictory."""
        if isinstance(self.loss, str):
            raise UsageError(f"loss is {self.loss!r}: give losses.adversarial.LOSSES[{self.loss!r}], or your own")
        kinds = (
            ("penalty", self.penalties, PENALTIES),
            ("augmentation", self.augment, AUGMENTATIONS),
            ("remedy", self.remedies, REMEDIES),
        )
        for kind, given, allowed in kinds:
            for name in given:
                if name not in allowed:
                    raise unknown(kind, name, allowed)
                if given.count(name) > 1:
                    raise UsageError(f"{kind} {name} is given twice: once is enough")
        for name in ("penalty_every", "packing", "critic_steps"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: give at least 1")
        if self.penalty_every > 1 and not self.penalties:
            raise UsageError(
                f"penalty_every is {self.penalty_every} and there is no penalty: add one to penalties, or leave it at 1"
            )
        if "feature_matching" in self.remedies and self.microbatches > 1:
            raise UsageError(
                f"feature_matching compares the means of a batch, and {self.microbatches} microbatches would compare "
                "those of each part, which is another loss: set microbatches to 1, or leave the remedy out"
            )
        if "label_smoothing" in self.remedies:
            smooth_labels(self.loss, 0.0)
        needed = ["learning_rate", "discriminator_scale", "ema_decay", "clip_norm"]
        needed += [field.name for name in self.penalties for field in fields(PENALTIES[name].hyper)]
        needed += ["clip_limit"] * self.clip_weights
        require_hyper(self.hyper, needed, *self.optimizers.values())

    @property
    def optimizers(self) -> dict[str, MakeOptimizer]:
        """The optimizer of each player."""
        second = self.optimizer if self.discriminator_optimizer is None else self.discriminator_optimizer
        return {GENERATOR: resolve_optimizer(self.optimizer), DISCRIMINATOR: resolve_optimizer(second)}

    @property
    def modules(self) -> dict[str, Any]:
        """The module of each player."""
        return {GENERATOR: self.task.module, DISCRIMINATOR: self.discriminator}

    def keys(self, key: Array, index: Array | int, count: int, name: Stream) -> Array:
        """Returns one key for each of this device's examples in the index-th update of a step."""
        return example_keys(stream(key, name, index), count, self.axis_name, self.microbatches)

    def augmentation_keys(self, keys: Callable[[Stream], Array]) -> Examples:
        """Returns the keys by which real and generated images are augmented; {} without augmentation."""
        if not self.augment:
            return {}
        return {"real_keys": keys(Stream.AUGMENT_REAL), "fake_keys": keys(Stream.AUGMENT_FAKE)}

    def descend(
        self,
        player: str,
        loss: Callable,
        variables: PyTree,
        opt_state: PyTree,
        examples: Examples,
        hyper: Hyper,
        past: PyTree,
    ) -> Descent:
        """Returns one player after one update. `past` is the mean of its parameters so far, or None."""

        def regularized(params: PyTree, examples: Examples) -> tuple[Array, Any]:
            value, (metrics, stats) = loss(params, examples, stats=variables["stats"])
            if past is not None:
                term = hyper["historical_weight"] * squared_distance(params, past)
                value, metrics = value + term, metrics | {"loss": value + term, "historical_averaging": term}
            return value, (metrics, stats)

        return descend(
            regularized,
            variables["params"],
            opt_state,
            self.optimizers[player](hyper),
            examples,
            axis_name=self.axis_name,
            microbatches=self.microbatches,
            clip_norm=hyper["clip_norm"],
        )

    def update_discriminator(
        self, carry: tuple, chunk: tuple, generator: PyTree, key: Array, hyper: Hyper, step: Array, past: PyTree
    ) -> tuple[tuple, Metrics]:
        """Returns the discriminator's (variables, optimizer state) after one update on its own chunk, and metrics."""
        variables, opt_state = carry
        batch, index = chunk
        task, keys = self.task, partial(self.keys, key, index, len(batch["image"]))
        examples = task.examples(batch, keys, hyper)
        # The generated images are data here: no gradient goes from this loss to the generator.
        fake, _ = task.generate(generator, examples)
        generated = task.metrics(examples["real"], fake, self.axis_name)
        examples |= {"fake": fake, "keys": keys(Stream.INTERPOLATION)} | self.augmentation_keys(keys)
        rate = {"learning_rate": hyper["learning_rate"] * hyper["discriminator_scale"]}
        # The last of every k updates, so that those which are logged show the penalty where k divides the interval.
        due = (step * self.critic_steps + index + 1) % self.penalty_every == 0
        loss = partial(self.of_discriminator, hyper=hyper, due=due)
        new = self.descend(DISCRIMINATOR, loss, variables, opt_state, examples, hyper | rate, past)
        params = clip_weights(new.params, hyper["clip_limit"]) if self.clip_weights else new.params
        metrics, stats = new.aux
        metrics = prefixed(DISCRIMINATOR, metrics | {"gradient_norm": new.gradient_norm})
        return ({"params": params, "stats": stats}, new.opt_state), metrics | prefixed(GENERATOR, generated)

    def chunks(self, batch: Batch) -> Batch:
        """Returns a batch as [critic_steps, images of one, …]."""
        require_labels(batch, self.task.classes)
        return {name: x.reshape(self.critic_steps, -1, *x.shape[1:]) for name, x in batch.items()}

    def step(self, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        """Returns the state after `critic_steps` updates of the discriminator and one of the generator, and metrics."""
        check_images(batch)
        self.check_discriminator(current(state, DISCRIMINATOR))
        hyper, key = self.schedule(state.hyper, state.step), step_key(state.key, state.step)
        generator, discriminator = (
            at_step(module, current(state, player), state.step) for player, module in self.modules.items()
        )
        chunks, past = self.chunks(batch), state.ema.get("history", {})

        # A single update is inlined, and XLA then finds that both players share one pass through the generator.
        update = partial(self.update_discriminator, generator=generator, key=key, hyper=hyper, step=state.step)
        (discriminator, discriminator_opt), discriminator_metrics = lax.scan(
            partial(update, past=past.get(DISCRIMINATOR)),
            (discriminator, state.opt_state[DISCRIMINATOR]),
            (chunks, jnp.arange(self.critic_steps)),
            unroll=self.critic_steps == 1,
        )
        last = {name: x[-1] for name, x in chunks.items()}
        keys = lambda index: partial(self.keys, key, index, len(last["image"]))
        examples = self.task.examples(last, keys(self.critic_steps - self.share_noise), hyper)
        examples |= self.augmentation_keys(keys(self.critic_steps))
        loss = partial(self.of_generator, held=discriminator, hyper=hyper)
        new = self.descend(GENERATOR, loss, generator, state.opt_state[GENERATOR], examples, hyper, past.get(GENERATOR))
        generator_metrics, stats = new.aux
        params = {GENERATOR: new.params, DISCRIMINATOR: discriminator["params"]}
        made = {"params": new.params, "stats": stats}
        mean = average(state.ema[GENERATOR], made, decay(hyper["ema_decay"], state.step))
        ema = {GENERATOR: at_step(self.modules[GENERATOR], mean, state.step)}
        if past:
            ema["history"] = running_mean(past, params, state.step)

        metrics = {name: value.mean() for name, value in discriminator_metrics.items()}
        metrics |= prefixed(GENERATOR, generator_metrics | {"gradient_norm": new.gradient_norm})
        return state.replace(
            step=state.step + 1,
            params=params,
            stats={GENERATOR: stats, DISCRIMINATOR: discriminator["stats"]},
            opt_state={GENERATOR: new.opt_state, DISCRIMINATOR: discriminator_opt},
            ema=ema,
        ), metrics | {"learning_rate": hyper["learning_rate"]}

    def check_discriminator(self, variables: PyTree) -> None:
        """Raises UsageError where the layers of a discriminator with these variables contradict the options."""
        coupled, compares = coupling(self.discriminator, variables), compares_batch(self.discriminator)
        if self.penalties and coupled:
            raise UsageError(
                f"penalties {', '.join(self.penalties)} are per example, and {coupled} in the discriminator couples "
                "the examples of a batch: give the discriminator another norm, such as none, and no minibatch kernels"
            )
        if self.clip_weights and "spectral" in variables["stats"]:
            raise UsageError(
                "clip_weights bounds kernels that spectral norm then divides by their largest singular value, which "
                "undoes it: choose one of the two"
            )
        if compares and coupled == "batch norm" and not self.separate_batches:
            raise UsageError(
                "minibatch discrimination compares images of one kind, and this network's batch norm must see both "
                "kinds in one batch: choose one of the two, or another network"
            )
        if compares and self.microbatches > 1:
            raise UsageError(
                f"minibatch discrimination compares the images of a batch, and {self.microbatches} microbatches would "
                "hide each part from the others: set microbatches to 1, or leave the minibatch kernels out"
            )

    def init(self, key: Array, batch: Batch) -> TrainState:
        """Returns the state before the first step."""
        check_images(batch)
        generator_key, discriminator_key, root = jax.random.split(key, 3)
        hyper, task, packing = hyper_arrays(self.hyper), self.task, self.packing
        image, generator = task.init(generator_key, batch, hyper)
        labels = {"labels": jnp.zeros((1, packing), jnp.int32)} if task.classes else {}
        packed = jnp.concatenate([image] * packing, -1)
        stats = {
            GENERATOR: dict(generator),
            DISCRIMINATOR: dict(self.discriminator.init(discriminator_key, packed, False, **labels)),
        }
        params = {player: variables.pop("params") for player, variables in stats.items()}
        ema = {GENERATOR: {"params": params[GENERATOR], "stats": stats[GENERATOR]}}
        if "historical_averaging" in self.remedies:
            ema["history"] = params
        state = TrainState(
            step=jnp.int32(0),
            params=params,
            stats=stats,
            opt_state={player: self.optimizers[player](hyper).init(p) for player, p in params.items()},
            ema=jax.tree.map(jnp.copy, ema),
            hyper=hyper,
            key=root,
        )
        self.check_discriminator(current(state, DISCRIMINATOR))
        return state


def prefixed(player: str, metrics: Metrics) -> Metrics:
    """Returns metrics under "PLAYER/NAME"."""
    return {f"{player}/{name}": value for name, value in metrics.items()}
