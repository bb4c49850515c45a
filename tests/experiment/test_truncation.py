import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxgen.errors import UsageError
from jaxgen.experiment.config import Config
from jaxgen.experiment.reopen import Opened
from jaxgen.experiment.truncation import describe, with_truncation
from jaxgen.step.state import Objective

shown = Objective(None, None, "generator", generate=lambda variables, latents, labels: latents, latent=3)


def test_latents_are_normal_within_the_limit_and_never_beyond():
    opened = with_truncation(Opened(Config(), shown, None, 0), 0.7)
    drawn = np.asarray(opened.objective.sample(None, jax.random.key(0), 4000)).ravel()
    assert abs(drawn).max() <= 0.7
    assert scipy.stats.kstest(drawn, scipy.stats.truncnorm(-0.7, 0.7).cdf).pvalue > 1e-3
    assert describe(0.7) == "the prior, cut at ±0.7"


def test_classes_are_told_one_after_the_other(load_experiment):
    module = load_experiment("conditional")
    told = shown._replace(generate=lambda variables, latents, labels: labels)
    opened = with_truncation(Opened(module.Config(), told, None, 0), 1.0)
    known = module.Config().data.classes
    np.testing.assert_array_equal(opened.objective.sample(None, jax.random.key(0), 15), np.arange(15) % known)
    given = jnp.full(4, 2)
    np.testing.assert_array_equal(opened.objective.sample(None, jax.random.key(0), 4, given), given)


def test_what_generates_nothing_is_told():
    nothing = types.SimpleNamespace(generate=None)
    with pytest.raises(UsageError, match=r"truncation 0\.5: this run generates no images"):
        with_truncation(Opened(Config(), nothing, None, 0), 0.5)
