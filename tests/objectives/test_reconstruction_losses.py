import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.losses import reconstruction
from jaxgen.objectives.reconstruction_losses import weighted_sum

RANDOM = np.random.default_rng(0)
CLEAN, RESTORED = RANDOM.random((2, 3, 12, 14, 1), np.float32)
NAMES = ("mse", "l1", "charbonnier", "ssim", "total_variation")
WEIGHTS = {f"{name}_weight": 0.5 + i for i, name in enumerate(NAMES)}


def test_it_is_the_sum_of_weighted_losses(computed):
    found = computed(lambda *images: weighted_sum(NAMES)(*images, WEIGHTS), CLEAN, RESTORED)

    def sum_of_parts(clean, restored):
        return (
            0.5 * reconstruction.mse(clean, restored)
            + 1.5 * reconstruction.l1(clean, restored)
            + 2.5 * reconstruction.charbonnier(clean, restored)
            + 3.5 * reconstruction.ssim(clean, restored)
            + 4.5 * reconstruction.total_variation(restored) / (12 * 14)
        )

    np.testing.assert_allclose(found, computed(sum_of_parts, CLEAN, RESTORED), rtol=1e-6)


def test_features_are_compared_by_the_function_given():
    found = weighted_sum(("feature",), lambda images: 2 * images)(CLEAN, RESTORED, {"feature_weight": 0.5})
    np.testing.assert_allclose(found, 0.5 * 4 * reconstruction.mse(CLEAN, RESTORED), rtol=1e-6)


@pytest.mark.parametrize(
    ("names", "features", "message"),
    [
        ((), None, "no loss: give at least one of mse, l1"),
        (("mae",), None, "loss 'mae'"),
        (("feature",), None, "name a feature network"),
        (("mse",), jnp.mean, "add it to the losses"),
    ],
)
def test_invalid_sums_are_refused(names, features, message):
    with pytest.raises(UsageError, match=message):
        weighted_sum(names, features)
