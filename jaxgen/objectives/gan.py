"""Adversarial generation: any adversarial loss, any penalties, any number of critic steps, as one pure step.

Generator and discriminator work on images in [-1, 1], as the papers do; this file is the only place that converts.
Reference: Goodfellow et al. 2014, algorithm 1; Gulrajani et al. 2017, algorithm 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.errors import UsageError, unknown
from jaxgen.losses import penalties
from jaxgen.losses.adversarial import AdversarialLoss
from jaxgen.metrics.distribution import frechet_distance
from jaxgen.objectives.modules import apply
from jaxgen.step.averages import average, decay
from jaxgen.step.gradients import Descent, descend
from jaxgen.step.optimizers import OPTIMIZERS, hyper_arrays
from jaxgen.step.randomness import Stream, example_keys, step_key, stream
from jaxgen.step.schedules import Hyper, Schedule, constant
from jaxgen.step.state import Batch, Metrics, Objective, PyTree, Selection, TrainState, averaged, current

PENALTIES: dict[str, Callable[..., Array]] = {
    "gradient_penalty": lambda critic, real, fake, keys, hyper: (
        hyper["penalty_weight"] * penalties.gradient_penalty(critic, real, fake, keys, hyper["penalty_target"])
    ),
    "r1": lambda critic, real, fake, keys, hyper: hyper["r1_weight"] / 2 * penalties.zero_centered(critic, real),
    "r2": lambda critic, real, fake, keys, hyper: hyper["r2_weight"] / 2 * penalties.zero_centered(critic, fake),
}
PICTURES = 64


def judge(discriminator: Any, variables: PyTree, real: Array, fake: Array, apart: bool) -> tuple[Array, Array, PyTree]:
    """Returns the logits of real and of generated images, and the discriminator's updated statistics.

    Without batch normalisation one pass over both does the same work in fewer and larger operations; with it, `apart`
    tells whether each kind is normalised by itself (Radford et al. 2016) or both together.
    """
    if apart and "batch_stats" in variables["stats"]:
        real_logits, stats = apply(discriminator, variables, real, train=True)
        fake_logits, stats = apply(discriminator, variables | {"stats": stats}, fake, train=True)
        return real_logits, fake_logits, stats
    logits, stats = apply(discriminator, variables, jnp.concatenate([real, fake]), train=True)
    return *jnp.split(logits, [len(real)]), stats


def draw_latents(keys: Array, latent: int) -> Array:
    """Returns standard normal latents, float[batch, latent], each from its own key."""
    return jax.vmap(lambda key: jax.random.normal(key, (latent,)))(keys)


def pixel_features(images: Array) -> Array:
    """Returns images as gray 8×8 averages, float[n, 64]: features for a Fréchet distance that needs no network."""
    gray = images.mean(-1)
    return jax.image.resize(gray, (len(gray), 8, 8), "linear", antialias=True).reshape(len(gray), 64)


def pixel_frechet(real: Array, fake: Array) -> Array:
    """Returns the Fréchet distance of two sets of images in 8×8 gray pixels. It ranks a run's checkpoints; not FID."""
    real, fake = pixel_features(real), pixel_features(fake)
    # A difference of large traces: an accelerator's shortened products would drown it.
    with jax.default_matmul_precision("highest"):
        return frechet_distance(real.mean(0), jnp.cov(real.T), fake.mean(0), jnp.cov(fake.T))


