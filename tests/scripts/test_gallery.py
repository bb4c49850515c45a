import importlib
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_the_gallery_shows_degradations_on_a_photograph(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    gallery = importlib.import_module("shipping.gallery")
    shown = {name: gallery.SHOWN[name] for name in (gallery.UNDAMAGED, "holes", "downsample")}
    monkeypatch.setattr(gallery, "SHOWN", shown)
    images = gallery.damaged()
    assert all(image.shape == (gallery.SIDE, gallery.SIDE, 3) for image in images.values())
    assert abs(images["holes"] - images[gallery.UNDAMAGED]).max() > 0.1
    gallery.draw(tmp_path / "pictures" / "a.jpg")
    assert (tmp_path / "pictures" / "a.jpg").stat().st_size > 1000
