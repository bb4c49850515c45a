"""The smallest adversarial game there is, which the tests of its objective share."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxgen.losses import adversarial
from jaxgen.objectives.adversarial import gan

HYPER = {
    "learning_rate": 1e-2,
    "discriminator_scale": 1.0,
    "b1": 0.5,
    "b2": 0.9,
    "ema_decay": 0.9,
    "clip_norm": 0.0,
    "penalty_weight": 10.0,
    "penalty_target": 1.0,
    "r1_weight": 1.0,
    "r2_weight": 1.0,
    "clip_limit": 0.01,
    "label_smoothing": 0.25,
    "historical_weight": 0.5,
}
BATCH = {"image": np.random.default_rng(0).uniform(0, 1, (16, 4, 4, 1)).astype(np.float32)}
CLASSES = 3
LABELLED = BATCH | {"label": np.arange(16, dtype=np.int32) % CLASSES}
RATE = 0.1


class Generator(nn.Module):
    width: int = 32

    @nn.compact
    def __call__(self, latent, train):
        hidden = nn.tanh(nn.Dense(self.width)(latent))
        return jnp.tanh(nn.Dense(16)(hidden)).reshape(-1, 4, 4, 1)


class Discriminator(nn.Module):
    norm: bool = False

    @nn.compact
    def __call__(self, images, train):
        x = nn.Dense(8)(images.reshape(len(images), -1))
        if self.norm:
            x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dense(1)(nn.leaky_relu(x))[:, 0]


class NormBeforeLogit(nn.Module):
    @nn.compact
    def __call__(self, images, train):
        x = nn.BatchNorm(use_running_average=not train)(nn.relu(nn.Dense(8)(images.reshape(len(images), -1))))
        return nn.Dense(1)(x)[:, 0]


def make(generator=None, discriminator=None, loss="non_saturating", latent=3, hyper=None, **options):
    return gan.make_gan(
        generator or Generator(),
        discriminator or Discriminator(),
        loss=adversarial.LOSSES[loss] if isinstance(loss, str) else loss,
        latent=latent,
        hyper=HYPER | (hyper or {}),
        **options,
    )


def differs(a, b):
    return any(not np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))
