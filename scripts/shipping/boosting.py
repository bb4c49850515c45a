"""Grows the boosted trees of the shipped classifiers, by scikit-learn."""

from typing import Any

import numpy as np

from jaxgen.errors import UsageError
from jaxgen.models.restoration.boosted_trees import BoostedTrees

OPTIONS = {
    "n_estimators": 500,
    "learning_rate": 0.04,
    "max_depth": 5,
    "max_features": 0.5,
    "subsample": 0.7,
    "min_samples_leaf": 8,
}
"""Of scikit-learn's GradientBoostingClassifier."""


def fit(
    features: np.ndarray, is_positive: np.ndarray, weights: np.ndarray | None = None, seed: int = 0
) -> tuple[BoostedTrees, dict[str, Any]]:
    """Returns a classifier and its variables, by gradient boosting of the weighted cross-entropy of all examples.

    Args:
      features: float32[n, k].
      is_positive: bool[n].
      weights: float[n], of the examples; None: 1.
      seed: of the samples on which each tree is grown.
    Raises:
      UsageError: if scikit-learn, which grows the trees, is not installed.
    """
    try:
        from sklearn.ensemble import GradientBoostingClassifier
    except ModuleNotFoundError:
        raise UsageError("this needs scikit-learn: pip install scikit-learn") from None
    # Float64 holds float32 exactly, so that no feature changes its side of a threshold.
    grown = GradientBoostingClassifier(**OPTIONS, random_state=seed).fit(features, is_positive, weights)
    trees = [estimator.tree_ for estimator in grown.estimators_[:, 0]]
    nodes = max(tree.node_count for tree in trees)
    arrays = {name: np.zeros((len(trees), nodes), np.int32) for name in ("feature", "left", "right")}
    arrays |= {name: np.zeros((len(trees), nodes), np.float32) for name in ("threshold", "value")}
    for index, tree in enumerate(trees):
        count, is_leaf = tree.node_count, tree.children_left < 0
        own = np.arange(count)
        arrays["feature"][index, :count] = np.where(is_leaf, 0, tree.feature)
        arrays["threshold"][index, :count] = rounded_down(tree.threshold)
        arrays["left"][index, :count] = np.where(is_leaf, own, tree.children_left)
        arrays["right"][index, :count] = np.where(is_leaf, own, tree.children_right)
        arrays["value"][index, :count] = OPTIONS["learning_rate"] * tree.value[:, 0, 0]
    prior = np.average(is_positive, weights=weights)
    params = arrays | {"bias": np.log([prior / (1 - prior)]).astype(np.float32)}
    depth = max(tree.max_depth for tree in trees)
    return BoostedTrees(trees=len(trees), nodes=nodes, depth=depth), {"params": params}


def rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """Returns the largest float32 values that do not exceed the thresholds, which divide float32 values the same."""
    values = thresholds.astype(np.float32)
    return np.where(values > thresholds, np.nextafter(values, np.float32(-np.inf)), values)
