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

from jaxgen.errors import UsageError
from jaxgen.losses.adversarial import AdversarialLoss, smooth_labels
from jaxgen.losses.penalties import clip_weights
from jaxgen.metrics.distribution import frechet_distance
from jaxgen.models.heads import one_hot
from jaxgen.objectives.adversary import (
    PENALTIES,
    call,
    coupling,
    judge,
    mean_difference,
    require_labels,
    require_options,
    require_sense,
    show,
)
from jaxgen.objectives.modules import apply
from jaxgen.objectives.stability import ALARMS, diversity, judgement, pixel_features
from jaxgen.step.averages import average, decay, running_mean, squared_distance
from jaxgen.step.gradients import Descent, descend, mean_over_devices
from jaxgen.step.optimizers import OPTIMIZERS, hyper_arrays
from jaxgen.step.randomness import Stream, example_keys, step_key, stream
from jaxgen.step.schedules import Hyper, Schedule, constant
from jaxgen.step.state import Batch, Metrics, Objective, PyTree, Selection, TrainState, averaged, current

PICTURES = 64
COLUMNS = 16


def draw_latents(keys: Array, latent: int) -> Array:
    """Returns standard normal latents, float[batch, latent], each from its own key."""
    return jax.vmap(lambda key: jax.random.normal(key, (latent,)))(keys)


