"""Objectives in a program of the user's own: nothing of the commands is loaded, and any module serves."""

import inspect
import subprocess
import sys
import textwrap
import typing

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from flax.nnx import bridge

from jaxgen.errors import UsageError
from jaxgen.losses import adversarial, reconstruction
from jaxgen.objectives.adversarial.gan import make_gan
from jaxgen.objectives.adversarial.restoration import make_adversarial_restoration
from jaxgen.objectives.classification import make_classification
from jaxgen.objectives.deep_image_prior import make_deep_image_prior
from jaxgen.objectives.detection import make_detection
from jaxgen.objectives.neighbours import make_neighbours
from jaxgen.objectives.noise_estimation import make_noise_level
from jaxgen.objectives.restoration import Damage, make_restoration
from jaxgen.objectives.vae import make_vae
from jaxgen.objectives.video import make_video

MAKERS = (
    make_adversarial_restoration,
    make_classification,
    make_deep_image_prior,
    make_detection,
    make_gan,
    make_neighbours,
    make_noise_level,
    make_restoration,
    make_vae,
    make_video,
)

PROGRAM = """
    import sys
    import jax, jax.numpy as jnp
    from jaxgen.losses import adversarial
    from jaxgen.models.gan import mlp
    from jaxgen.objectives.adversarial.gan import make_gan

    hyper = {"learning_rate": 1e-3, "b1": 0.5, "b2": 0.9, "ema_decay": 0.9, "clip_norm": 0.0}
    hyper["discriminator_scale"] = 1.0
    gan = make_gan(
        mlp.Generator(size=4, channels=1), mlp.Discriminator(), loss=adversarial.hinge, latent=3, hyper=hyper
    )
    batch = {"image": jnp.ones((4, 4, 4, 1)) / 2}
    state = gan.init(jax.random.key(0), batch)
    state, metrics = jax.jit(gan.step)(state, batch)
    assert int(state.step) == 1
    above = [m for m in sys.modules if m.split(".")[:2] in [["jaxgen", p] for p in FOLDERS] or m in OTHERS]
    print(sorted(above))
"""


def test_a_step_of_ones_own_loads_nothing_of_commands_runs_or_sweeps():
    folders = ("commands", "config", "data", "evaluation", "pages", "restoration", "runs", "sweeps")
    program = textwrap.dedent(PROGRAM).replace("FOLDERS", repr(folders))
    program = program.replace("OTHERS", repr(("tyro", "optuna", "orbax.checkpoint", "matplotlib", "PIL")))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("make", MAKERS)
def test_every_argument_is_named_and_typed_and_is_described(make):
    parameters = inspect.signature(make).parameters
    assert all(p.kind is not p.VAR_KEYWORD and p.annotation is not p.empty for p in parameters.values())
    assert not [name for name in parameters if name not in make.__doc__]
    assert "return" in typing.get_type_hints(make)


class Denoiser(nnx.Module):
    """A module of flax.nnx: a convolution with batch norm, in the form that objectives call."""

    def __init__(self, rngs):
        self.conv, self.norm = nnx.Conv(1, 1, (3, 3), rngs=rngs), nnx.BatchNorm(1, rngs=rngs)

    def __call__(self, images, train):
        return self.norm(self.conv(images), use_running_average=not train)


def test_a_module_of_nnx_trains_through_an_objective():
    objective = make_restoration(
        bridge.ToLinen(Denoiser),
        degrade=lambda keys, images, hyper: Damage(images / 2),
        loss=lambda clean, restored, hyper: reconstruction.mse(clean, restored),
        hyper={"learning_rate": 0.05, "ema_decay": 0.0, "clip_norm": 0.0},
        optimizer=lambda hyper: optax.adam(hyper["learning_rate"]),
    )
    batch = {"image": jax.random.uniform(jax.random.key(1), (8, 6, 6, 1))}
    state = jax.jit(objective.init)(jax.random.key(0), batch)
    step = jax.jit(objective.step)
    first = step(state, batch)[1]["model/loss"]
    for _ in range(60):
        state, metrics = step(state, batch)
    assert metrics["model/loss"] < first / 4
    assert objective.restoring.restore(state.ema["model"], batch["image"]).shape == (8, 6, 6, 1)
    assert not np.allclose(jax.tree.leaves(state.stats["model"])[0], 0)


