"""The command that fits NIQE's parameters."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.io import images, weights

SCRIPTS = Path(__file__).parents[2] / "scripts"
rng = np.random.default_rng(0)


@pytest.fixture
def niqe(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("shipping.niqe")


def test_the_parameters_are_the_moments_of_sharp_blocks(niqe, tmp_path, monkeypatch):
    # The features of two blocks of each photograph, of which the second is sharp.
    drawn = rng.normal(size=(60, 2, 36)).astype(np.float32)
    number = lambda image: round(255 * float(image[0, 0, 0, 0]))
    monkeypatch.setattr(niqe, "features", lambda image: (drawn[number(image)][None], [[1.0, 2.0]]))
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(len(drawn)):
        images.write(folder / f"{i:02}.png", np.full((4, 4, 1), i / 255, np.float32))
    said = []
    sha256 = niqe.make(folder, "drawn", "none", tmp_path, said.append)
    assert said == ["60 blocks of 60 photographs"]
    variables, card = weights.read(tmp_path / "niqe.safetensors", sha256)
    np.testing.assert_allclose(variables["mean"], drawn[:, 1].mean(0), atol=1e-6)
    white = variables["whitening"] @ (drawn[:, 1] - drawn[:, 1].mean(0)).T
    np.testing.assert_allclose(white @ white.T / 59, np.eye(36), atol=1e-4)
    assert (card["metric"], card["data"], card["license"]) == ("niqe", "drawn, 60 blocks of 60 photographs", "none")


def test_a_small_photograph_is_named(niqe, tmp_path):
    images.write(tmp_path / "small.png", np.zeros((191, 200, 1), np.float32))
    with pytest.raises(UsageError, match=r"small\.png: images of 191×200 pixels: NIQE needs at least 192×192"):
        niqe.make(tmp_path, "x", "y", tmp_path, print)
