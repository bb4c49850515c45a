"""No metric of an objective of restoration is infinite or NaN, whatever the damage hides."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.losses import adversarial
from jaxgen.metrics.masked import masked_psnr
from jaxgen.objectives.adversarial.restoration import make_adversarial_restoration
from jaxgen.objectives.deep_image_prior import make_deep_image_prior
from jaxgen.objectives.detection import make_detection
from jaxgen.objectives.neighbours import make_neighbours
from jaxgen.objectives.noise_estimation import make_noise_level
from jaxgen.objectives.reconstruction_losses import weighted_sum
from jaxgen.objectives.restoration import MAX_PSNR, Damage, finite_psnr, make_restoration
from jaxgen.objectives.video import make_video

HYPER = {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "ema_decay": 0.5, "clip_norm": 0.0, "hidden": 0.0}
HYPER |= {"mse_weight": 1.0, "adversarial_weight": 0.1, "discriminator_scale": 1.0, "consistency_weight": 1.0}
HYPER |= {"input_noise": 0.0, "held_out": 0.2, "smooth_decay": 0.9, "patience": 5.0}
HYPER |= {"cross_entropy_weight": 1.0, "dice_weight": 1.0}
IMAGES = np.random.default_rng(0).random((3, 12, 12, 1), np.float32)
CALM = {"degrade": lambda keys, images, hyper: hide(images, hyper), "hyper": HYPER}


def hide(images, hyper):
    """Hides all pixels where the hyperparameter `hidden` is 1, and none where it is 0: that image is undamaged."""
    mask = jnp.zeros_like(images) + hyper["hidden"]
    return Damage(images * (1 - mask), None, mask)


class Same(nn.Module):
    """Returns what it is given, times 1."""

    clips: bool = False

    @nn.compact
    def __call__(self, inputs, train):
        outputs = inputs[..., :1] * self.param("weight", nn.initializers.ones, ())
        return (outputs, None) if self.clips else outputs


class Mean(nn.Module):
    @nn.compact
    def __call__(self, images, train):
        return images.mean((1, 2, 3)) * self.param("weight", nn.initializers.ones, ())


LOSS = {"loss": weighted_sum(("mse",))}
OBJECTIVES = {
    "restoration": lambda: make_restoration(Same(), **CALM, **LOSS),
    "adversarial": lambda: make_adversarial_restoration(
        Same(), Mean(), loss=adversarial.hinge, reconstruction=LOSS["loss"], **CALM
    ),
    "video": lambda: make_video(Same(clips=True), frames=2, window=10, speed=1, **CALM, **LOSS),
    "neighbours": lambda: make_neighbours(Same(), **CALM, **LOSS),
    "deep_image_prior": lambda: make_deep_image_prior(Same(), **CALM),
    "detection": lambda: make_detection(Same(), **CALM),
    "noise_level": lambda: make_noise_level(
        Mean(), degrade=lambda keys, images, hyper: (images, jnp.zeros(len(images)) + hyper["hidden"]), hyper=HYPER
    ),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_metrics_are_finite_where_nothing_or_all_is_hidden(name):
    objective = OBJECTIVES[name]()
    batch = {"image": IMAGES[:1] if name == "deep_image_prior" else IMAGES}

    @jax.jit
    def run(hidden):
        with_hidden = lambda state: state.replace(hyper=state.hyper | {"hidden": hidden})
        state, metrics = objective.step(with_hidden(objective.init(jax.random.key(0), batch)), batch)
        return metrics, objective.evaluate(state, batch), objective.visualize(state, batch)

    for hidden in (0.0, 1.0):
        for found in jax.device_get(run(np.float32(hidden))):
            assert {key: value for key, value in found.items() if not np.isfinite(value).all()} == {}


def test_an_undamaged_batch_has_the_psnr_of_equal_images(computed):
    objective = make_restoration(Same(), **CALM, **LOSS)
    found = computed(
        lambda: objective.evaluate(objective.init(jax.random.key(0), {"image": IMAGES}), {"image": IMAGES})
    )
    for name in ("psnr", "psnr_input", "masked_psnr", "masked_psnr_input"):
        assert found[f"evaluation/{name}"] == MAX_PSNR
    assert found["evaluation/gain"] == 0


def test_a_psnr_is_bounded_and_nan_stays():
    clean = np.full((3, 2, 2, 1), 0.5, np.float32)
    image = clean + np.float32([0, 0.1, np.nan])[:, None, None, None]
    np.testing.assert_allclose(finite_psnr(clean, image), [MAX_PSNR, 20, np.nan], atol=1e-3)
    mask = np.ones_like(clean)
    np.testing.assert_allclose(finite_psnr(clean, image, mask)[1:], masked_psnr(clean, image, mask)[1:], rtol=1e-6)
