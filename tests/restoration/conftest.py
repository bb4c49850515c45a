import numpy as np
import pytest

from jaxgen.restoration import automatic, detection, inference, inpainting, tasks
from jaxgen.restoration.restorer import Restorer, Traits

DAMAGE = 0.9


def traits(channels, told="nothing"):
    return Traits(channels, told, reach=0, multiple=2, multiply_adds=0.0, parameters=0)


def denoise(inputs):
    return inputs[..., :-1] - inputs[..., -1:]


def halve_gray(inputs):
    return np.where(inputs[..., 3:] > 0, 0.5, inputs[..., :3] / 4).astype(np.float32)


@pytest.fixture
def networks():
    """Networks that can be followed by hand, by name: what they compute, their channels, what they are told.

    Those of denoise subtract the level from every pixel, those that mend make half gray of what the mask shows,
    `detect` finds what is brighter than DAMAGE, `detect_lines` nothing, and all others halve.
    """
    return {
        "denoise_gray": (denoise, 1, "noise"),
        "denoise_color": (denoise, 3, "noise"),
        "mend": (halve_gray, 3, "mask"),
        "mend_lines": (halve_gray, 3, "mask"),
        "mend_traced": (halve_gray, 3, "mask"),
        "detect": (lambda inputs: 1000 * (inputs.max(-1, keepdims=True) - np.float32(DAMAGE)), 3, "nothing"),
        "detect_lines": (lambda inputs: np.full_like(inputs[..., :1], -1000), 3, "nothing"),
    }


@pytest.fixture
def told(monkeypatch, networks):
    """Which of the shipped networks were loaded, and the level that they were told; `networks` stand for them."""
    seen = {"names": []}

    def load(name, gives="pictures"):
        assert gives == ("masks" if name.startswith("detect") else "pictures")
        seen["names"].append(name)
        network, channels, told = networks.get(name, (lambda inputs: inputs / 2, 3, "nothing"))

        def follow(inputs):
            if told == "noise":
                seen["level"] = float(inputs[0, 0, 0, -1])
            return network(inputs)

        return Restorer(follow, traits(channels, told))

    for module in (inference, automatic, detection, inpainting, tasks):
        monkeypatch.setattr(module, "load", load)
    for module in (inference, automatic):
        monkeypatch.setattr(module, "load_noise_level", lambda: lambda images: np.full(len(images), 0.1))
    return seen
