from functools import partial

import jax
import numpy as np
import pytest
from flax import linen as nn
from sklearn import metrics as sklearn

from jaxgen.errors import UsageError
from jaxgen.objectives import classification
from jaxgen.objectives.classification import make_classification

HYPER = {"learning_rate": 0.1, "b1": 0.9, "b2": 0.999, "ema_decay": 0.0, "clip_norm": 0.0}
CLASSES = 4
LABELS = np.random.default_rng(0).integers(0, CLASSES, 40).astype(np.int32)
# Which class it is, is which pixel is bright.
NOISE = np.random.default_rng(1).uniform(0, 0.8, (40, CLASSES))
IMAGES = np.clip(NOISE + 0.6 * np.eye(CLASSES)[LABELS], 0, 1).reshape(40, 2, 2, 1).astype(np.float32)
BATCH = {"image": IMAGES, "label": LABELS}


class Linear(nn.Module):
    outputs: int

    @nn.compact
    def __call__(self, images, train):
        logits = nn.Dense(self.outputs, kernel_init=nn.initializers.zeros)(images.reshape(len(images), -1))
        return logits if self.outputs > 1 else logits[:, 0]


def make(positive=None, classes=CLASSES, **hyper):
    return make_classification(
        Linear(classes if positive is None else 1), classes=classes, positive=positive, hyper=HYPER | hyper
    )


@pytest.fixture(scope="module")
def trained(train):
    objective = make()
    return objective, *train(objective, BATCH, 30)


def test_it_starts_at_random_accuracy_and_learns_the_separable_classes(trained):
    _, _, metrics = trained
    assert float(metrics["model/loss"][0]) == pytest.approx(np.log(CLASSES), rel=1e-5)
    assert metrics["model/loss"][-1] < 0.6
    assert metrics["model/accuracy"][-1] > 0.9


@pytest.fixture(scope="module")
def evaluated(trained):
    objective, state, _ = trained
    held_out = {"image": IMAGES[::-1], "label": LABELS}  # of which most are wrong
    return predictions_of(state, held_out["image"]), jax.jit(objective.evaluate)(state, held_out)


def predictions_of(state, images):
    dense = state.params["model"]["Dense_0"]
    return np.asarray((images.reshape(len(images), -1) @ dense["kernel"] + dense["bias"]).argmax(-1))


def test_scores_are_those_of_scikit_learn(evaluated):
    predictions, found = evaluated
    labels = np.asarray(LABELS)
    assert float(found["evaluation/accuracy"]) == pytest.approx(sklearn.accuracy_score(labels, predictions))
    options = {"average": "macro", "zero_division": 0}
    for name, score in [("precision", sklearn.precision_score), ("recall", sklearn.recall_score)]:
        assert float(found[f"evaluation/{name}"]) == pytest.approx(score(labels, predictions, **options), abs=1e-6)
    assert float(found["evaluation/f1"]) == pytest.approx(sklearn.f1_score(labels, predictions, **options), abs=1e-6)
    assert 0.1 < float(found["evaluation/accuracy"]) < 0.9


def test_the_best_checkpoint_is_the_most_accurate(evaluated):
    objective = make()
    assert objective.selection.metric in evaluated[1]
    assert objective.selection.direction == "maximize"


def test_evaluation_is_of_the_average(trained):
    objective, state, _ = trained
    accuracy = lambda state: float(jax.jit(objective.evaluate)(state, BATCH)["evaluation/accuracy"])
    assert accuracy(state.replace(params=jax.tree.map(np.zeros_like, state.params))) > 0.9
    assert accuracy(state.replace(ema=jax.tree.map(np.zeros_like, state.ema))) < 0.6


