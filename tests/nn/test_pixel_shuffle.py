import numpy as np
import pytest

from jaxgen.nn.pixel_shuffle import depth_to_space, space_to_depth


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_they_are_pytorchs(factor):
    import torch

    images = np.random.default_rng(0).normal(size=(2, 3 * factor, 2 * factor, 5)).astype("float32")
    theirs = torch.nn.functional.pixel_unshuffle(torch.tensor(images).permute(0, 3, 1, 2), factor)
    deep = space_to_depth(images, factor)
    np.testing.assert_array_equal(deep, theirs.permute(0, 2, 3, 1))
    np.testing.assert_array_equal(depth_to_space(deep, factor), images)
