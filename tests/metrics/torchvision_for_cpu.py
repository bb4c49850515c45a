"""Imports torchvision also beside a PyTorch without its compiled operators; two of them are asked for by name."""

import pytest


def require_torchvision():
    """Returns torch, with torchvision importable, or skips the test."""
    torch = pytest.importorskip("torch")
    try:
        import torchvision
    except ModuleNotFoundError:
        pytest.skip("no torchvision")
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision

        # The operators are gone with the library that defines them.
        torchvision.declared_operators = library
    return torch
