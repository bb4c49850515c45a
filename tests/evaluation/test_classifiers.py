import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import data
from jaxgen.errors import UsageError
from jaxgen.evaluation import classifiers


@pytest.fixture(scope="module")
def digits():
    return classifiers.load_classifier("digits")


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The folder of extractors, as a copy that may be damaged."""
    for path in classifiers.FOLDER.glob("*.safetensors"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(classifiers, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize(("name", "accuracy"), [("digits", 0.97), ("mnist", 0.99), ("fashion_mnist", 0.90)])
def test_every_classifier_has_its_hash_and_card(name, accuracy):
    card = classifiers.load_classifier(name).card
    assert card.accuracy >= accuracy
    assert (card.size, card.channels, card.classes) == (28, 1, 10)
    assert card.command.startswith("python experiments/classifier.py")


def test_the_accuracy_of_the_card_is_that_of_the_weights(digits):
    batch = data.load(data.Config(name="digits", size=28, channels=1, split="test"))
    examples = batch.batch(0, 0, len(batch))
    features, logits = digits.apply(digits.variables, examples["image"])
    assert features.shape == (len(batch), 64)
    assert float((logits.argmax(-1) == examples["label"]).mean()) == pytest.approx(digits.card.accuracy, abs=1e-4)


def test_a_classifier_is_pure_and_compiles(digits):
    images = jnp.linspace(0, 1, 2 * 28 * 28).reshape(2, 28, 28, 1)
    for one, other in zip(
        digits.apply(digits.variables, images), jax.jit(digits.apply)(digits.variables, images), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_weights_are_no_constants_of_a_program(digits):
    closed = jax.make_jaxpr(digits.apply)(digits.variables, jnp.zeros((1, 28, 28, 1)))
    assert sum(np.size(constant) for constant in closed.consts) < 100


@pytest.mark.parametrize("shape", [(2, 32, 32, 1), (2, 28, 28, 3), (28, 28, 1)])
def test_images_of_another_shape_are_refused(digits, shape):
    with pytest.raises(ValueError, match=r"takes \[batch, 28, 28, 1\]; resize them first"):
        digits.apply(digits.variables, jnp.zeros(shape))


def test_a_file_with_another_hash_is_refused(copied):
    file = copied / "mnist.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"mnist.safetensors has sha256 .* and not "):
        classifiers.load_classifier("mnist")


def test_a_missing_file_and_an_unknown_name_are_refused(copied):
    (copied / "digits.safetensors").unlink()
    with pytest.raises(UsageError, match="no weights at"):
        classifiers.load_classifier("digits")
    with pytest.raises(UsageError, match="unknown shipped classifier 'mnits': did you mean mnist"):
        classifiers.load_classifier("mnits")
