import json

import numpy as np
import pytest
from PIL import Image

from jaxgen.errors import UsageError
from jaxgen.evaluation import damages, inpainting, restoration
from jaxgen.metrics.image import psnr
from jaxgen.restoration.restorer import NetworkSpec, Restorer

SPEC = NetworkSpec(
    channels=3, conditioning="mask", receptive_field_radius=0, size_multiple=1, multiply_adds_per_pixel=1, parameters=2
)
GRAY = 0.5
# The network paints hidden pixels gray.
RESTORER = Restorer(lambda inputs: inputs[..., :3] * (1 - inputs[..., 3:]) + GRAY * inputs[..., 3:], SPEC)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A smooth image, and one damage alone: each is compiled."""
    monkeypatch.setattr(inpainting, "DAMAGES", {name: damages.DAMAGES[name] for name in ("noise", "holes", "all")})
    slope = np.linspace(40, 220, 256)[:, None, None] + np.linspace(-30, 30, 256)[:, None] + np.array([0, 9, 4])
    Image.fromarray(np.rint(slope).astype(np.uint8)).save(tmp_path / "a.png")
    return str(tmp_path)


def test_an_inpainter_is_measured_under_the_mask_beside_filters(folder):
    found = inpainting.evaluate(RESTORER, [folder], metrics=["masked_psnr", "psnr", "gradient_distance"], seed=2)
    json.dumps(found, allow_nan=False)
    assert list(found["sets"][folder]["damages"]) == ["holes"]
    rows = found["sets"][folder]["damages"]["holes"]
    assert list(rows) == [restoration.INPUT, *inpainting.FILTERS, "network, mask given"]
    # The slope is inpainted better than by gray, which loses all gradients.
    assert rows["biharmonic"]["masked_psnr"] > rows["network, mask given"]["masked_psnr"] + 5
    assert rows["biharmonic"]["gradient_distance"] < rows["network, mask given"]["gradient_distance"]
    (image,) = damages.read_squares(folder, 256)
    damaged, mask = damages.damage_image("holes", image, 0, 2)
    assert rows[restoration.INPUT]["psnr"] == pytest.approx(float(psnr(image[None], damaged[None])[0]), rel=1e-4)
    error = ((GRAY - image) ** 2)[mask[..., 0] > 0].mean()
    # The result is blended over some pixels around the mask, and rounded.
    assert rows["network, mask given"]["masked_psnr"] == pytest.approx(-10 * np.log10(error), abs=0.3)
    assert "gradient_distance: distance of the gradients' distributions" in found["protocol"]
    lines = restoration.to_text(found).splitlines()
    assert lines[2].split() == [folder, "(1)", "holes"]
    assert lines[3].split() == ["masked_psnr", "psnr", "gradient_distance"]


def test_what_does_not_fit_is_refused(folder):
    with pytest.raises(UsageError, match="unknown metric 'masked_pnsr': did you mean masked_psnr"):
        inpainting.evaluate(RESTORER, [folder], metrics=["masked_pnsr"])
    with pytest.raises(UsageError, match="dists needs the weights of its network: give --metric-weights FILE"):
        inpainting.evaluate(RESTORER, [folder], metrics=["dists"])
    gray = RESTORER._replace(spec=SPEC._replace(channels=1))
    with pytest.raises(UsageError, match="has images of 3 channels, and the restorer takes 1"):
        inpainting.evaluate(gray, [folder])
