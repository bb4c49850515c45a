"""Restores clips by a network that carries a state from frame to frame, or sees neighboring frames at the same time.

Frames come and go one by one: memory does not grow with a clip's length.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgen.errors import UsageError
from jaxgen.restoration.inference import blend
from jaxgen.restoration.restorer import MAX_UNTILED_PIXELS
from jaxgen.training.state import RestoringClips

MAX_REASON = 160
"""Characters of an exception's message that an error repeats."""

PyTree = Any


class ClipRestorer(NamedTuple):
    """A network of clips with its variables.

    Attributes:
      restore: (float32[b, t, h, w, channels], state or None) -> (the restored frames, the state after the last of them;
        None for a network that carries none), compiled for each size.
      carries: whether the network carries a state, given a shape (b, t, h, w, channels).
      channels: of the frames.
      frames: that a network without a state sees at once.
    """

    restore: Callable[[np.ndarray, PyTree], tuple[np.ndarray, PyTree]]
    carries: Callable[[tuple[int, ...]], bool]
    channels: int
    frames: int


def make_clip_restorer(capability: RestoringClips, variables: PyTree, channels: int) -> ClipRestorer:
    """Returns the clip restorer of a run.

    Args:
      capability: of the run's objective.
      variables: {"params": …, "stats": …} of its network.
      channels: of its images.
    """
    on_device = jax.device_put(variables)
    compiled = jax.jit(capability.restore)

    def carries(shape: tuple[int, ...]) -> bool:
        height, width = shape[2:4]
        if height * width > MAX_UNTILED_PIXELS:
            raise UsageError(
                f"frames of {width}×{height} pixels: a network of clips is applied to whole frames; give at most "
                f"{MAX_UNTILED_PIXELS / 1e6:.1f} megapixels"
            )
        try:
            clips, state = jax.eval_shape(capability.restore, on_device, jax.ShapeDtypeStruct(shape, np.float32))
        except Exception as error:  # Whatever the user's code raises.
            reason = " ".join(str(error).split())[:MAX_REASON]
            raise UsageError(
                f"the network takes no clips of {shape[1]} frames of {width}×{height} pixels ({type(error).__name__}: "
                f"{reason})"
            ) from error
        if clips.shape != shape:
            raise UsageError(f"the network returns clips of shape {clips.shape} for {shape}: it must keep the shape")
        return bool(jax.tree.leaves(state))

    def restore(clips: np.ndarray, state: PyTree) -> tuple[np.ndarray, PyTree]:
        restored, state = compiled(on_device, clips, state)
        return np.asarray(restored), state

    return ClipRestorer(restore, carries, channels, capability.frames)


def restore_clip(restorer: ClipRestorer, frames: Iterable[np.ndarray], strength: float = 1.0) -> Iterator[np.ndarray]:
    """Yields the restored frames of a clip.

    A network with a state gets the frames one by one. Another one gets for each frame the frames around it, as many as
    it was trained on; those at the clip's ends share the first or the last of these windows. A network for gray frames
    processes color channels one by one; one for color frames gets a gray frame in each channel, and its outputs are
    averaged.

    Args:
      restorer: the network.
      frames: float32[height, width, 1 or 3] in [0, 1], all of one shape.
      strength: fraction of the change that is applied, 0 to 1.
    Yields:
      float32[height, width, 1 or 3] in [0, 1] for each frame.
    Raises:
      UsageError: if a frame has another shape than the first one, or the network does not take its size.
    """
    originals: deque[np.ndarray] = deque()
    for restored in restored_inputs(restorer, split_frames(restorer, frames, originals)):
        original = originals.popleft()
        # [b, h, w, c] with one frame of a channel in each b, or of all channels in one.
        joined = np.concatenate(list(restored), -1)
        merged = joined if joined.shape[-1] == original.shape[-1] else joined.mean(-1, keepdims=True)
        yield blend(original, merged, strength)


def split_frames(
    restorer: ClipRestorer, frames: Iterable[np.ndarray], originals: deque[np.ndarray]
) -> Iterator[np.ndarray]:
    """Yields the inputs of a network, float32[b, h, w, c], and appends the frame of each to a queue."""
    shape: tuple[int, ...] = ()
    for number, frame in enumerate(frames):
        shape = shape or frame.shape
        if frame.shape != shape:
            raise UsageError(
                f"frame {number} of a clip has the shape {list(frame.shape)}, and the first one {list(shape)}: frames "
                "must have one size and one number of channels"
            )
        originals.append(frame)
        if frame.shape[-1] == restorer.channels:
            yield frame[None]
        elif restorer.channels == 1:
            yield np.moveaxis(frame, -1, 0)[..., None]
        else:
            yield np.broadcast_to(frame, (1, *frame.shape[:2], restorer.channels))


def restored_inputs(restorer: ClipRestorer, inputs: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields the network's output, float32[b, h, w, c], for each of its inputs; see `restore_clip`."""
    size = restorer.frames
    first = list(islice(inputs, size))
    if not first:
        return
    batch, *shape = first[0].shape
    if restorer.carries((batch, size, *shape)):
        state = None
        for frame in (*first, *inputs):
            restored, state = restorer.restore(frame[:, None], state)
            yield restored[:, 0]
        return
    # Of a shorter clip the last frame is repeated.
    window, count, middle = deque(first + [first[-1]] * (size - len(first)), size), len(first), size // 2
    restored, _ = restorer.restore(np.stack(window, 1), None)
    yield from (restored[:, index] for index in range(min(middle + 1, count)))
    for frame in inputs:
        window.append(frame)
        restored, _ = restorer.restore(np.stack(window, 1), None)
        yield restored[:, middle]
    yield from (restored[:, index] for index in range(middle + 1, count))
