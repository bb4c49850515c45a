import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.evaluation import scores
from jaxgen.evaluation.features import Features
from jaxgen.metrics import distribution


def drawn(seed, count=60, features=4, classes=8):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(classes), count).astype(np.float32)
    return Features(rng.normal(size=(count, features)).astype(np.float32), shares, None)


@pytest.mark.parametrize(("neighbours", "more", "splits"), [(3, 5, 10), (2, 4, 3)])
def test_neighbours_and_splits_are_those_that_the_protocol_names(monkeypatch, neighbours, more, splits):
    monkeypatch.setattr(scores, "PRECISION_RECALL_NEIGHBOURS", neighbours)
    monkeypatch.setattr(scores, "DENSITY_COVERAGE_NEIGHBOURS", more)
    monkeypatch.setattr(scores, "INCEPTION_SCORE_SPLITS", splits)
    real, fake = drawn(0), drawn(1)
    found = scores.all_scores(real, fake, "")
    precision, recall = distribution.precision_recall(real.features, fake.features, neighbours)
    density, coverage = distribution.density_coverage(real.features, fake.features, more)
    assert (found["precision"], found["recall"]) == (float(precision), float(recall))
    assert (found["density"], found["coverage"]) == (float(density), float(coverage))
    assert found["inception_score"] == float(distribution.inception_score(fake.probabilities, splits)[0])
    assert found["fid"] == scores.frechet(real, fake)
    assert not {"modes", "reverse_kl"} & found.keys()


def test_modes_are_the_likeliest_classes():
    fake = drawn(1)
    found = scores.all_scores(drawn(0), fake, "c", modes=8)
    counts = np.bincount(fake.probabilities.argmax(-1), minlength=8)
    shares = counts[counts > 0] / counts.sum()
    assert found["modes"] == (counts > 0).sum()
    assert found["reverse_kl"] == pytest.approx((shares * np.log(8 * shares)).sum(), rel=1e-5)


@pytest.mark.parametrize("where", ["real", "fake"])
def test_features_that_are_not_finite_are_an_error_and_no_score(where):
    sets = {"real": drawn(0), "fake": drawn(1)}
    sets[where].features[7, 2] = np.nan
    with pytest.raises(ValueError, match=f"NaN or infinite features in 1 of 60 {where} samples"):
        scores.all_scores(sets["real"], sets["fake"], "c")


def test_too_few_images_tell_what_to_raise_or_that_there_are_no_more():
    scores.require_enough(65, 64, "test", 65, "--count")
    with pytest.raises(UsageError, match=r"^64 test images for 64 features: .*; raise --count to at least 65$"):
        scores.require_enough(64, 64, "test", 64, "--count")
    with pytest.raises(UsageError, match=r"^40 test images .*; 100 were asked for and there are no more; choose an"):
        scores.require_enough(40, 64, "test", 100, "--count")
    with pytest.raises(UsageError, match=r"raise --evaluate-images to at least 65"):
        scores.require_enough(40, 64, "train", 50, "--evaluate-images")
