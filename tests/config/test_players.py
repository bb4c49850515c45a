import dataclasses

import jax.numpy as jnp
import pytest

from jaxgen.config import GanConfig, players
from jaxgen.data import Config as DataConfig
from jaxgen.errors import UsageError

CONFIG = GanConfig(minibatch_kernels=3, conditional=True, dtype="bfloat16")
CONFIG = dataclasses.replace(CONFIG, data=DataConfig(name="digits", size=28, channels=2, classes=5))


def test_both_networks_get_the_shape_of_the_images():
    result = players("dcgan", "spectral", CONFIG, "batch", width=7)
    generator, discriminator = result["generator"], result["discriminator"]
    assert (generator.size, generator.channels, generator.width, generator.axis_name) == (28, 2, 7, "batch")
    assert (discriminator.norm, discriminator.width, discriminator.axis_name) == ("spectral", 7, "batch")
    assert (discriminator.classes, discriminator.kernels) == (5, 3)
    assert generator.dtype == discriminator.dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ("network", "norm", "separate"),
    [("dcgan", "batch", True), ("resnet", "batch", True), ("mlp", "batch", False), ("mlp", "spectral", True)],
)
def test_batch_norm_before_the_logit_sees_both_kinds_in_one_batch(network, norm, separate):
    assert players(network, norm, CONFIG, None)["separate_batches"] is separate


def test_a_network_without_norm_takes_none():
    assert set(players("r3gan", "none", CONFIG, "batch")) == {"generator", "discriminator"}
    with pytest.raises(UsageError, match="norm batch: network r3gan has no normalisation; set norm to none"):
        players("r3gan", "batch", CONFIG, None)


def test_an_unknown_network_is_named():
    with pytest.raises(UsageError, match="unknown network 'resent': did you mean resnet"):
        players("resent", "none", CONFIG, None)