def with_class(latents: Array, labels: Array | None, classes: int) -> Array:
    """Returns what the generator sees: latents, and beside them the class as a vector of mean square 1.

    The first layer's kernel makes an embedding of it, in whatever network; the layers need not know of classes.
    Reference: Mirza and Osindero 2014, section 3.2.
    """
    if not classes:
        return latents
    return jnp.concatenate([latents, classes**0.5 * one_hot(labels, classes, latents.dtype)], -1)


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
    penalties: tuple[str, ...] = ()
    penalty_every: int = 1
    clip_weights: bool = False
    augment: tuple[str, ...] = ()
    packing: int = 1
    classes: int = 0
    remedies: tuple[str, ...] = ()
    critic_steps: int = 1
    share_latents: bool = True
    judge_apart: bool = True
    optimizer: str = "adam"
    schedule: Schedule = constant
    microbatches: int = 1
    axis_name: str | None = None

    def keys(self, key: Array, name: Stream, index: Array | int, count: int) -> Array:
        """Returns one key for each of this device's examples in the index-th update of a step."""
        return example_keys(stream(key, name, index), count, self.axis_name, self.microbatches)

    def augment_keys(self, key: Array, index: Array | int, count: int) -> dict[str, Array]:
        """Returns the keys by which real and generated images are augmented in the index-th update; {} without."""
        streams = {"real_keys": Stream.AUGMENT_REAL, "fake_keys": Stream.AUGMENT_FAKE} if self.augment else {}
        return {name: self.keys(key, which, index, count) for name, which in streams.items()}

    def shown(self, examples: dict[str, Array], fake: Array) -> tuple[Array, Array, Array | None]:
        """Returns real images, generated ones and their labels as the discriminator sees them."""
        real, fake = (
            show(images, examples.get(keys), self.augment, self.packing)
            for images, keys in ((examples["real"], "real_keys"), (fake, "fake_keys"))
        )
        return real, fake, examples["label"].reshape(len(real), -1) if self.classes else None

    def make(self, variables: PyTree, latents: Array, labels: Array | None, train: bool) -> tuple[Array, PyTree]:
        """Returns generated images in [-1, 1], and the generator's updated statistics."""
        return apply(self.generator, variables, with_class(latents, labels, self.classes), train=train)

    def descend(
        self, loss: Callable, variables: PyTree, opt_state: PyTree, examples: PyTree, hyper: Hyper, past: PyTree
    ) -> Descent:
        """Returns one player after one update. `past` is the mean of its parameters so far, or None."""

        def remembered(params: PyTree, examples: PyTree) -> tuple[Array, Any]:
            value, (told, stats) = loss(params, examples, stats=variables["stats"])
            if past is not None:
                term = hyper["historical_weight"] * squared_distance(params, past)
                value, told = value + term, told | {"loss": value + term, "historical_averaging": term}
            return value, (told, stats)

        return descend(
            remembered,
            variables["params"],
            opt_state,
            OPTIMIZERS[self.optimizer](hyper),
            examples,
            axis_name=self.axis_name,
            microbatches=self.microbatches,
            clip_norm=hyper["clip_norm"],
        )

    def penalty(self, name: str, critic: Callable, real: Array, fake: Array, keys: Array, hyper: Hyper, due) -> Array:
        """Returns the mean of a penalty; every k-th update alone, there k times as much, and 0 between."""
        value = lambda: PENALTIES[name](critic, real, fake, keys, hyper).mean()
        if self.penalty_every == 1:
            return value()
        return lax.cond(due, lambda: self.penalty_every * value(), lambda: jnp.zeros_like(jax.eval_shape(value)))

    def discriminator_loss(
        self, params: PyTree, examples: dict, stats: PyTree, hyper: Hyper, due: Array
    ) -> tuple[Array, Any]:
        """Returns (loss, (metrics, statistics)) on examples: real and generated images, a key each, labels.

        The penalties are taken where the discriminator looks: at augmented and packed images.
        """
        real, fake, labels = self.shown(examples, examples["fake"])
        variables, keys = {"params": params, "stats": stats}, examples["keys"][:: self.packing]
        loss = self.loss
        if "label_smoothing" in self.remedies:
            loss = smooth_labels(loss, hyper["label_smoothing"])
        judged = judge(self.discriminator, variables, real, fake, labels, self.judge_apart)
        real_logits, fake_logits, new_stats = judged
        critic = lambda images: call(self.discriminator, variables, images, labels, False)[0]
        terms = {name: self.penalty(name, critic, real, fake, keys, hyper, due) for name in self.penalties}
        total = loss.discriminator(real_logits, fake_logits).mean() + sum(terms.values())
        told = {"loss": total, "real_logit": real_logits.mean(), "fake_logit": fake_logits.mean()}
        told |= judgement(self.loss, real_logits, fake_logits, self.axis_name)
        return total, (told | terms, new_stats)

    def generator_loss(self, params: PyTree, examples: dict, stats: PyTree, judged_by: PyTree) -> tuple[Array, Any]:
        """Returns (loss, (metrics, statistics)) on latents, real images and labels; the discriminator is held."""
        variables = {"params": params, "stats": stats}
        fake, new_stats = self.make(variables, examples["latents"], examples.get("label"), train=True)
        real, fake, labels = self.shown(examples, fake)
        if "feature_matching" in self.remedies:
            difference = mean_difference(self.discriminator, judged_by, real, fake, labels, self.judge_apart)
            value = jnp.sum(mean_over_devices(difference, self.axis_name) ** 2)
            return value, ({"loss": value}, new_stats)
        if self.judge_apart or not coupling(judged_by):
            # The pass over real images is dropped by the compiler where the loss does not look at it.
            real_logits, fake_logits = (call(self.discriminator, judged_by, x, labels, True)[0] for x in (real, fake))
        else:
            real_logits, fake_logits, _ = judge(self.discriminator, judged_by, real, fake, labels, apart=False)
        value = self.loss.generator(real_logits, fake_logits).mean()
        return value, ({"loss": value}, new_stats)

    def update_discriminator(
        self, carry: tuple, chunk: tuple, generator: PyTree, key: Array, hyper: Hyper, step: Array, past: PyTree
    ) -> tuple[tuple, Metrics]:
        """Returns the discriminator's (variables, optimizer state) after one update on its own chunk, and metrics."""
        variables, opt_state = carry
        examples, index = chunk
        real = examples["real"]
        latents = draw_latents(self.keys(key, Stream.LATENT, index, len(real)), self.latent)
        # The generated images are data here: no gradient goes from this loss to the generator.
        fake, _ = self.make(generator, latents, examples.get("label"), train=True)
        spread = diversity(real, fake, self.axis_name)
        examples |= {"fake": fake, "keys": self.keys(key, Stream.INTERPOLATION, index, len(real))}
        examples |= self.augment_keys(key, index, len(real))
        rate = {"learning_rate": hyper["learning_rate"] * hyper["discriminator_scale"]}
        # The last of every k updates, so that those which are logged show the penalty where k divides the interval.
        due = (step * self.critic_steps + index + 1) % self.penalty_every == 0
        loss = partial(self.discriminator_loss, hyper=hyper, due=due)
        new = self.descend(loss, variables, opt_state, examples, hyper | rate, past)
        params = clip_weights(new.params, hyper["clip_limit"]) if self.clip_weights else new.params
        told, stats = new.aux
        told = {f"discriminator/{name}": value for name, value in (told | {"gradient_norm": new.gradient_norm}).items()}
        told |= {f"generator/{name}": value for name, value in spread.items()}
        return ({"params": params, "stats": stats}, new.opt_state), told

    def chunks(self, batch: Batch) -> dict[str, Array]:
        """Returns a batch as [critic_steps, images of one, …]: real images in [-1, 1], and labels where they count."""
        require_labels(batch, self.classes)
        parts = {"real": 2 * batch["image"] - 1} | ({"label": batch["label"]} if self.classes else {})
        return {name: x.reshape(self.critic_steps, -1, *x.shape[1:]) for name, x in parts.items()}

    def step(self, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        """Returns the state after `critic_steps` updates of the discriminator and one of the generator, and metrics."""
        self.require_sense(state)
        hyper, key = self.schedule(state.hyper, state.step), step_key(state.key, state.step)
        generator, chunks, past = current(state, "generator"), self.chunks(batch), state.ema.get("history", {})

        # A single update is inlined, and XLA then finds that both players share one pass through the generator.
        update = partial(self.update_discriminator, generator=generator, key=key, hyper=hyper, step=state.step)
        (judged_by, judge_opt), judge_told = lax.scan(
            partial(update, past=past.get("discriminator")),
            (current(state, "discriminator"), state.opt_state["discriminator"]),
            (chunks, jnp.arange(self.critic_steps)),
            unroll=self.critic_steps == 1,
        )
        examples, count = {name: x[-1] for name, x in chunks.items()}, chunks["real"].shape[1]
        index = self.critic_steps - self.share_latents
        examples["latents"] = draw_latents(self.keys(key, Stream.LATENT, index, count), self.latent)
        examples |= self.augment_keys(key, self.critic_steps, count)
        loss = partial(self.generator_loss, judged_by=judged_by)
        new = self.descend(loss, generator, state.opt_state["generator"], examples, hyper, past.get("generator"))
        told, stats = new.aux
        made = {"params": new.params, "stats": stats}
        params = {"generator": new.params, "discriminator": judged_by["params"]}
        ema = {"generator": average(state.ema["generator"], made, decay(hyper["ema_decay"], state.step))}
        if past:
            ema["history"] = running_mean(past, params, state.step)

        metrics = {name: value.mean() for name, value in judge_told.items()}
        metrics |= {f"generator/{name}": value for name, value in told.items()}
        metrics |= {"generator/gradient_norm": new.gradient_norm, "learning_rate": hyper["learning_rate"]}
        return state.replace(
            step=state.step + 1,
            params=params,
            stats={"generator": stats, "discriminator": judged_by["stats"]},
            opt_state={"generator": new.opt_state, "discriminator": judge_opt},
            ema=ema,
        ), metrics

    def require_sense(self, state: TrainState) -> None:
        """Raises where the discriminator's layers contradict what is asked of it."""
        require_sense(
            current(state, "discriminator"), self.penalties, self.clip_weights, self.judge_apart, self.microbatches
        )

    def init(self, key: Array, batch: Batch) -> TrainState:
        """Returns the state before the first step."""
        generator_key, discriminator_key, root = jax.random.split(key, 3)
        latents = jnp.zeros((1, self.latent + self.classes))
        images, generator = self.generator.init_with_output(generator_key, latents, False)
        made, wanted = images.shape[1:], batch["image"].shape[1:]
        if made != wanted:
            raise UsageError(
                f"the generator makes images of {made} and the data has {wanted} (height, width, channels): "
                "set data.size and data.channels to what the network makes, or change the network"
            )
        named = {"labels": jnp.zeros((1, self.packing), jnp.int32)} if self.classes else {}
        shown = jnp.concatenate([images] * self.packing, -1)
        discriminator = self.discriminator.init(discriminator_key, shown, False, **named)
        params = {"generator": generator.pop("params"), "discriminator": discriminator.pop("params")}
        hyper = hyper_arrays(self.hyper)
        ema = {"generator": {"params": params["generator"], "stats": generator}}
        if "historical_averaging" in self.remedies:
            ema["history"] = params
        state = TrainState(
            step=jnp.int32(0),
            params=params,
            stats={"generator": generator, "discriminator": discriminator},
            opt_state={name: OPTIMIZERS[self.optimizer](hyper).init(p) for name, p in params.items()},
            ema=jax.tree.map(jnp.copy, ema),
            hyper=hyper,
            key=root,
        )
        self.require_sense(state)
        return state

    def sample(self, variables: PyTree, key: Array, count: int, labels: Array | None = None) -> Array:
        """Returns images from the prior, float[count, h, w, c] in [0, 1].

        Args:
          variables: the generator's.
          key: of the latents.
          count: how many.
          labels: int32[count], their classes; one class after the other, over and over, unless told.
        """
        latents = draw_latents(example_keys(key, count), self.latent)
        if self.classes and labels is None:
            labels = jnp.arange(count) % self.classes
        return jnp.clip((self.make(variables, latents, labels, train=False)[0] + 1) / 2, 0, 1)

    def pictures(self, state: TrainState, batch: Batch) -> dict[str, Array]:
        """Returns samples from latents that stay the same throughout a run; with classes, one class in each column.

        Of more classes than there are columns, the first ones are shown.
        """
        del batch
        generator, key = averaged(state, "generator"), stream(state.key, Stream.PICTURES)
        if not self.classes:
            return {"samples": self.sample(generator, key, PICTURES)}
        columns = min(self.classes, COLUMNS)
        rows = PICTURES // columns
        made = self.sample(generator, key, rows * columns, jnp.tile(jnp.arange(columns), rows))
        return {"samples": made.reshape(rows, columns, *made.shape[1:])}

    def evaluate(self, state: TrainState, batch: Batch) -> Metrics:
        """Returns how far as many samples, of the same classes, are from the batch."""
        real, key = batch["image"], stream(state.key, Stream.EVALUATION)
        fake = self.sample(averaged(state, "generator"), key, len(real), batch["label"] if self.classes else None)
        return {"evaluation/pixel_frechet": pixel_frechet(real, fake)}


def make_gan(generator: Any, discriminator: Any, **options: Any) -> Objective:
    """Returns the objective of a generator against a discriminator.

    Args:
      generator: module (latent[b, latent], train) -> images[b, h, w, c] in [-1, 1].
      discriminator: module (images[b, h, w, c], train) -> logits[b]; with classes it takes `labels`, int32[b, packing].
      loss: a pair of losses on logits.
      latent: size of the generator's input, drawn from a standard normal distribution.
      hyper: learning_rate, discriminator_scale (its learning rate as a multiple of the generator's), b1, b2, ema_decay,
        clip_norm (0: off), and what the penalties, the clipping and the schedule read.
      penalties: names in `PENALTIES`, summed; none of them may be combined with batch norm or minibatch discrimination.
      penalty_every: the penalties are taken in every k-th discriminator update alone, and weigh k times as much there
        (lazy regularisation: Karras et al. 2020, section 3.1); their metrics are 0 in the others. Loss and penalties
        share one optimizer update, so that its numbers need none of the paper's corrections.
      clip_weights: whether the discriminator's parameters are clipped to ±hyper["clip_limit"] after each update.
      augment: names in `diff_augment.CHANGES`: how real and generated images are changed before the discriminator sees
        them.
      packing: how many images the discriminator judges at once, side by side in their channels (Lin et al. 2018).
      classes: number of classes; the batch's labels go to both networks, a generated image having that of its real
        partner. The generator sees them beside the latent. 0: no labels.
      remedies: of Salimans et al. 2016: "feature_matching" (the generator's loss becomes the squared distance of the
        mean features of real and generated images), "label_smoothing" (of real images, by hyper["label_smoothing"]),
        "historical_averaging" (hyper["historical_weight"] times each player's squared distance from its mean so far).
      critic_steps: discriminator updates for each generator update, each on its own chunk of the batch.
      share_latents: whether the generator's update sees the latents of the last critic update, as in Radford et al.'s
        code, which saves a forward pass where critic_steps is 1; else fresh ones, as in Goodfellow et al. 2014.
      judge_apart: whether a discriminator with batch norm sees real and generated images in batches of their own. Where
        batch norm stands right before the logit they must share one: each kind's mean logit would be the bias.
      optimizer: a name in `OPTIMIZERS`, for both players.
      schedule: evaluated first in every step.
      microbatches: see `gradients.gradient`; batch norm's statistics are then of one part. What compares a batch's
        images (feature matching, minibatch discrimination) excludes more than 1.
      axis_name: the mapped axis over which a batch is spread, or None.
    Returns:
      Objective with `sample`.
    Raises:
      UsageError: if an option is unknown or without effect; from `init` and `step`, if the data has another shape than
        the generator makes or no labels, or the discriminator's layers contradict the options.
    Reference: Goodfellow et al. 2014, algorithm 1; Gulrajani et al. 2017, algorithm 1.
    """
    gan = Gan(generator, discriminator, **options)
    require_options(gan.penalties, gan.penalty_every, gan.augment, gan.remedies, gan.packing, gan.microbatches)
    if "label_smoothing" in gan.remedies:
        smooth_labels(gan.loss, 0.0)
    return Objective(
        init=gan.init,
        step=gan.step,
        player="generator",
        chunks=gan.critic_steps,
        microbatches=gan.microbatches,
        pictures=gan.pictures,
        evaluate=gan.evaluate,
        selection=Selection("evaluation/pixel_frechet", largest=False),
        alarms=ALARMS,
        sample=gan.sample,
    )
