import numpy as np
import pytest
import skimage.data


@pytest.fixture(scope="session")
def bytes_of_photograph():
    """Three colours of a photograph in 8 bits, 44×52 pixels with edges, texture and flat parts."""
    return np.ascontiguousarray(skimage.data.astronaut()[70:246:4, 130:338:4])


@pytest.fixture(scope="session")
def photograph(bytes_of_photograph):
    """The same in [0, 1]."""
    return (bytes_of_photograph / 255).astype(np.float32)


@pytest.fixture(scope="session")
def pair(photograph):
    """A batch of two, the second turned over and darker."""
    return np.stack([photograph, 0.6 * photograph[::-1, ::-1]])


@pytest.fixture(scope="session")
def missing():
    """Masks of that batch: a hole, a corner and single pixels."""
    mask = np.zeros((2, 44, 52, 1), np.float32)
    mask[0, 20:29, 33:41] = mask[1, :6, :5] = mask[1, ::9, ::7] = 1
    return mask
