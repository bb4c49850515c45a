import builtins

import pytest

from jaxgen.errors import UsageError
from jaxgen.io import curves, images

HISTORY = [
    {"step": 1, "time": 0.0, "generator/loss": 1.0, "discriminator/loss": 2.0},
    {"step": 2, "time": 1.0, "generator/loss": float("nan"), "discriminator/loss": 1.5, "evaluation/psnr": 20.0},
]


def test_players_share_a_panel():
    assert curves.panels(HISTORY) == {"loss": ["discriminator/loss", "generator/loss"], "psnr": ["evaluation/psnr"]}


def test_a_series_is_what_was_written():
    assert curves.series(HISTORY, "evaluation/psnr") == ([2], [20.0])


def test_the_picture_is_drawn(tmp_path):
    curves.draw(HISTORY, tmp_path / "curves.png")
    picture = images.read(tmp_path / "curves.png")
    assert picture.shape[0] > 100
    assert picture.std() > 0.05


def test_nothing_to_draw_is_no_picture(tmp_path):
    curves.draw([], tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()


def test_without_matplotlib_it_is_said(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    messages = []
    curves.draw(HISTORY, tmp_path / "curves.png", say=messages.append)
    assert "matplotlib is not installed" in messages[0]


def test_an_unwritable_place_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot write the image"):
        curves.draw(HISTORY, tmp_path / "file" / "curves.png")
