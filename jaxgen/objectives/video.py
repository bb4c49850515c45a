"""Restoration of clips: a window moves over a photograph, and each frame is damaged independently."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.errors import UsageError
from jaxgen.objectives.modules import EVALUATION_PART, apply, in_parts
from jaxgen.objectives.restoration import Degrade, finite_psnr
from jaxgen.objectives.single import PLAYER, make_single
from jaxgen.training.optimizers import MakeOptimizer, hyper_arrays
from jaxgen.training.randomness import Stream, example_keys, stream
from jaxgen.training.schedules import Hyper, Schedule, constant
from jaxgen.training.state import Batch, Metrics, Objective, PyTree, RestoringClips, Selection, TrainState, averaged

ROWS = 2
LEVELS = 255


def draw_pans(keys: Array, size: int, frames: int, window: int, speed: int) -> Array:
    """Draws straight pans: the window's upper left corner in each frame, int32[batch, frames, 2].

    Args:
      keys: key[batch].
      size: height and width of the photographs in pixels, at least window + (frames − 1) · speed.
      frames: of a clip.
      window: height and width of a frame in pixels.
      speed: largest movement of the window along each axis from frame to frame, in pixels.
    """

    def one(key: Array) -> Array:
        for_speed, for_start = jax.random.split(key)
        step = jax.random.randint(for_speed, (2,), -speed, speed + 1)
        distance = (frames - 1) * abs(step)
        start = jax.random.randint(for_start, (2,), 0, size - window - distance + 1)
        first = jnp.where(step < 0, start + distance, start)
        return first + step * jnp.arange(frames)[:, None]

    return jax.vmap(one)(keys)


def pan(images: Array, corners: Array, window: int) -> Array:
    """Returns clips of a window that moves over photographs, float[batch, frames, window, window, channel].

    Args:
      images: float[batch, height, width, channel].
      corners: int32[batch, frames, 2], the window's upper left corner in each frame.
      window: height and width of a frame in pixels.
    """
    cut = lambda image, corner: lax.dynamic_slice(image, (*corner, 0), (window, window, image.shape[-1]))
    return jax.vmap(lambda image, path: jax.vmap(lambda corner: cut(image, corner))(path))(images, corners)


def flicker(clips: Array, corners: Array) -> Array:
    """Computes the root mean square change of a point of the scene from frame to frame, in grey levels of 255.

    Args:
      clips: float[batch, frames, window, window, channel] in [0, 1], of straight pans.
      corners: int32[batch, frames, 2].
    Returns:
      float[batch]; 0 for clips that are cut from one image.
    """
    window = clips.shape[2]
    step = corners[:, 1] - corners[:, 0]

    def one(clip: Array, step: Array) -> Array:
        # Aligns a frame with the next one; points that have left the image do not count.
        moved = jnp.roll(clip[:-1], -step, (1, 2))
        position = jnp.stack(jnp.meshgrid(jnp.arange(window), jnp.arange(window), indexing="ij"), -1) + step
        stays = ((position >= 0) & (position < window)).all(-1)[None, :, :, None]
        change = jnp.where(stays, (clip[1:] - moved) ** 2, 0)
        return LEVELS * jnp.sqrt(change.sum() / (stays.sum() * change.shape[0] * change.shape[-1]))

    return jax.vmap(one)(clips, step)


def make_video(
    module: Any,
    *,
    degrade: Degrade,
    loss: Callable[[Array, Array, Hyper], Array],
    hyper: Mapping[str, float],
    frames: int,
    window: int,
    speed: int,
    optimizer: str | MakeOptimizer = "adam",
    schedule: Schedule = constant,
    microbatches: int = 1,
    axis_name: str | None = None,
) -> Objective:
    """Returns the objective of a network that restores clips.

    Args:
      module: module (clips[b, t, h, w, c], train) -> (clips, state). The state is None, or what the module takes as the
        further argument `state` to continue a clip.
      degrade: (key[b], images, hyper) -> Damage, applied to each frame independently.
      loss: (clean, restored, hyper) -> float[b], of frames.
      hyper: what `degrade`, `loss` and `make_single` read.
      frames: of a clip.
      window: height and width of a frame in pixels; the batch's photographs are larger.
      speed: see `draw_pans`.
      optimizer, schedule, microbatches, axis_name: see `make_single`.
    Returns:
      Objective with `restoring_clips`. Its evaluation is the mean PSNR of all frames, of the last one ("psnr_last"),
      and the flicker, of the damaged clips ("…_input") and of the restored ones; the clean ones have none.
    """

    def draw_clips(keys: Callable[[Stream], Array], batch: Batch, hyper: Hyper) -> tuple[Array, Array, Array]:
        """Returns damaged clips, clean ones, and the window's corners."""
        images = batch["image"]
        size, needed = min(images.shape[1:3]), window + (frames - 1) * speed
        if size < needed:
            raise UsageError(
                f"photographs of {size} pixels for {frames} frames of {window} that move by up to {speed}: set "
                f"data.size to {needed} or more"
            )
        corners = draw_pans(keys(Stream.LATENT), size, frames, window, speed)
        clean = pan(images, corners, window)
        each = jax.vmap(lambda key: jax.random.split(key, frames))(keys(Stream.DEGRADATION))
        damaged = degrade(each.reshape(-1), clean.reshape(-1, *clean.shape[2:]), hyper).images
        return damaged.reshape(clean.shape), clean, corners

    def held_out(key: Array, batch: Batch, hyper: Hyper) -> tuple[Array, Array, Array]:
        keys = lambda name: example_keys(stream(key, Stream.EVALUATION, int(name)), len(batch["image"]))
        return draw_clips(keys, batch, hyper)

    def initialise(key: Array, batch: Batch) -> PyTree:
        damaged, _, _ = held_out(key, {"image": batch["image"][:1]}, hyper_arrays(hyper))
        return module.init(key, damaged, False)

    def mean_loss(variables: PyTree, examples: PyTree, hyper: Hyper):
        damaged, clean, _ = examples
        (restored, _), stats = apply(module, variables, damaged, train=True)
        flat = lambda clips: clips.reshape(-1, *clips.shape[2:])
        value = loss(flat(clean), flat(restored), hyper).mean()
        return value, ({"loss": value, "psnr": finite_psnr(flat(clean), flat(restored)).mean()}, stats)

    def restore(variables: PyTree, clips: Array, state: PyTree = None) -> tuple[Array, PyTree]:
        named = {} if state is None else {"state": state}
        return apply(module, variables, clips, train=False, **named)[0]

    def clip_metrics(clean: Array, clips: Array, corners: Array, suffix: str = "") -> Metrics:
        each = jax.vmap(finite_psnr, (1, 1))(clean, clips)
        metrics = {"psnr": each.mean(), "psnr_last": each[-1].mean(), "flicker": flicker(clips, corners).mean()}
        return {f"evaluation/{name}{suffix}": value for name, value in metrics.items()}

    def visualize(state: TrainState, batch: Batch) -> dict[str, Array]:
        """Returns for each clip a row of damaged, restored and clean frames."""
        first = {name: values[:ROWS] for name, values in batch.items()}
        damaged, clean, _ = held_out(state.key, first, state.hyper)
        rows = jnp.stack([damaged, restore(averaged(state, PLAYER), damaged)[0], clean], 1)
        return {"clips": rows.reshape(-1, *rows.shape[2:])}

    def evaluate(state: TrainState, batch: Batch) -> Metrics:
        damaged, clean, corners = held_out(state.key, batch, state.hyper)
        restored = in_parts(lambda part: restore(averaged(state, PLAYER), part)[0], damaged, EVALUATION_PART)
        return clip_metrics(clean, damaged, corners, "_input") | clip_metrics(clean, restored, corners)

    return make_single(
        initialise,
        draw_clips,
        mean_loss,
        hyper=hyper,
        visualize=visualize,
        evaluate=evaluate,
        selection=Selection("evaluation/psnr", direction="maximize"),
        restoring_clips=RestoringClips(restore, frames),
        optimizer=optimizer,
        schedule=schedule,
        microbatches=microbatches,
        axis_name=axis_name,
    )