@dataclass(frozen=True)
class Gan:
    """What is static in an adversarial objective; `make_gan` says what each of them is."""

    generator: Any
    discriminator: Any
    loss: AdversarialLoss
    latent: int
    hyper: Mapping[str, float]
    penalties: tuple[str, ...]
    clip_weights: bool
    critic_steps: int
    share_latents: bool
    judge_apart: bool
    optimizer: str
    schedule: Schedule
    microbatches: int
    axis_name: str | None

    def keys(self, key: Array, name: Stream, index: Array | int, count: int) -> Array:
        """Returns one key for each of this device's examples in the index-th update of a step."""
        return example_keys(stream(key, name, index), count, self.axis_name, self.microbatches)

    def descend(self, loss: Callable, variables: PyTree, opt_state: PyTree, examples: PyTree, hyper: Hyper) -> Descent:
        """Returns one player after one update."""
        return descend(
            partial(loss, stats=variables["stats"]),
            variables["params"],
            opt_state,
            OPTIMIZERS[self.optimizer](hyper),
            examples,
            axis_name=self.axis_name,
            microbatches=self.microbatches,
            clip_norm=hyper["clip_norm"],
        )

    def discriminator_loss(self, params: PyTree, examples: tuple, stats: PyTree, hyper: Hyper) -> tuple[Array, Any]:
        """Returns (loss, (metrics, statistics)) on examples (real, fake, a key each)."""
        real, fake, keys = examples
        variables = {"params": params, "stats": stats}
        real_logits, fake_logits, new_stats = judge(self.discriminator, variables, real, fake, self.judge_apart)
        critic = lambda images: apply(self.discriminator, variables, images, train=False)[0]
        terms = {name: PENALTIES[name](critic, real, fake, keys, hyper).mean() for name in self.penalties}
        total = self.loss.discriminator(real_logits, fake_logits).mean() + sum(terms.values())
        told = {"loss": total, "real_logit": real_logits.mean(), "fake_logit": fake_logits.mean()}
        return total, (told | terms, new_stats)

    def generator_loss(self, params: PyTree, examples: tuple, stats: PyTree, judged_by: PyTree) -> tuple[Array, Any]:
        """Returns (loss, (metrics, statistics)) on examples (latents, real), the discriminator being held."""
        latents, real = examples
        fake, new_stats = apply(self.generator, {"params": params, "stats": stats}, latents, train=True)
        if self.judge_apart or "batch_stats" not in judged_by["stats"]:
            # The pass over real images is dropped by the compiler where the loss does not look at it.
            real_logits, fake_logits = (apply(self.discriminator, judged_by, x, train=True)[0] for x in (real, fake))
        else:
            real_logits, fake_logits, _ = judge(self.discriminator, judged_by, real, fake, apart=False)
        value = self.loss.generator(real_logits, fake_logits).mean()
        return value, ({"loss": value}, new_stats)

    def update_discriminator(
        self, carry: tuple, chunk: tuple, generator: PyTree, key: Array, hyper: Hyper
    ) -> tuple[tuple, Metrics]:
        """Returns the discriminator's (variables, optimizer state) after one update on its own chunk, and metrics."""
        variables, opt_state = carry
        real, index = chunk
        latents = draw_latents(self.keys(key, Stream.LATENT, index, len(real)), self.latent)
        # The generated images are data here: no gradient goes from this loss to the generator.
        fake, _ = apply(self.generator, generator, latents, train=True)
        examples = (real, fake, self.keys(key, Stream.INTERPOLATION, index, len(real)))
        rate = {"learning_rate": hyper["learning_rate"] * hyper["discriminator_scale"]}
        loss = partial(self.discriminator_loss, hyper=hyper)
        new = self.descend(loss, variables, opt_state, examples, hyper | rate)
        params = penalties.clip_weights(new.params, hyper["clip_limit"]) if self.clip_weights else new.params
        told, stats = new.aux
        return ({"params": params, "stats": stats}, new.opt_state), told | {"gradient_norm": new.gradient_norm}

    def step(self, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        """Returns the state after `critic_steps` updates of the discriminator and one of the generator, and metrics."""
        self.require_uncoupled(state)
        hyper, key = self.schedule(state.hyper, state.step), step_key(state.key, state.step)
        generator = current(state, "generator")
        chunks = (2 * batch["image"] - 1).reshape(self.critic_steps, -1, *batch["image"].shape[1:])

        # A single update is inlined, and XLA then finds that both players share one pass through the generator.
        (judged_by, judge_opt), judge_told = lax.scan(
            partial(self.update_discriminator, generator=generator, key=key, hyper=hyper),
            (current(state, "discriminator"), state.opt_state["discriminator"]),
            (chunks, jnp.arange(self.critic_steps)),
            unroll=self.critic_steps == 1,
        )
        index = self.critic_steps - self.share_latents
        latents = draw_latents(self.keys(key, Stream.LATENT, index, chunks.shape[1]), self.latent)
        loss = partial(self.generator_loss, judged_by=judged_by)
        new = self.descend(loss, generator, state.opt_state["generator"], (latents, chunks[-1]), hyper)
        told, stats = new.aux
        made = {"params": new.params, "stats": stats}

        metrics = {f"discriminator/{name}": value.mean() for name, value in judge_told.items()}
        metrics |= {f"generator/{name}": value for name, value in told.items()}
        metrics |= {"generator/gradient_norm": new.gradient_norm, "learning_rate": hyper["learning_rate"]}
        return state.replace(
            step=state.step + 1,
            params={"generator": new.params, "discriminator": judged_by["params"]},
            stats={"generator": stats, "discriminator": judged_by["stats"]},
            opt_state={"generator": new.opt_state, "discriminator": judge_opt},
            ema={"generator": average(state.ema["generator"], made, decay(hyper["ema_decay"], state.step))},
        ), metrics

    def require_uncoupled(self, state: TrainState) -> None:
        """Raises where a per-example penalty meets a discriminator that couples the examples of a batch."""
        if self.penalties and "batch_stats" in state.stats["discriminator"]:
            raise UsageError(
                f"penalties {', '.join(self.penalties)} are per example, and batch norm in the discriminator couples "
                "the examples of a batch: give the discriminator another norm or none"
            )

    def init(self, key: Array, batch: Batch) -> TrainState:
        """Returns the state before the first step."""
        generator_key, discriminator_key, root = jax.random.split(key, 3)
        images, generator = self.generator.init_with_output(generator_key, jnp.zeros((1, self.latent)), False)
        made, wanted = images.shape[1:], batch["image"].shape[1:]
        if made != wanted:
            raise UsageError(
                f"the generator makes images of {made} and the data has {wanted} (height, width, channels): "
                "set data.size and data.channels to what the network makes, or change the network"
            )
        discriminator = self.discriminator.init(discriminator_key, images, False)
        params = {"generator": generator.pop("params"), "discriminator": discriminator.pop("params")}
        hyper = hyper_arrays(self.hyper)
        state = TrainState(
            step=jnp.int32(0),
            params=params,
            stats={"generator": generator, "discriminator": discriminator},
            opt_state={name: OPTIMIZERS[self.optimizer](hyper).init(p) for name, p in params.items()},
            ema={"generator": jax.tree.map(jnp.copy, {"params": params["generator"], "stats": generator})},
            hyper=hyper,
            key=root,
        )
        self.require_uncoupled(state)
        return state

    def sample(self, variables: PyTree, key: Array, count: int) -> Array:
        """Returns images from the prior, float[count, h, w, c] in [0, 1]."""
        latents = draw_latents(example_keys(key, count), self.latent)
        return (apply(self.generator, variables, latents, train=False)[0] + 1) / 2

    def pictures(self, state: TrainState, batch: Batch) -> dict[str, Array]:
        """Returns samples from latents that stay the same throughout a run."""
        del batch
        return {"samples": self.sample(averaged(state, "generator"), stream(state.key, Stream.PICTURES), PICTURES)}

    def evaluate(self, state: TrainState, batch: Batch) -> Metrics:
        """Returns how far as many samples are from the batch."""
        real = batch["image"]
        fake = self.sample(averaged(state, "generator"), stream(state.key, Stream.EVALUATION), len(real))
        return {"evaluation/pixel_frechet": pixel_frechet(real, fake)}


def make_gan(
    generator: Any,
    discriminator: Any,
    *,
    loss: AdversarialLoss,
    latent: int,
    hyper: Mapping[str, float],
    penalties: tuple[str, ...] = (),
    clip_weights: bool = False,
    critic_steps: int = 1,
    share_latents: bool = True,
    judge_apart: bool = True,
    optimizer: str = "adam",
    schedule: Schedule = constant,
    microbatches: int = 1,
    axis_name: str | None = None,
) -> Objective:
    """Returns the objective of a generator against a discriminator.

    Args:
      generator: module (latent[b, latent], train) -> images[b, h, w, c] in [-1, 1].
      discriminator: module (images[b, h, w, c], train) -> logits[b].
      loss: a pair of losses on logits.
      latent: size of the generator's input, drawn from a standard normal distribution.
      hyper: learning_rate, discriminator_scale (its learning rate as a multiple of the generator's), b1, b2, ema_decay,
        clip_norm (0: off), and what the penalties, the clipping and the schedule read.
      penalties: names in `PENALTIES`, summed; none of them may be combined with batch norm in the discriminator.
      clip_weights: whether the discriminator's parameters are clipped to ±hyper["clip_limit"] after each update.
      critic_steps: discriminator updates for each generator update, each on its own chunk of the batch.
      share_latents: whether the generator's update sees the latents of the last critic update, as in Radford et al.'s
        code, which saves a forward pass where critic_steps is 1; else fresh ones, as in Goodfellow et al. 2014.
      judge_apart: whether a discriminator with batch norm sees real and generated images in batches of their own. Where
        batch norm stands right before the logit they must share one: each kind's mean logit would be the bias.
      optimizer: a name in `OPTIMIZERS`, for both players.
      schedule: evaluated first in every step.
      microbatches: see `gradients.gradient`.
      axis_name: the mapped axis over which a batch is spread, or None.
    Returns:
      Objective with `sample`.
    Raises:
      UsageError: if a penalty is unknown; from `init` and `step`, if the data has another shape than the generator
        makes, or a penalty is per example while the discriminator normalises over the batch.
    Reference: Goodfellow et al. 2014, algorithm 1; Gulrajani et al. 2017, algorithm 1.
    """
    for name in penalties:
        if name not in PENALTIES:
            raise unknown("penalty", name, PENALTIES)
    gan = Gan(
        generator,
        discriminator,
        loss,
        latent,
        hyper,
        penalties,
        clip_weights,
        critic_steps,
        share_latents,
        judge_apart,
        optimizer,
        schedule,
        microbatches,
        axis_name,
    )
    return Objective(
        init=gan.init,
        step=gan.step,
        player="generator",
        chunks=critic_steps,
        microbatches=microbatches,
        pictures=gan.pictures,
        evaluate=gan.evaluate,
        selection=Selection("evaluation/pixel_frechet", largest=False),
        sample=gan.sample,
    )
