"""Adversarial generation: any adversarial loss, any penalties, any number of critic steps, as one pure step.

Generator and discriminator work on images in [-1, 1], as the papers do; the objective alone converts.
Reference: Goodfellow et al. 2014, algorithm 1; Gulrajani et al. 2017, algorithm 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.errors import UsageError
from jaxgen.losses.adversarial import AdversarialLoss, smooth_labels
from jaxgen.losses.penalties import clip_weights
from jaxgen.models.gan.growing import at_step
from jaxgen.objectives.adversary import call, require_labels, require_options, require_sense
from jaxgen.objectives.gan_losses import PlayerLosses
from jaxgen.objectives.gan_samples import Maker, draw_latents
from jaxgen.objectives.stability import diversity, make_alarms
from jaxgen.training.averages import average, decay, running_mean, squared_distance
from jaxgen.training.gradients import Descent, descend
from jaxgen.training.optimizers import OPTIMIZERS, hyper_arrays
from jaxgen.training.randomness import Stream, example_keys, step_key, stream
from jaxgen.training.schedules import Hyper, Schedule, constant
from jaxgen.training.state import Batch, Discriminating, Metrics, Objective, PyTree, Selection, TrainState, current


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
    separate_batches: bool = True
    optimizer: str = "adam"
    schedule: Schedule = constant
    microbatches: int = 1
    axis_name: str | None = None

    @property
    def maker(self) -> Maker:
        """Returns the generator with what its input is made of."""
        return Maker(self.generator, self.latent, self.classes)

    @property
    def losses(self) -> PlayerLosses:
        """Returns the losses of both players under these options."""
        named = (field.name for field in fields(PlayerLosses) if field.name != "maker")
        return PlayerLosses(self.maker, **{name: getattr(self, name) for name in named})

    def keys(self, key: Array, name: Stream, index: Array | int, count: int) -> Array:
        """Returns one key for each of this device's examples in the index-th update of a step."""
        return example_keys(stream(key, name, index), count, self.axis_name, self.microbatches)

    def augment_keys(self, key: Array, index: Array | int, count: int) -> dict[str, Array]:
        """Returns the keys by which real and generated images are augmented in the index-th update; {} without."""
        streams = {"real_keys": Stream.AUGMENT_REAL, "fake_keys": Stream.AUGMENT_FAKE} if self.augment else {}
        return {name: self.keys(key, which, index, count) for name, which in streams.items()}

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

    def update_discriminator(
        self, carry: tuple, chunk: tuple, generator: PyTree, key: Array, hyper: Hyper, step: Array, past: PyTree
    ) -> tuple[tuple, Metrics]:
        """Returns the discriminator's (variables, optimizer state) after one update on its own chunk, and metrics."""
        variables, opt_state = carry
        examples, index = chunk
        real = examples["real"]
        latents = draw_latents(self.keys(key, Stream.LATENT, index, len(real)), self.latent)
        # The generated images are data here: no gradient goes from this loss to the generator.
        fake, _ = self.maker.make(generator, latents, examples.get("label"), train=True)
        spread = diversity(real, fake, self.axis_name)
        examples |= {"fake": fake, "keys": self.keys(key, Stream.INTERPOLATION, index, len(real))}
        examples |= self.augment_keys(key, index, len(real))
        rate = {"learning_rate": hyper["learning_rate"] * hyper["discriminator_scale"]}
        # The last of every k updates, so that those which are logged show the penalty where k divides the interval.
        due = (step * self.critic_steps + index + 1) % self.penalty_every == 0
        loss = partial(self.losses.of_discriminator, hyper=hyper, due=due)
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
        generator, discriminator = (
            at_step(current(state, name), state.step) for name in ("generator", "discriminator")
        )
        chunks, past = self.chunks(batch), state.ema.get("history", {})

        # A single update is inlined, and XLA then finds that both players share one pass through the generator.
        update = partial(self.update_discriminator, generator=generator, key=key, hyper=hyper, step=state.step)
        (discriminator, discriminator_opt), discriminator_told = lax.scan(
            partial(update, past=past.get("discriminator")),
            (discriminator, state.opt_state["discriminator"]),
            (chunks, jnp.arange(self.critic_steps)),
            unroll=self.critic_steps == 1,
        )
        examples, count = {name: x[-1] for name, x in chunks.items()}, chunks["real"].shape[1]
        index = self.critic_steps - self.share_latents
        examples["latents"] = draw_latents(self.keys(key, Stream.LATENT, index, count), self.latent)
        examples |= self.augment_keys(key, self.critic_steps, count)
        loss = partial(self.losses.of_generator, held=discriminator, hyper=hyper)
        new = self.descend(loss, generator, state.opt_state["generator"], examples, hyper, past.get("generator"))
        told, stats = new.aux
        made = {"params": new.params, "stats": stats}
        params = {"generator": new.params, "discriminator": discriminator["params"]}
        mean = average(state.ema["generator"], made, decay(hyper["ema_decay"], state.step))
        ema = {"generator": at_step(mean, state.step)}
        if past:
            ema["history"] = running_mean(past, params, state.step)

        metrics = {name: value.mean() for name, value in discriminator_told.items()}
        metrics |= {f"generator/{name}": value for name, value in told.items()}
        metrics |= {"generator/gradient_norm": new.gradient_norm, "learning_rate": hyper["learning_rate"]}
        return state.replace(
            step=state.step + 1,
            params=params,
            stats={"generator": stats, "discriminator": discriminator["stats"]},
            opt_state={"generator": new.opt_state, "discriminator": discriminator_opt},
            ema=ema,
        ), metrics

    def score(self, state: TrainState, images: Array, labels: Array | None = None) -> Array:
        """Returns the discriminator's logits of images in [0, 1], a pack of which shows the same image.

        Args:
          state: as it was trained.
          images: float[b, h, w, c].
          labels: int32[b], their classes; None without classes.
        """
        shown = jnp.concatenate([2 * images - 1] * self.packing, -1)
        packed = jnp.tile(labels[:, None], self.packing) if self.classes else None
        return call(self.discriminator, current(state, "discriminator"), shown, packed, False)[0]

    def require_sense(self, state: TrainState) -> None:
        """Raises where the discriminator's layers contradict what is asked of it."""
        require_sense(
            current(state, "discriminator"), self.penalties, self.clip_weights, self.separate_batches, self.microbatches
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
      packing: how many images the discriminator sees at once, side by side in their channels (Lin et al. 2018).
      classes: number of classes; the batch's labels go to both networks, a generated image having that of its real
        partner. The generator sees them beside the latent. 0: no labels.
      remedies: of Salimans et al. 2016: "feature_matching" (the generator's loss becomes the squared distance of the
        mean features of real and generated images), "label_smoothing" (of real images, by hyper["label_smoothing"]),
        "historical_averaging" (hyper["historical_weight"] times each player's squared distance from its mean so far);
        of Brock et al. 2019: "orthogonal_regularisation" (hyper["orthogonal_weight"] times the squared products of
        different filters of the generator).
      critic_steps: discriminator updates for each generator update, each on its own chunk of the batch.
      share_latents: whether the generator's update sees the latents of the last critic update, as in Radford et al.'s
        code, which saves a forward pass where critic_steps is 1; else fresh ones, as in Goodfellow et al. 2014.
      separate_batches: whether a discriminator with batch norm sees real and generated images in batches of their own.
        Where batch norm stands right before the logit they must share one: each kind's mean logit would be the bias.
      optimizer: a name in `OPTIMIZERS`, for both players.
      schedule: evaluated first in every step.
      microbatches: see `gradients.gradient`; batch norm's statistics are then of one part. What compares a batch's
        images (feature matching, minibatch discrimination) excludes more than 1.
      axis_name: the mapped axis over which a batch is spread, or None.
    Returns:
      Objective with `generative` and `discriminating`.
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
        visualize=gan.maker.visualize,
        evaluate=gan.maker.evaluate,
        selection=Selection("evaluation/pixel_frechet", direction="minimize"),
        alarms=make_alarms(gan.loss, gan.penalties, gan.augment, gan.packing),
        generative=gan.maker.generative,
        discriminating=Discriminating(gan.score),
    )
