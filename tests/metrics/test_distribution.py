import pytest

from jaxgen.metrics import distribution

NAMES = (
    "density_coverage fid frechet_distance inception_score kid kid_subsets mode_coverage precision_recall "
    "require_finite"
)


@pytest.mark.parametrize("name", NAMES.split())
def test_every_metric_is_exported(name):
    assert callable(getattr(distribution, name))
    assert name in distribution.__all__
