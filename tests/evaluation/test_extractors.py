import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.evaluation import extractors


def test_auto_takes_the_classifier_of_the_data():
    found = extractors.choose("auto", "mnist", 1)
    assert (found.name, found.prefix, found.modes) == ("classifier of mnist", "c", 0)
    assert len(found.sha256) == 64
    assert found.resize.endswith("to 28")


def test_images_of_another_size_are_resized_and_probabilities_sum_to_one():
    features, probabilities = extractors.choose("digits", "npz", 1).features(jnp.ones((3, 32, 32, 1)) / 2)
    assert features.shape == (3, 64)
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-5)


def test_triples_have_a_thousand_classes_that_agree_with_what_is_read():
    found = extractors.choose("auto", "stacked_mnist", 3)
    images = jnp.linspace(0, 1, 4 * 28 * 28 * 3).reshape(4, 28, 28, 3) ** 2
    features, probabilities = found.features(images)
    assert (features.shape, probabilities.shape, found.modes) == ((4, 192), (4, 1000), 1000)
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(-1), found.read(images))


@pytest.mark.parametrize(
    ("name", "data", "channels", "message"),
    [
        ("auto", "photos", 3, "no classifier is shipped for the data set 'photos' .* scripts/convert_inception"),
        ("mnits", "mnist", 1, "unknown extractor 'mnits': did you mean mnist"),
        ("mnist", "npz", 3, r"looks at images of 1 channel\(s\) and the run makes 3"),
        ("stacked_mnist", "npz", 1, r"looks at images of 3 channel\(s\) and the run makes 1"),
        ("none/inception.safetensors", "npz", 3, "no weights at none/inception.safetensors.*convert_inception"),
    ],
)
def test_what_does_not_fit_is_told(name, data, channels, message):
    with pytest.raises(UsageError, match=message):
        extractors.choose(name, data, channels)


def test_one_channel_before_inception_is_repeated_and_the_protocol_says_so(tmp_path, monkeypatch):
    path = tmp_path / "inception.safetensors"
    path.write_bytes(b"any")
    monkeypatch.setattr(extractors.weights, "read", lambda path: ({}, {}))
    seen = {}

    class Network:
        def apply(self, variables, images):
            seen["images"] = images
            return jnp.zeros((len(images), 2048)), jnp.zeros((len(images), 1008))

    monkeypatch.setattr(extractors, "InceptionV3", Network)
    monkeypatch.setattr(extractors, "class_probabilities", lambda variables, logits: logits)
    found = extractors.choose(str(path), "npz", 1)
    images = jnp.arange(2 * 4 * 4.0).reshape(2, 4, 4, 1)
    found.features(images)
    assert (found.prefix, found.name) == ("", "InceptionV3, one channel repeated to three")
    np.testing.assert_array_equal(seen["images"], jnp.concatenate([images] * 3, -1))
    assert extractors.choose(str(path), "npz", 3).name == "InceptionV3"
