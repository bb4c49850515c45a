"""Evaluation works on a fixed number of images at a time and gives the numbers that all of them at once give."""

import dataclasses
import importlib
from functools import partial

import jax
import numpy as np
import pytest
from jax.extend.core import subjaxprs

from jaxgen.data import Config as DataConfig

DATA = DataConfig(name="digits", size=16, channels=1)
RECIPES = {
    "adversarial.gan_samples": ("dcgan", {"width": 4}),
    "restoration": ("denoise", {"depth": 3, "width": 4}),
    "detection": ("damage_detector", {"network": "residual", "widths": (4, 8), "blocks": 1, "damage": "scratches"}),
    "noise_estimation": ("noise_level", {"depth": 2, "width": 4}),
    "neighbours": ("neighbor2neighbor", {"widths": (4,), "blocks": 1}),
    "video": ("video", {"frames": 2, "window": 12, "speed": 2, "width": 4, "blocks": 1}),
}


@pytest.fixture(params=RECIPES)
def evaluation(request, load_experiment):
    """The module of an objective, its evaluation, and the state that it begins with."""
    script, fields = RECIPES[request.param]
    experiment = load_experiment(script)
    objective = experiment.build(dataclasses.replace(experiment.Config(), data=DATA, **fields), None)
    module = importlib.import_module(f"jaxgen.objectives.{request.param}")
    shape = jax.ShapeDtypeStruct((1, 16, 16, 1), "float32")
    state = jax.eval_shape(objective.init, jax.random.key(0), {"image": shape})
    return module, objective, state


def convolved(jaxpr):
    """Returns the largest number of images that any convolution of a program is given."""
    own = [e.invars[0].aval.shape[0] for e in jaxpr.eqns if e.primitive.name == "conv_general_dilated"]
    return max([0, *own, *map(convolved, subjaxprs(jaxpr))])


def test_memory_does_not_grow_with_the_number_of_images(evaluation):
    _, objective, state = evaluation
    batch = lambda count: {"image": jax.ShapeDtypeStruct((count, 16, 16, 1), "float32")}
    small, large = (convolved(jax.make_jaxpr(objective.evaluate)(state, batch(n)).jaxpr) for n in (130, 520))
    assert 0 < large == small < 520


def test_in_parts_it_finds_the_same(evaluation, monkeypatch):
    module, objective, _ = evaluation
    images = np.random.default_rng(0).uniform(0, 1, (7, 16, 16, 1)).astype("float32")
    state = jax.jit(objective.init)(jax.random.key(0), {"image": images[:1]})
    found = []
    for part in (3, 7):
        monkeypatch.setattr(module, "EVALUATION_PART", part)
        # Of the function itself JAX would keep what it traced before.
        found.append(jax.jit(partial(objective.evaluate))(state, {"image": images}))
    for name in found[0]:
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-4, err_msg=name)
