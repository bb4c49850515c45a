import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from flax import linen as nn

from jaxgen.config.base import Config
from jaxgen.errors import UsageError
from jaxgen.nn.layers import BatchNorm
from jaxgen.objectives.adversarial.gan_samples import Sampler
from jaxgen.runs.latents import with_latents, with_truncation
from jaxgen.runs.reopen import Opened
from tests.bare_objective import bare, drawing

shown = drawing(generate=lambda variables, latents, labels: latents, latent_size=3)


def test_latents_are_normal_within_the_limit_and_never_beyond():
    opened = with_truncation(Opened(Path(), Config(), shown, None, 0), 0.7)
    drawn = np.asarray(opened.objective.generative.sample(None, jax.random.key(0), 4000)).ravel()
    assert abs(drawn).max() <= 0.7
    assert scipy.stats.kstest(drawn, scipy.stats.truncnorm(-0.7, 0.7).cdf).pvalue > 1e-3
    assert with_latents(opened, None, 0.7)[1] == "the prior, truncated to ±0.7"


def test_labels_are_the_classes_in_turn(load_experiment):
    module = load_experiment("conditional")
    objective = drawing(generate=lambda variables, latents, labels: labels, latent_size=3)
    opened = with_truncation(Opened(Path(), module.Config(), objective, None, 0), 1.0)
    known = module.Config().data.classes
    draw = opened.objective.generative.sample
    np.testing.assert_array_equal(draw(None, jax.random.key(0), 15), np.arange(15) % known)
    labels = jnp.full(4, 2)
    np.testing.assert_array_equal(draw(None, jax.random.key(0), 4, labels), labels)


def test_batch_statistics_are_those_of_the_latents_that_are_drawn():
    class Generator(nn.Module):
        @nn.compact
        def __call__(self, latents, train):
            return BatchNorm()(latents, train)[:, None, None, :]

    sampler = Sampler(Generator(), latent=3)
    variables = dict(sampler.generator.init(jax.random.key(0), jnp.zeros((1, 3)), False))
    variables = {"params": variables.pop("params"), "stats": variables}
    objective = bare(generative=sampler.generative)
    opened = with_truncation(Opened(Path(), Config(), objective, variables, 0), 0.5)
    result = opened.variables["stats"]["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(result["var"], scipy.stats.truncnorm(-0.5, 0.5).var(), rtol=0.05)
    np.testing.assert_allclose(result["mean"], 0, atol=0.02)
    jax.tree.map(np.testing.assert_array_equal, opened.variables["params"], variables["params"])
    # The run itself is as it was.
    np.testing.assert_array_equal(variables["stats"]["batch_stats"]["BatchNorm_0"]["var"], 1)


def test_without_batch_statistics_nothing_has_to_settle():
    update = lambda *arguments: pytest.fail("statistics were updated")
    objective = bare(generative=dataclasses.replace(shown.generative, update_statistics=update))
    variables = {"params": {}, "stats": {}}
    assert with_truncation(Opened(Path(), Config(), objective, variables, 0), 0.5).variables is variables


def test_what_generates_nothing_is_reported():
    with pytest.raises(UsageError, match=r"this run generates no images; leave truncation 0\.5 out"):
        with_truncation(Opened(Path(), Config(), bare(), None, 0), 0.5)
