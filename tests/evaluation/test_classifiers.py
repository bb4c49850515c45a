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
def test_every_one_is_there_with_its_hash_and_tells_how_good_it_is(name, accuracy):
    *_, about = classifiers.load_classifier(name)
    assert about.accuracy >= accuracy
    assert (about.size, about.channels, about.classes) == (28, 1, 10)
    assert about.command.startswith("python experiments/classifier.py")


def test_the_accuracy_told_is_that_of_the_weights(digits):
    look, variables, about = digits
    batch = data.load(data.Config(name="digits", size=28, channels=1, split="test"))
    whole = batch.batch(0, 0, len(batch))
    features, logits = look(variables, whole["image"])
    assert features.shape == (len(batch), 64)
    assert float((logits.argmax(-1) == whole["label"]).mean()) == pytest.approx(about.accuracy, abs=1e-4)


def test_it_is_pure_and_may_be_compiled(digits):
    look, variables, _ = digits
    images = jnp.linspace(0, 1, 2 * 28 * 28).reshape(2, 28, 28, 1)
    for one, other in zip(look(variables, images), jax.jit(look)(variables, images), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_no_weights_are_written_into_a_program(digits):
    look, variables, _ = digits
    closed = jax.make_jaxpr(look)(variables, jnp.zeros((1, 28, 28, 1)))
    assert sum(np.size(constant) for constant in closed.consts) < 100


@pytest.mark.parametrize("shape", [(2, 32, 32, 1), (2, 28, 28, 3), (28, 28, 1)])
def test_other_images_are_refused(digits, shape):
    with pytest.raises(ValueError, match=r"takes \[batch, 28, 28, 1\]; resize them first"):
        digits[0](digits[1], jnp.zeros(shape))


def test_a_file_with_another_hash_is_refused(copied):
    file = copied / "mnist.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"mnist.safetensors has sha256 .* and not "):
        classifiers.load_classifier("mnist")


def test_a_missing_file_and_an_unknown_name_are_told(copied):
    (copied / "digits.safetensors").unlink()
    with pytest.raises(UsageError, match="no weights at"):
        classifiers.load_classifier("digits")
    with pytest.raises(UsageError, match="unknown shipped classifier 'mnits': did you mean mnist"):
        classifiers.load_classifier("mnits")
