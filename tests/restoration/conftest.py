import numpy as np
import pytest

from jaxgen.restoration import inference, inpainting, tasks
from jaxgen.restoration.analysis import detection, haze
from jaxgen.restoration.analysis.regions import FEATURES
from jaxgen.restoration.restorer import NetworkSpec, Restorer

BRIGHT = 0.9
LARGE_REGION = 60
"""Pixels from which the classifier of the fixture is sure of a region."""

LARGE_CHANGE = 0.1
"""Root mean square of the change by `dehaze` from which the classifier of the fixture is sure of haze."""


def make_spec(channels, conditioning="none", **fields):
    fields = {"receptive_field_radius": 0, "size_multiple": 2} | fields
    return NetworkSpec(channels, conditioning, multiply_adds_per_pixel=0.0, parameters=0, **fields)


def subtract_level(inputs):
    return inputs[..., :-1] - inputs[..., -1:]


def gray_in_mask(inputs):
    return np.where(inputs[..., 3:] > 0, 0.5, inputs[..., :3] / 4).astype(np.float32)


@pytest.fixture
def networks():
    """Networks simple enough for pencil and paper, by name: (function, channels, conditioning, perhaps more of a spec).

    Those of denoise subtract the level from every pixel, those of inpaint make the mask gray, `detect` finds what is
    brighter than BRIGHT, `detect_lines` nothing, and all others halve.
    """
    return {
        "denoise_gray": (subtract_level, 1, "noise_level"),
        "denoise_color": (subtract_level, 3, "noise_level"),
        "inpaint_all": (gray_in_mask, 3, "mask"),
        "inpaint_lines": (gray_in_mask, 3, "mask"),
        "inpaint_tight": (gray_in_mask, 3, "mask"),
        "detect": (lambda inputs: 1000 * (inputs.max(-1, keepdims=True) - np.float32(BRIGHT)), 3, "none"),
        "detect_lines": (lambda inputs: np.full_like(inputs[..., :1], -1000), 3, "none"),
    }


@pytest.fixture
def calls(monkeypatch, networks):
    """The names of the shipped networks that were loaded, and the last noise level; `networks` replace them."""
    recorded = {"names": []}

    def load(name, output="image"):
        assert output == ("mask" if name.startswith("detect") else "image")
        recorded["names"].append(name)
        network, channels, conditioning, *fields = networks.get(name, (lambda inputs: inputs / 2, 3, "none"))

        def record(inputs):
            if conditioning == "noise_level":
                recorded["level"] = float(inputs[0, 0, 0, -1])
            return network(inputs)

        return Restorer(record, make_spec(channels, conditioning, **dict(*fields)))

    def classify(features):
        return np.where(features[:, FEATURES.index("log_area")] >= np.log(LARGE_REGION - 0.5), 9.0, -9.0)

    def is_hazy(features):
        return np.where(features[:, 0] >= LARGE_CHANGE, 9.0, -9.0)

    monkeypatch.setattr(detection, "load_classifier", lambda name: classify)
    monkeypatch.setattr(haze, "load_classifier", lambda name: is_hazy)
    for module in (inference, detection, haze, inpainting, tasks):
        monkeypatch.setattr(module, "load", load)
    monkeypatch.setattr(inference, "estimate_noise", lambda network, pixels, alpha: 0.1)
    return recorded