def test_an_optimizer_of_ones_own_for_each_player(tiny):
    objective = tiny.make(
        optimizer=lambda hyper: optax.sgd(hyper["learning_rate"]),
        discriminator_optimizer=lambda hyper: optax.set_to_zero(),
        loss="hinge",
    )
    state = objective.init(jax.random.key(0), tiny.BATCH)
    after, _ = jax.jit(objective.step)(state, tiny.BATCH)
    assert not tiny.differs(after.params["discriminator"], state.params["discriminator"])
    assert tiny.differs(after.params["generator"], state.params["generator"])


def test_a_loss_of_ones_own_needs_no_registry(tiny):
    mine = adversarial.AdversarialLoss(lambda real, fake: jnp.exp(fake - real), lambda real, fake: -fake)
    objective = tiny.make(loss=mine)
    state = objective.init(jax.random.key(0), tiny.BATCH)
    assert np.isfinite(jax.jit(objective.step)(state, tiny.BATCH)[1]["discriminator/loss"])


def test_missing_hyperparameters_are_all_named_before_a_step():
    with pytest.raises(UsageError, match="hyper has no discriminator_scale, ema_decay, clip_norm, r1_weight, b1, b2:"):
        make_gan(None, None, loss=adversarial.hinge, latent=3, penalties=("r1",), hyper={"learning_rate": 1e-3})
    with pytest.raises(UsageError, match="hyper has no free_bits, likelihood_scale:"):
        make_vae(None, latent=3, likelihood="gaussian", hyper={"kl_weight": 1.0})
    with pytest.raises(UsageError, match="hyper has no ema_decay, clip_norm:"):
        make_vae(
            None,
            latent=3,
            hyper={"kl_weight": 1.0, "free_bits": 0.0, "learning_rate": 1e-3},
            optimizer=lambda hyper: optax.adam(hyper["learning_rate"]),
        )


def test_the_name_of_a_loss_is_refused_with_the_loss(tiny):
    with pytest.raises(UsageError, match=r"give losses.adversarial.LOSSES\['hinge'\]"):
        make_gan(None, None, loss="hinge", latent=3, hyper=tiny.HYPER)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (np.zeros((4, 4, 4, 1), "f"), 'without "image"'),
        ({"images": np.zeros((4, 4, 4, 1), "f")}, 'without "image"'),
        ({"image": np.zeros((4, 4, 4, 1), np.uint8)}, "images of uint8: give floating point"),
    ],
)
def test_a_batch_without_images_in_0_to_1_is_refused(tiny, batch, message):
    gan = tiny.make()
    single = make_restoration(
        bridge.ToLinen(Denoiser),
        degrade=lambda keys, images, hyper: Damage(images),
        loss=lambda clean, restored, hyper: reconstruction.mse(clean, restored),
        hyper=tiny.HYPER,
    )
    for objective in (gan, single):
        with pytest.raises(UsageError, match=message):
            objective.init(jax.random.key(0), batch)
        with pytest.raises(UsageError, match=message):
            jax.eval_shape(
                lambda key, objective=objective: objective.step(objective.init(key, tiny.BATCH), batch)[0],
                jax.random.key(0),
            )


def test_a_state_whose_arrays_became_their_shapes_is_shown(tiny):
    state = jax.eval_shape(tiny.make().init, jax.random.key(0), tiny.BATCH)
    assert repr(state).startswith("TrainState(step=ShapeDtypeStruct")
    assert "'kernel': (3, 32)" in repr(jax.tree.map(jnp.shape, state))
