import re
from pathlib import Path

import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.evaluation import scores
from jaxgen.evaluation.features import Features
from jaxgen.metrics import distribution


def random_features(seed, count=60, features=4, classes=8):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(classes), count).astype(np.float32)
    return Features(rng.normal(size=(count, features)).astype(np.float32), shares, None)


@pytest.mark.parametrize(("neighbours", "others", "splits"), [(3, 5, 10), (2, 4, 3)])
def test_scores_use_the_neighbours_and_splits_of_the_protocol(monkeypatch, neighbours, others, splits):
    monkeypatch.setattr(scores, "PRECISION_RECALL_NEIGHBOURS", neighbours)
    monkeypatch.setattr(scores, "DENSITY_COVERAGE_NEIGHBOURS", others)
    monkeypatch.setattr(scores, "INCEPTION_SCORE_SPLITS", splits)
    real, fake = random_features(0), random_features(1)
    values = scores.compute_scores(real, fake, "InceptionV3")
    precision, recall = distribution.precision_recall(real.features, fake.features, neighbours)
    density, coverage = distribution.density_coverage(real.features, fake.features, others)
    assert (values["precision"], values["recall"]) == (float(precision), float(recall))
    assert (values["density"], values["coverage"]) == (float(density), float(coverage))
    assert values["inception_score"] == float(distribution.inception_score(fake.probabilities, splits)[0])
    assert values["fid"] == scores.frechet(scores.Comparison(real, fake))
    assert not {"modes", "reverse_kl"} & values.keys()


def test_modes_are_the_most_probable_classes():
    fake = random_features(1)
    values = scores.compute_scores(random_features(0), fake, "classifier", modes=8)
    counts = np.bincount(fake.probabilities.argmax(-1), minlength=8)
    shares = counts[counts > 0] / counts.sum()
    assert values["modes"] == (counts > 0).sum()
    assert values["reverse_kl"] == pytest.approx((shares * np.log(8 * shares)).sum(), rel=1e-5)


@pytest.mark.parametrize("where", ["real", "fake"])
def test_features_that_are_not_finite_are_an_error_and_no_score(where):
    sets = {"real": random_features(0), "fake": random_features(1)}
    sets[where].features[7, 2] = np.nan
    with pytest.raises(ValueError, match=f"NaN or infinite features in 1 of 60 {where} samples"):
        scores.compute_scores(sets["real"], sets["fake"], "classifier")


def test_too_few_images_are_refused_with_a_remedy():
    scores.require_enough("classifier", 65, 64, "test", 65, "--count")
    with pytest.raises(UsageError, match=r"^64 test images for 64 features: .*; set --count to at least 65$"):
        scores.require_enough("classifier", 64, 64, "test", 64, "--count")
    with pytest.raises(
        UsageError,
        match=r"^40 test images .*; --count is 100 and the data have no more; use an .* leave --evaluate-extractor out",
    ):
        scores.require_enough("classifier", 40, 64, "test", 100, "--count")
    with pytest.raises(UsageError, match=r"set --evaluate-images to at least 65"):
        scores.require_enough("classifier", 40, 64, "train", 50, "--evaluate-images")


def test_scores_have_the_names_and_kinds_of_their_network():
    sets = random_features(0), random_features(1)
    shared = {"precision", "recall", "density", "coverage"}
    of = lambda network: scores.compute_scores(*sets, network)
    assert of("InceptionV3").keys() == {"fid", "kid", "inception_score", *shared}
    assert of("DINOv2").keys() == {"fd_dinov2", "kd_dinov2", *shared}
    assert of("CLIP").keys() == {"cmmd", "kd_clip", *shared}
    assert of("DINOv2")["fd_dinov2"] == of("InceptionV3")["fid"]
    assert of("CLIP")["cmmd"] == float(distribution.cmmd(sets[0].features, sets[1].features))
    assert scores.online_metrics() == {f"evaluation/{name}" for name in ("fid", "cfid", "fd_dinov2", "cmmd")}
    # No covariance, no least number of images.
    scores.require_enough("CLIP", 40, 64, "test", 100, "--count")


def test_every_score_has_a_direction_under_each_of_its_names():
    for name, score in scores.SCORES.items():
        names = [scores.score_name(name, network) for network in scores.NAMES]
        assert any(names)
        for named in filter(None, names):
            assert scores.direction_of(f"evaluation/{named}") == score.direction
    assert scores.direction_of("evaluation/psnr") == "maximize"
    assert scores.direction_of("generator/loss") is None


def test_a_registered_score_is_computed_and_has_a_direction(monkeypatch):
    spread = scores.Score(lambda x: float(x.generated.features.std()), "maximize", network_specific=True)
    monkeypatch.setitem(scores.SCORES, "spread", spread)
    fake = random_features(1)
    assert scores.compute_scores(random_features(0), fake, "classifier")["cspread"] == float(fake.features.std())
    assert scores.direction_of("evaluation/cspread") == "maximize"


def test_the_scores_of_a_pair_are_computed_once(monkeypatch):
    calls = []
    precision_recall = distribution.precision_recall
    monkeypatch.setattr(
        distribution, "precision_recall", lambda *sets, **options: calls.append(1) or precision_recall(*sets, **options)
    )
    scores.compute_scores(random_features(0), random_features(1), "classifier")
    assert calls == [1]


def test_the_readme_lists_every_score():
    text = (Path(scores.__file__).parent / "README.md").read_text()
    for name, score in scores.SCORES.items():
        (row,) = [line for line in text.splitlines() if re.match(rf"\|.*`{name}`.*\|", line)]
        assert ("smaller" if score.direction == "minimize" else "larger") in row


def test_scores_of_too_few_images_are_left_out_and_explained():
    few, enough = random_features(0, count=5), random_features(1, count=60)
    assert scores.compute_scores(few, enough, "classifier").keys() == {"cfid", "ckid", "precision", "recall"}
    assert scores.compute_scores(enough, random_features(2, count=4), "InceptionV3").keys() == {
        "kid",
        "precision",
        "recall",
    }
    missing = scores.omitted(60, 4, features=4, network="InceptionV3")
    assert missing.keys() == {"fid", "inception_score", "density", "coverage"}
    assert (
        missing["fid"]
        == "needs 5 images of each set (more than the 4 features); there are 60 real and 4 generated ones"
    )
    assert scores.omitted(60, 60, features=4, network="InceptionV3") == {}
