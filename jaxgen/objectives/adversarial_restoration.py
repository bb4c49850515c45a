"""Restoration against a discriminator: the content loss of a restorer and a share of an adversarial loss.

With the damaged image kept from the discriminator it is SRGAN, with the image shown to it pix2pix.
Reference: Ledig et al. 2017, equations 2 and 3; Isola et al. 2017, equations 1 to 4.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxgen.losses.adversarial import AdversarialLoss
from jaxgen.metrics.image import psnr
from jaxgen.objectives.adversary import call, logits_of_both
from jaxgen.objectives.modules import apply
from jaxgen.objectives.restoration import Degrade, enlarged, held_out, judged, pair, told
from jaxgen.training.averages import average, decay
from jaxgen.training.gradients import Descent, descend
from jaxgen.training.optimizers import OPTIMIZERS, hyper_arrays
from jaxgen.training.randomness import Stream, example_keys, step_key, stream
from jaxgen.training.schedules import Hyper, Schedule, constant
from jaxgen.training.state import Batch, Metrics, Objective, PyTree, TrainState, current

GENERATOR, DISCRIMINATOR = "generator", "discriminator"


@dataclass(frozen=True)
class Game:
    """What is static in the objective; `make_adversarial_restoration` says what each of them is."""

    generator: Any
    discriminator: Any
    degrade: Degrade
    content: Callable[[Array, Array, Hyper], Array]
    loss: AdversarialLoss
    hyper: Mapping[str, float] = field(default_factory=dict)
    conditional: bool = False
    dropout: bool = False
    optimizer: str = "adam"
    schedule: Schedule = constant
    microbatches: int = 1
    axis_name: str | None = None

    def shown(self, images: Array, damaged: Array) -> Array:
        """Returns images as the discriminator sees them, in [-1, 1], beside the damaged ones where it is told these."""
        both = [images, enlarged(damaged, images)] if self.conditional else [images]
        return 2 * jnp.concatenate(both, -1) - 1

    def of_discriminator(self, params: PyTree, examples: dict[str, Array], stats: PyTree) -> tuple[Array, Any]:
        """Returns (loss, (metrics, statistics)) on clean and on restored images."""
        variables = {"params": params, "stats": stats}
        real, fake = (self.shown(examples[name], examples["damaged"]) for name in ("clean", "restored"))
        real_logits, fake_logits, stats = logits_of_both(self.discriminator, variables, real, fake, None, True)
        # A discriminator of patches judges each of them as if it were an image.
        value = self.loss.discriminator(real_logits.ravel(), fake_logits.ravel()).mean()
        return value, ({"loss": value, "real_logit": real_logits.mean(), "fake_logit": fake_logits.mean()}, stats)

    def of_generator(
        self, params: PyTree, examples: dict[str, Any], stats: PyTree, held: PyTree, hyper: Hyper
    ) -> tuple[Array, Any]:
        """Returns (loss, (metrics, statistics)); `held` are the discriminator's variables, which get no gradient."""
        clean, damaged = examples["clean"], examples["damaged"]
        restored, stats = self.restore({"params": params, "stats": stats}, examples)
        real, fake = (
            call(self.discriminator, held, self.shown(images, damaged), None, True)[0].ravel()
            for images in (clean, restored)
        )
        parts = {
            "content": self.content(clean, restored, hyper).mean(),
            "adversarial": self.loss.generator(real, fake).mean(),
        }
        value = parts["content"] + hyper["adversarial_weight"] * parts["adversarial"]
        return value, (parts | {"loss": value, "psnr": psnr(clean, restored).mean()}, stats)

    def restore(self, variables: PyTree, examples: dict[str, Any]) -> tuple[Array, PyTree]:
        """Returns what the generator makes of damaged images in training, and its updated statistics."""
        named = {"keys": examples["dropout"]} if self.dropout else {}
        seen = told(examples["damaged"], examples.get("guide"))
        return apply(self.generator, variables, seen, train=True, **named)

    def descend(self, loss: Callable, params: PyTree, opt_state: PyTree, examples: PyTree, hyper: Hyper) -> Descent:
        """Returns one player after one update."""
        return descend(
            loss,
            params,
            opt_state,
            OPTIMIZERS[self.optimizer](hyper),
            examples,
            axis_name=self.axis_name,
            microbatches=self.microbatches,
            clip_norm=hyper["clip_norm"],
        )

    def examples(self, state: TrainState, batch: Batch, hyper: Hyper) -> dict[str, Any]:
        """Returns clean and damaged images with what else the generator is given."""
        key, count = step_key(state.key, state.step), len(batch["image"])
        keys = lambda name: example_keys(stream(key, name), count, self.axis_name, self.microbatches)
        made, clean = pair(self.degrade, keys(Stream.DEGRADATION), batch, hyper)
        found = {"clean": clean, "damaged": made.images}
        found |= {} if made.guide is None else {"guide": made.guide}
        return found | ({"dropout": keys(Stream.DROPOUT)} if self.dropout else {})

    def step(self, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        """Returns the state after an update of the discriminator and one of the generator, and metrics."""
        hyper = self.schedule(state.hyper, state.step)
        examples = self.examples(state, batch, hyper)
        generator, discriminator = current(state, GENERATOR), current(state, DISCRIMINATOR)
        # The restored images are data here: no gradient goes from this loss to the generator.
        restored, _ = self.restore(generator, examples)
        judged = {name: examples[name] for name in ("clean", "damaged")} | {"restored": restored}
        rate = {"learning_rate": hyper["learning_rate"] * hyper["discriminator_scale"]}
        against = self.descend(
            partial(self.of_discriminator, stats=discriminator["stats"]),
            discriminator["params"],
            state.opt_state[DISCRIMINATOR],
            judged,
            hyper | rate,
        )
        told_of_discriminator, discriminator_stats = against.aux
        held = {"params": against.params, "stats": discriminator_stats}
        new = self.descend(
            partial(self.of_generator, stats=generator["stats"], held=held, hyper=hyper),
            generator["params"],
            state.opt_state[GENERATOR],
            examples,
            hyper,
        )
        told_of_generator, generator_stats = new.aux
        made = {"params": new.params, "stats": generator_stats}
        metrics = {
            f"{player}/{name}": value
            for player, told, descent in (
                (DISCRIMINATOR, told_of_discriminator, against),
                (GENERATOR, told_of_generator, new),
            )
            for name, value in (told | {"gradient_norm": descent.gradient_norm}).items()
        }
        return state.replace(
            step=state.step + 1,
            params={GENERATOR: new.params, DISCRIMINATOR: against.params},
            stats={GENERATOR: generator_stats, DISCRIMINATOR: discriminator_stats},
            opt_state={GENERATOR: new.opt_state, DISCRIMINATOR: against.opt_state},
            ema={GENERATOR: average(state.ema[GENERATOR], made, decay(hyper["ema_decay"], state.step))},
        ), metrics | {"learning_rate": hyper["learning_rate"]}

    def init(self, key: Array, batch: Batch) -> TrainState:
        """Returns the state before the first step."""
        generator_key, discriminator_key, root = jax.random.split(key, 3)
        hyper = hyper_arrays(self.hyper)
        made, clean = held_out(self.degrade, generator_key, {"image": batch["image"][:1]}, hyper)
        variables = {
            GENERATOR: dict(self.generator.init(generator_key, told(made.images, made.guide), False)),
            DISCRIMINATOR: dict(self.discriminator.init(discriminator_key, self.shown(clean, made.images), False)),
        }
        params = {player: stats.pop("params") for player, stats in variables.items()}
        kept = {"params": params[GENERATOR], "stats": variables[GENERATOR]}
        return TrainState(
            step=jnp.int32(0),
            params=params,
            stats=variables,
            opt_state={player: OPTIMIZERS[self.optimizer](hyper).init(p) for player, p in params.items()},
            ema=jax.tree.map(jnp.copy, {GENERATOR: kept}),
            hyper=hyper,
            key=root,
        )


def make_adversarial_restoration(generator: Any, discriminator: Any, **options: Any) -> Objective:
    """Returns the objective of a restorer that a discriminator shall not tell from clean pictures.

    Args:
      generator: module (inputs[b, h, w, c + k], train) -> images[b, h, w, c] in [0, 1]; see `make_restoration`.
      discriminator: module (images[b, h, w, c], train) -> logits[b] or, of patches, logits[b, rows, columns]; the
        images are in [-1, 1].
      degrade: (key[b], images, hyper) -> Damage.
      content: (clean, restored, hyper) -> float[b]; see `reconstruction_losses.weighted_sum`.
      loss: a pair of losses on logits.
      hyper: adversarial_weight, discriminator_scale (its learning rate as a multiple of the generator's), and what
        `degrade`, `content` and `make_restoration` read.
      conditional: whether the discriminator sees the damaged image beside each, as in pix2pix.
      dropout: whether the generator takes `keys`, one for each example, in training.
      optimizer: a name in `OPTIMIZERS`, for both players.
      schedule: evaluated first in every step.
      microbatches: see `gradients.gradient`.
      axis_name: the mapped axis over which a batch is spread, or None.
    Returns:
      Objective with `restoring`; its evaluation is that of `make_restoration`.
    """
    game = Game(generator, discriminator, **options)
    return Objective(
        init=game.init,
        step=game.step,
        player=GENERATOR,
        microbatches=game.microbatches,
        **judged(generator, game.degrade, GENERATOR),
    )
