from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgen import data
from jaxgen.config.gan import classes
from jaxgen.errors import UsageError
from jaxgen.objectives.adversarial.gan_samples import Sampler
from jaxgen.runs import reopen
from jaxgen.runs.latents import with_latents
from jaxgen.training.state import averaged
from tests.bare_objective import bare


def opened(load_experiment, name, **fields):
    """Returns an experiment as it is before its first step."""
    module = load_experiment(name)
    config = module.Config(**fields)
    objective = module.build(config, None)
    state = objective.init(jax.random.key(0), {"image": jnp.zeros((1, config.data.size, config.data.size, 1))})
    return reopen.Opened(Path(), config, objective, averaged(state, objective.player), 0)


@pytest.fixture(scope="module")
def conditional(load_experiment):
    return opened(load_experiment, "conditional", network="mlp")


def test_samples_of_one_class_have_that_label(conditional):
    made = conditional.sample(4, 5, label=3)
    sample, key = conditional.objective.generative.sample, jax.random.key(5)
    for label, same in ((3, True), (4, False)):
        expected = sample(conditional.variables, key, 4, jnp.full(4, label))
        assert np.allclose(made, expected, atol=1e-5) == same


def test_without_a_label_there_is_one_class_after_the_other(conditional):
    made = conditional.sample(4, 5)
    expected = conditional.objective.generative.sample(conditional.variables, jax.random.key(5), 4, jnp.arange(4))
    np.testing.assert_allclose(made, expected, atol=1e-5)


@pytest.mark.parametrize("label", [-1, 10])
def test_a_label_outside_the_classes_is_reported(conditional, label):
    with pytest.raises(UsageError, match=f"label {label}: this run has 10 classes; give one from 0 to 9"):
        conditional.sample(1, 0, label=label)


class Elementwise(nn.Module):
    """Computes each pixel from one latent: its bits do not depend on the batch."""

    @nn.compact
    def __call__(self, latents, train):
        return jnp.tanh(latents)[:, None, None, :]


@pytest.mark.parametrize("truncation", [None, 0.5])
@pytest.mark.parametrize("label", [None, 1])
def test_samples_have_the_same_bits_whatever_the_parts(load_experiment, monkeypatch, truncation, label):
    config = load_experiment("conditional").Config(data=data.Config(classes=3))
    objective = bare(generative=Sampler(Elementwise(), latent=2, classes=3).generative)
    run = reopen.Opened(Path(), config, objective, {"params": {}, "stats": {}}, 0)
    run, _ = with_latents(run, None, truncation)
    whole = run.sample(11, 5, label)
    assert len(np.unique(whole[:, 0, 0, 0])) == 11
    monkeypatch.setattr(reopen, "PART", 4)
    parts = list(run.sample_parts(11, 5, label))
    assert [len(part) for part in parts] == [4, 4, 3]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(run.sample(3, 5, label), whole[:3])


@pytest.mark.parametrize("name", ["gan_mlp", "vae"])
def test_a_label_without_classes_is_reported(load_experiment, name):
    module = load_experiment(name)
    config = module.Config()
    run = reopen.Opened(Path(), config, module.build(config, None), None, 0)
    assert classes(config) == 0
    with pytest.raises(UsageError, match="label 0: the networks of this run have no classes"):
        run.sample(1, 0, label=0)
