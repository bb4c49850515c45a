import dataclasses
import importlib
from pathlib import Path

import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.io import images
from jaxgen.runs.train import train

pytestmark = pytest.mark.usefixtures("no_samples")

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def holes(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("studies.holes")


def test_the_hole_is_in_the_middle(holes):
    mask = holes.middle(28, 14)
    assert mask.sum() == 12 * 6
    np.testing.assert_array_equal(mask, mask[::-1, ::-1])


def test_a_generator_is_compared_with_biharmonic_inpainting(holes, load_experiment, tmp_path):
    module = load_experiment("vae")
    config = module.Config(steps=1, batch_size=2, tensorboard=False, sample_every=0, run=str(tmp_path / "run"))
    data = dataclasses.replace(config.data, name="digits", size=8, channels=1)
    train(dataclasses.replace(config, data=data), module.build, say=lambda line: None)
    messages = []
    scores = holes.study(tmp_path / "run", 3, 0, tmp_path / "rows.png", messages.append)
    assert [len(scores[name]) for name in ("left black", "biharmonic", "latent search")] == [3, 3, 3]
    # A smooth surface is nearer to an image than black is.
    assert np.mean(scores["biharmonic"]) > np.mean(scores["left black"])
    assert scores["better"] == sum(np.array(scores["latent search"]) > scores["biharmonic"])
    assert messages[-1] == f"latent search is better than biharmonic in {scores['better']} of 3"
    assert images.read(tmp_path / "rows.png").shape[0] > 5 * 8
    with pytest.raises(UsageError, match="count 10000: the test split has"):
        holes.held_out(data, 10_000)
