import importlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import color, data

from jaxgen.errors import UsageError


@pytest.fixture
def study(monkeypatch):
    """The module beside the scripts."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    module = importlib.import_module("studies.saturated_pictures")
    monkeypatch.setattr(module, "DRAWINGS", 1)
    return module


def test_drawings_and_photographs_are_saturated_and_the_same_every_time(study, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(data.astronaut()[:300, :280]).save(tmp_path / "in" / "a.png")
    for out in ("first", "again"):
        study.write(str(tmp_path / "in"), ["a"], tmp_path / out)
    names = [path.relative_to(tmp_path / "first") for path in sorted((tmp_path / "first").rglob("*.png"))]
    assert list(map(str, names)) == ["boosted/a.png", "drawn/0.png"]
    read = lambda out, name: np.asarray(Image.open(tmp_path / out / name))
    for name in names:
        np.testing.assert_array_equal(read("first", name), read("again", name))
        assert read("first", name).shape == (256, 256, 3)
    saturation = lambda image: color.rgb2hsv(image)[..., 1].mean()
    assert saturation(read("first", "drawn/0.png")) > 0.8
    boosted, original = read("first", "boosted/a.png"), data.astronaut()[22:278, 12:268]
    expected = np.clip(2.5 * color.rgb2hsv(original)[..., 1] + 0.15, 0, 1).mean()
    assert saturation(boosted) == pytest.approx(expected, abs=0.02)
    # Hue and value stay.
    np.testing.assert_allclose(boosted.max(-1), original.max(-1), atol=1)


def test_photographs_that_do_not_fit_are_refused(study, tmp_path):
    Image.fromarray(data.astronaut()[:300, :200]).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match="a photograph of 300×200: give at least 256×256 pixels"):
        study.write(str(tmp_path), [], tmp_path / "out")
    with pytest.raises(UsageError, match="no photograph b in "):
        study.write(str(tmp_path), ["b"], tmp_path / "out")
