import jax
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.models.restoration.video import VideoRNN
from jaxgen.restoration import clips
from jaxgen.restoration.clips import make_clip_restorer, restore_clip
from jaxgen.training.state import RestoringClips

FRAMES = np.random.default_rng(0).random((7, 6, 8, 1)).astype(np.float32)


HALF = np.float32(0.5)


def running_sum(variables, frames, state=None):
    """Adds the sum of all frames before, halved: a network with a state."""
    total = 0 if state is None else state
    restored = []
    for index in range(frames.shape[1]):
        total = total / 2 + variables * frames[:, index]
        restored.append(total)
    return jax.numpy.stack(restored, 1), total


def window_mean(variables, frames, state=None):
    """Subtracts the mean of the frames that are seen at once: a network without a state, of three frames alone."""
    assert frames.shape[1] == 3 and state is None
    return frames - variables * frames.mean(1, keepdims=True), None


def restored(function, frames, size, strength=1.0, channels=1, variables=HALF):
    restorer = make_clip_restorer(RestoringClips(function, size), variables, channels)
    return np.stack(list(restore_clip(restorer, frames, strength)))


def test_a_state_passes_from_frame_to_frame():
    expected, total = [], 0
    for frame in FRAMES:
        total = total / 2 + 0.5 * frame
        expected.append(total)
    np.testing.assert_allclose(restored(running_sum, FRAMES, 3), np.clip(expected, 0, 1), rtol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_a_network_without_a_state_sees_the_frames_around_each(count):
    frames = FRAMES[:count]
    padded = np.concatenate([frames, frames[-1:].repeat(max(3 - count, 0), 0)])
    starts = np.clip(np.arange(count) - 1, 0, len(padded) - 3)
    means = np.stack([padded[start : start + 3].mean(0) for start in starts])
    found = restored(window_mean, iter(frames), 3)
    np.testing.assert_allclose(found, np.clip(frames - means / 2, 0, 1), rtol=1e-5, atol=1e-6)


def test_strength_blends_with_the_original():
    whole, half = (restored(running_sum, FRAMES, 3, strength) for strength in (1.0, 0.5))
    np.testing.assert_allclose(half, (FRAMES + whole) / 2, atol=1e-6)


def test_channels_are_restored_one_by_one_or_together():
    color = np.random.default_rng(1).random((4, 6, 8, 3)).astype(np.float32)
    found = restored(running_sum, color, 2)
    for channel in range(3):
        one = restored(running_sum, color[..., channel, None], 2)
        np.testing.assert_array_equal(found[..., channel, None], one)
    np.testing.assert_allclose(
        restored(running_sum, FRAMES, 2, channels=3), restored(running_sum, FRAMES, 2), rtol=1e-6
    )


def test_the_video_network_of_the_package_is_restored_as_the_whole_clip(draw):
    network = VideoRNN(2, 1)
    variables = draw(network, (1, 2, 6, 8, 1))
    apply = lambda variables, frames, state=None: network.apply(variables, frames, False, state)
    expected = jax.jit(apply)(variables, FRAMES[None, :4])[0][0]
    found = restored(apply, FRAMES[:4], 2, variables=variables)
    np.testing.assert_allclose(found, np.clip(expected, 0, 1), atol=1e-5)


def test_what_no_network_of_clips_takes_is_refused(monkeypatch):
    other = [FRAMES[0], FRAMES[1, :4]]
    with pytest.raises(UsageError, match=r"frame 1 of a clip has the shape \[4, 8, 1\], and the first one \[6, 8, 1\]"):
        restored(running_sum, other, 3)
    with pytest.raises(UsageError, match=r"^the network takes no clips of 2 frames of 8×6 pixels \(AssertionError"):
        restored(window_mean, FRAMES, 2)
    with pytest.raises(UsageError, match="it must keep the shape"):
        restored(lambda variables, frames, state=None: (frames[:, :1], None), FRAMES, 2)
    monkeypatch.setattr(clips, "MAX_UNTILED_PIXELS", 40)
    with pytest.raises(UsageError, match=r"frames of 8×6 pixels: .* give at most"):
        restored(running_sum, FRAMES, 3)
