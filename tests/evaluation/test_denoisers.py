import sys

import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.evaluation.denoisers import DENOISERS, bm3d, non_local_means

SIGMA = 0.1
SIDE = 48
rng = np.random.default_rng(0)
# Two flat areas and an edge, whose patches repeat.
CLEAN = np.where(np.arange(SIDE) < SIDE // 2, np.float32(0.3), np.float32(0.7)) * np.ones((SIDE, 1), np.float32)


def pair(channels):
    """Returns a clean and a noisy image float32[48, 48, channels]."""
    clean = np.repeat(CLEAN[..., None], channels, -1)
    return clean, clean + SIGMA * rng.normal(size=clean.shape).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", DENOISERS)
def test_a_denoiser_removes_most_of_the_noise_and_keeps_the_edge(name, channels):
    if name == "bm3d":
        pytest.importorskip("bm3d", reason="the package bm3d is not installed: its licence is not free")
    clean, noisy = pair(channels)
    result = DENOISERS[name].denoise(noisy, SIGMA)
    assert result.shape == noisy.shape and result.dtype == np.float32
    error = lambda image: np.sqrt(((image - clean) ** 2).mean())
    assert error(result) < 0.45 * error(noisy)
    middle = slice(SIDE // 2 - 1, SIDE // 2 + 1)
    assert np.diff(result[:, middle].mean((0, 2))) > 0.9 * 0.4


def test_non_local_means_of_a_weak_noise_changes_little():
    clean, _ = pair(1)
    np.testing.assert_allclose(non_local_means(clean, 1e-3), clean, atol=1e-3)


def test_without_the_package_the_error_names_it_and_its_licence(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(UsageError, match=r"pip install 'bm3d>=4', whose licence allows non-commercial") as caught:
        bm3d(np.zeros((8, 8, 1), np.float32), SIGMA)
    assert "\n" not in str(caught.value)