def test_one_class_against_the_others(train):
    objective = make(positive=2)
    state, metrics = train(objective, BATCH, 30)
    assert float(metrics["model/loss"][0]) == pytest.approx(np.log(2), rel=1e-5)
    found = jax.jit(objective.evaluate)(state, BATCH)
    dense = state.params["model"]["Dense_0"]
    predictions = np.asarray(IMAGES.reshape(40, -1) @ dense["kernel"] + dense["bias"])[:, 0] > 0
    is_two = np.asarray(LABELS) == 2
    assert float(found["evaluation/accuracy"]) == pytest.approx((predictions == is_two).mean())
    assert float(found["evaluation/accuracy"]) > 0.9
    assert jax.eval_shape(objective.visualize, state, BATCH)["confusion"].shape[1] == 3 * 28


def test_probabilities_are_those_of_the_logits(trained):
    objective, state, _ = trained
    dense = state.ema["model"]["params"]["Dense_0"]
    logits = IMAGES.reshape(40, -1) @ np.asarray(dense["kernel"]) + np.asarray(dense["bias"])
    found = objective.classifying.probabilities(state.ema["model"], IMAGES)
    np.testing.assert_allclose(found, np.exp(logits) / np.exp(logits).sum(-1, keepdims=True), rtol=1e-4)
    binary = make(positive=2).classifying
    variables = jax.tree.map(lambda x: x[..., 2:3], state.ema["model"])
    assert (binary.classes, binary.positive) == (2, 2)
    expected = 1 / (1 + np.exp(-logits[:, 2]))
    np.testing.assert_allclose(
        binary.probabilities(variables, IMAGES), np.stack([1 - expected, expected], -1), rtol=1e-4
    )


def test_a_binary_classifier_is_scored_by_its_positive_class(train):
    objective = make(positive=2)
    state = train(objective, BATCH, 30)[0]
    held_out = {"image": IMAGES[::-1], "label": LABELS}  # of which most are wrong
    found = jax.jit(objective.evaluate)(state, held_out)
    dense = state.params["model"]["Dense_0"]
    predictions = np.asarray(IMAGES[::-1].reshape(40, -1) @ dense["kernel"] + dense["bias"])[:, 0] > 0
    scores = {"precision": sklearn.precision_score, "recall": sklearn.recall_score, "f1": sklearn.f1_score}
    for name, score in scores.items():
        assert 0 < float(found[f"evaluation/{name}"]) < 1
        assert float(found[f"evaluation/{name}"]) == pytest.approx(score(np.asarray(LABELS) == 2, predictions))


def test_pictures_show_the_matrix_and_the_mistakes(trained):
    objective, state, _ = trained
    pictures = jax.jit(objective.visualize)(state, {"image": IMAGES[::-1], "label": LABELS})
    assert pictures["confusion"].shape == (1, 5 * 28, 5 * 28, 3)
    wrong = int((predictions_of(state, IMAGES[::-1]) != np.asarray(LABELS)).sum())
    shown = (np.asarray(pictures["mistakes"]) < 1).any((1, 2, 3)).sum()
    assert shown == min(wrong, 32) > 0


def test_many_images_are_worked_on_in_parts(trained, monkeypatch):
    objective, state, _ = trained
    # A function of its own each time: one that was traced is not traced again.
    evaluate = lambda: jax.jit(partial(objective.evaluate))(state, BATCH)
    expected = evaluate()
    monkeypatch.setattr(classification, "TOGETHER", 7)
    for name, value in evaluate().items():
        assert float(value) == pytest.approx(float(expected[name]), abs=1e-6)


def test_what_no_classifier_can_be_trained_on():
    with pytest.raises(UsageError, match=r"classes 0: .*set data\.classes"):
        make(classes=0)
    with pytest.raises(UsageError, match="positive 4 is no class: give a number from 0 to 3"):
        make(positive=4)
    objective = make()
    state = jax.eval_shape(objective.init, jax.random.key(0), {"image": IMAGES})
    with pytest.raises(UsageError, match="the data have no labels"):
        jax.eval_shape(objective.step, state, {"image": IMAGES})
