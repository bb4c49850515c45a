import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.errors import UsageError
from jaxgen.objectives.reconstruction_losses import weighted_sum
from jaxgen.objectives.video import draw_pans, flicker, make_video, pan

HYPER = {"learning_rate": 3e-2, "b1": 0.9, "b2": 0.999, "ema_decay": 0.0, "clip_norm": 0.0, "sigma": 0.1}
HYPER |= {"mse_weight": 1.0}
IMAGES = np.random.default_rng(3).random((6, 20, 20, 1), np.float32)


@pytest.fixture(scope="module")
def corners():
    """Returns the corners of many pans: of the photographs, and of others."""
    return np.asarray(jax.jit(lambda keys: draw_pans(keys, 20, 4, 11, 3))(jax.random.split(jax.random.key(1), 500)))


@pytest.fixture(scope="module")
def cut(corners):
    """Returns the clips of photographs, and their flicker, as a function of noise that is added to them."""

    @jax.jit
    def compute(images, noise):
        clips = pan(images, corners[:6], 11)
        return clips, flicker(clips + noise, corners[:6])

    return lambda images, noise: jax.device_get(compute(images, noise))


def test_pans_are_straight_and_stay_inside(corners):
    assert corners.min() == 0
    assert corners.max() == 20 - 11
    steps = np.diff(corners, axis=1)
    np.testing.assert_array_equal(steps, np.broadcast_to(steps[:, :1], steps.shape))
    assert set(np.unique(steps)) == set(range(-3, 4))


def test_a_pan_is_cut_from_its_photograph_and_does_not_flicker(corners, cut):
    clips, found = cut(IMAGES, np.zeros((6, 4, 11, 11, 1), np.float32))
    row, column = corners[2, 1]
    np.testing.assert_array_equal(clips[2, 1], IMAGES[2, row : row + 11, column : column + 11])
    np.testing.assert_allclose(found, 0, atol=1e-4)


def test_flicker_is_the_root_mean_square_of_what_changes(cut):
    noise = np.random.default_rng(7).normal(0, 0.1, (6, 4, 11, 11, 1)).astype(np.float32)
    _, found = cut(np.full_like(IMAGES, 0.5), noise)
    # The difference of two frames has √2 of one's noise.
    np.testing.assert_allclose(found, 255 * 0.1 * np.sqrt(2), rtol=0.15)


class Past(nn.Module):
    """A learned weight of the mean of the frames so far, which are equal where nothing moves."""

    @nn.compact
    def __call__(self, clips, train, state=None):
        weight = self.param("weight", nn.initializers.zeros, ())
        count = jnp.arange(1, clips.shape[1] + 1).reshape(1, -1, 1, 1, 1)
        return (1 - weight) * clips + weight * clips.cumsum(1) / count, None


@pytest.fixture(scope="module")
def trained(train, add_noise):
    objective = make_video(
        Past(),
        degrade=add_noise,
        loss=weighted_sum(("mse",)),
        hyper=HYPER,
        frames=4,
        window=20,
        speed=0,
    )
    batch = {"image": IMAGES}
    return objective, *train(objective, batch, 150), batch


def test_past_frames_are_used(trained, computed):
    objective, state, history, batch = trained
    assert float(state.params["model"]["weight"]) == pytest.approx(1, abs=0.05)
    assert history["model/psnr"][-1] > history["model/psnr"][0] + 2
    evaluated = computed(objective.evaluate, state, batch)
    metrics = {name.removeprefix("evaluation/"): float(value) for name, value in evaluated.items()}
    assert metrics["psnr_input"] == pytest.approx(20, abs=0.3)
    # Four frames have half the noise.
    assert metrics["psnr_last"] == pytest.approx(26, abs=0.7)
    assert metrics["flicker"] < metrics["flicker_input"] / 2


def test_images_are_rows_of_frames(trained, computed):
    objective, state, _, batch = trained
    rows = computed(objective.visualize, state, batch)["clips"]
    assert rows.shape == (2 * 3, 4, 20, 20, 1)
    np.testing.assert_array_equal(rows[2, 0], IMAGES[0])


def test_photographs_must_contain_the_pan():
    objective = make_video(Past(), degrade=None, loss=None, hyper=HYPER, frames=4, window=11, speed=4)
    with pytest.raises(UsageError, match=r"photographs of 20 pixels for 4 frames of 11 .* set data.size to 23 or more"):
        objective.init(jax.random.key(0), {"image": IMAGES})
