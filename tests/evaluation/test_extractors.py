import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.evaluation import classifiers, extractors
from jaxgen.evaluation.features import extract

ABOUT = {"source": "https://example.org/weights.pth"}


def test_auto_takes_the_classifier_of_the_data():
    found = extractors.choose("auto", "mnist", 1)
    assert (found.name, found.prefix, found.modes) == ("classifier of mnist", "c", 0)
    assert len(found.sha256) == 64
    assert found.resize.endswith("to 28")


def test_images_of_another_size_are_resized_and_probabilities_sum_to_one():
    found = extractors.choose("digits", "npz", 1)
    features, probabilities = found.features(found.variables, jnp.ones((3, 32, 32, 1)) / 2)
    assert features.shape == (3, 64)
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-5)


def test_triples_are_read_channel_by_channel_and_the_network_is_traced_once(monkeypatch):
    look, variables, about = classifiers.load_classifier("mnist")
    traces = []

    def counted(variables, images):
        traces.append(images.shape)
        return look(variables, images)

    monkeypatch.setattr(classifiers, "load_classifier", lambda name: (counted, variables, about))
    found = extractors.choose("auto", "stacked_mnist", 3)
    images = jnp.linspace(0, 1, 4 * 28 * 28 * 3).reshape(4, 28, 28, 3) ** 2
    features, probabilities = jax.jit(found.features)(found.variables, images)
    assert traces == [(12, 28, 28, 1)]
    assert (features.shape, probabilities.shape, found.modes) == ((4, 192), (4, 1000), 1000)
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-5)
    each = [look(variables, images[..., channel : channel + 1]) for channel in range(3)]
    np.testing.assert_allclose(features, jnp.concatenate([x for x, _ in each], -1), rtol=1e-3, atol=1e-3)
    r, g, b = (logits.argmax(-1) for _, logits in each)
    np.testing.assert_array_equal(probabilities.argmax(-1), 100 * r + 10 * g + b)


@pytest.mark.parametrize(("name", "data", "channels"), [("digits", "digits", 1), ("auto", "stacked_mnist", 3)])
def test_weights_are_arguments_of_the_compiled_program(name, data, channels):
    found = extractors.choose(name, data, channels)
    closed = jax.make_jaxpr(found.features)(found.variables, jnp.zeros((2, 28, 28, channels)))
    assert sum(np.size(constant) for constant in closed.consts) < 100


def test_a_network_is_compiled_once_however_often_it_looks():
    traces = []

    def features(variables, images):
        traces.append(images.shape)
        return images.reshape(len(images), -1), jnp.ones((len(images), 1))

    extractor = extractors.choose("digits", "digits", 1)._replace(features=features)
    batches = [{"image": jnp.zeros((4, 2, 2, 1))}] * 3
    for _ in range(3):
        extract(extractor, batches, "any")
    assert traces == [(4, 2, 2, 1)]


@pytest.mark.parametrize(
    ("name", "data", "channels", "message"),
    [
        ("auto", "photos", 3, "no classifier is shipped for the data set 'photos' .* jaxgen convert inception"),
        ("mnits", "mnist", 1, "unknown extractor 'mnits': did you mean mnist"),
        ("mnist", "npz", 3, r"looks at images of 1 channel\(s\) and the run makes 3"),
        ("stacked_mnist", "npz", 1, r"looks at images of 3 channel\(s\) and the run makes 1"),
        ("none/inception.safetensors", "npz", 3, "no weights at none/inception.safetensors.*convert_inception"),
    ],
)
def test_what_does_not_fit_is_told(name, data, channels, message):
    with pytest.raises(UsageError, match=message):
        extractors.choose(name, data, channels)


@pytest.fixture
def inception(tmp_path, monkeypatch):
    """Returns a function that chooses a file with these changes to InceptionV3's arrays, none of which takes memory."""
    path = tmp_path / "inception.safetensors"
    path.write_bytes(b"any")

    def choose(changes, about=ABOUT, channels=3):
        flat = {name: np.broadcast_to(np.zeros((), dtype), shape) for name, (shape, dtype) in whole.items()} | changes
        tree = {}
        for name, leaf in flat.items():
            if leaf is not None:
                *folders, last = name.split("/")
                place = tree
                for folder in folders:
                    place = place.setdefault(folder, {})
                place[last] = leaf
        monkeypatch.setattr(extractors.weights, "read", lambda path: (tree, about))
        return extractors.choose(str(path), "npz", channels)

    whole = extractors.inception_arrays()
    monkeypatch.setattr(extractors.jax, "device_put", lambda tree: tree)
    return choose


def test_a_file_that_holds_inception_and_tells_its_source_is_taken(inception):
    found = inception({})
    assert (found.name, found.prefix) == ("InceptionV3", "")


@pytest.mark.parametrize(
    ("changes", "about", "told"),
    [
        ({"params/fc/bias": None}, ABOUT, "does not hold InceptionV3: params/fc/bias is missing, and 1 of 190 arrays"),
        ({"params/more/kernel": np.zeros(1)}, ABOUT, "does not hold InceptionV3, which has no params/more/kernel"),
        (
            {"params/fc/bias": np.zeros(1000, np.float32)},
            ABOUT,
            r"params/fc/bias is float32\[1000\] and not float32\[1008\]",
        ),
        ({"params/fc/bias": np.zeros(1008)}, ABOUT, r"params/fc/bias is float64\[1008\] and not float32\[1008\]"),
        ({}, {}, "does not say where its weights come from, and .* would be called FID: jaxgen convert inception"),
    ],
)
def test_another_file_does_not_pass_for_inception(inception, changes, about, told):
    with pytest.raises(UsageError, match=told) as caught:
        inception(changes, about)
    assert "\n" not in str(caught.value)


def test_a_shipped_classifier_does_not_pass_for_inception():
    with pytest.raises(UsageError, match=r"mnist.safetensors does not hold InceptionV3: .* is missing"):
        extractors.choose(str(classifiers.FOLDER / "mnist.safetensors"), "mnist", 1)


def test_one_channel_before_inception_is_repeated_and_the_protocol_says_so(inception, monkeypatch):
    found, seen = inception({}, channels=1), {}

    class Network:
        def apply(self, variables, images):
            seen["images"] = images
            return jnp.zeros((len(images), 2048)), jnp.zeros((len(images), 1008))

    monkeypatch.setattr(extractors, "InceptionV3", Network)
    images = jnp.arange(2 * 4 * 4.0).reshape(2, 4, 4, 1)
    found.features(found.variables, images)
    assert (found.prefix, found.name) == ("", "InceptionV3, one channel repeated to three")
    np.testing.assert_array_equal(seen["images"], jnp.concatenate([images] * 3, -1))
