import jax
import numpy as np
import pytest

from jaxgen.metrics.labels import require_labels


def test_labels_in_the_classes_pass():
    require_labels(np.array([0, 2, 1], np.uint8), 3)
    jax.jit(lambda labels: require_labels(labels, 3))(np.array([7]))


def test_the_first_wrong_label_is_named():
    with pytest.raises(ValueError, match=r"digits: 3 at index 1 is outside the 3 classes 0 to 2 \(2 of 3 are\)"):
        require_labels(np.array([0, 3, -1]), 3, "digits")
