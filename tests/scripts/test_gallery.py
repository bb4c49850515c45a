import importlib
from pathlib import Path

from jaxgen import degradations

SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_every_degradation_is_shown_and_drawn(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    gallery = importlib.import_module("shipping.gallery")
    of_degradations = {"apply_if", "blind_gaussian_noise", "compose", "shuffled"}
    assert set(degradations.__all__) - of_degradations <= set(gallery.SHOWN)
    monkeypatch.setattr(gallery, "SHOWN", {"undamaged": gallery.SHOWN["undamaged"], "holes": gallery.SHOWN["holes"]})
    made = gallery.damaged()
    assert all(picture.shape == (gallery.SIDE, gallery.SIDE, 3) for picture in made.values())
    assert abs(made["holes"] - made["undamaged"]).max() > 0.1
    gallery.draw(tmp_path / "pictures" / "a.jpg")
    assert (tmp_path / "pictures" / "a.jpg").stat().st_size > 1000
