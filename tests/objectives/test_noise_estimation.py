import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.degradations.noise import blind_gaussian_noise
from jaxgen.objectives.noise_estimation import CHART, DIAGONAL, chart, make_noise_level

HYPER = {"learning_rate": 1e-2, "b1": 0.9, "b2": 0.999, "ema_decay": 0.0, "clip_norm": 0.0, "sigma": 0.2}
BATCH = {"image": np.full((64, 16, 16, 1), 0.5, np.float32)}


class Spread(nn.Module):
    """A learned multiple of an image's standard deviation: on gray images the best one is 1."""

    @nn.compact
    def __call__(self, images, train):
        return self.param("factor", nn.initializers.zeros, ()) * images.std((1, 2, 3))


@pytest.fixture(scope="module")
def trained(train):
    objective = make_noise_level(
        Spread(),
        degrade=lambda keys, images, hyper: blind_gaussian_noise(keys, images, 0.0, hyper["sigma"]),
        hyper=HYPER,
    )
    return objective, *train(objective, BATCH, 300)


def test_the_level_is_estimated(trained):
    _, state, metrics = trained
    assert float(state.params["model"]["factor"]) == pytest.approx(1, abs=0.03)
    # Without an estimate the error is the mean level, half of the largest.
    assert float(metrics["model/loss"][0]) == pytest.approx(255 * 0.1, rel=0.2)


def test_evaluation_is_the_mean_error_in_grey_levels_on_noise_that_stays_the_same(trained):
    objective, state, _ = trained
    evaluate = jax.jit(objective.evaluate)
    error = float(evaluate(state, BATCH)["evaluation/error"])
    # The standard deviation of 256 values has a relative error of 1/√512, its mean amount √(2/π) of that.
    assert error == pytest.approx(255 * 0.1 * np.sqrt(2 / np.pi / 512), rel=0.5)
    assert float(evaluate(state.replace(step=state.step + 1), BATCH)["evaluation/error"]) == error


def test_errors_of_high_levels_have_less_weight_in_the_loss_alone(train):
    level = np.float32(30 / 255)
    objective = make_noise_level(
        Spread(),
        # Images of another size and number of channels than those of the batch: what the network takes counts.
        degrade=lambda keys, images, hyper: (images[:, :8, :8].repeat(2, -1), jnp.full(len(images), level)),
        halved_at=10.0,
        hyper=HYPER,
    )
    state, metrics = train(objective, BATCH, 1)
    # The estimate of a gray image is 0.
    assert float(metrics["model/loss"][0]) == pytest.approx(30 / (1 + 30 / 10), rel=1e-5)
    assert float(objective.evaluate(state, BATCH)["evaluation/error"]) == pytest.approx(30, rel=1e-5)


def test_the_chart_has_a_point_for_each_estimate_over_a_diagonal(computed):
    image = computed(chart, np.float32([0.0, 0.5, 0.2, 2.0]), np.float32([0.0, 0.5, 1.0, 0.1]))[0, :, :, 0]
    white = {(int(row), int(column)) for row, column in zip(*np.nonzero(image == 1), strict=True)}
    last = CHART - 1
    assert white == {(last, 0), (last - 64, 64), (last - 25, last), (0, 13)}
    assert float(image[0, last]) == pytest.approx(DIAGONAL)
    assert float(image[10, 10]) == 0


def test_images_are_the_chart(trained, computed):
    objective, state, _ = trained
    image = computed(objective.visualize, state, BATCH)["levels"]
    assert image.shape == (1, CHART, CHART, 1)
    rows, columns = np.nonzero(image[0, :, :, 0] == 1)
    assert abs(CHART - 1 - rows - columns).max() < 0.15 * CHART
