import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.errors import UsageError
from jaxgen.evaluation import classifiers, extractors
from jaxgen.evaluation.features import extract
from jaxgen.io import weights

ABOUT = {"source": "https://example.org/weights.pth"}


def test_auto_loads_the_classifier_of_the_data():
    extractor = extractors.load_extractor("auto", "mnist", 1)
    assert (extractor.name, extractor.network, extractor.modes) == ("classifier of mnist", "classifier", 0)
    assert len(extractor.sha256) == 64
    assert extractor.resize.endswith("to 28")


def test_images_of_another_size_are_resized_and_probabilities_sum_to_one():
    extractor = extractors.load_extractor("digits", "npz", 1)
    features, probabilities = extractor.features(extractor.variables, jnp.ones((3, 32, 32, 1)) / 2)
    assert features.shape == (3, 64)
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-5)


def test_stacked_digits_are_classified_per_channel_in_one_trace(monkeypatch):
    shipped = classifiers.load_classifier("mnist")
    traces = []

    def counted(variables, images):
        traces.append(images.shape)
        return shipped.apply(variables, images)

    monkeypatch.setattr(classifiers, "load_classifier", lambda name: shipped._replace(apply=counted))
    extractor = extractors.load_extractor("auto", "stacked_mnist", 3)
    images = jnp.linspace(0, 1, 4 * 28 * 28 * 3).reshape(4, 28, 28, 3) ** 2
    features, probabilities = jax.jit(extractor.features)(extractor.variables, images)
    assert traces == [(12, 28, 28, 1)]
    assert (features.shape, probabilities.shape, extractor.modes) == ((4, 192), (4, 1000), 1000)
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-5)
    each = [shipped.apply(shipped.variables, images[..., channel : channel + 1]) for channel in range(3)]
    np.testing.assert_allclose(features, jnp.concatenate([x for x, _ in each], -1), rtol=1e-3, atol=1e-3)
    r, g, b = (logits.argmax(-1) for _, logits in each)
    np.testing.assert_array_equal(probabilities.argmax(-1), 100 * r + 10 * g + b)


@pytest.mark.parametrize(("name", "data", "channels"), [("digits", "digits", 1), ("auto", "stacked_mnist", 3)])
def test_weights_are_arguments_of_the_compiled_program(name, data, channels):
    extractor = extractors.load_extractor(name, data, channels)
    closed = jax.make_jaxpr(extractor.features)(extractor.variables, jnp.zeros((2, 28, 28, channels)))
    assert sum(np.size(constant) for constant in closed.consts) < 100


def test_a_network_is_compiled_once():
    traces = []

    def features(variables, images):
        traces.append(images.shape)
        return images.reshape(len(images), -1), jnp.ones((len(images), 1))

    extractor = extractors.load_extractor("digits", "digits", 1)._replace(features=features)
    batches = [{"image": jnp.zeros((4, 2, 2, 1))}] * 3
    for _ in range(3):
        extract(extractor, batches, "any")
    assert traces == [(4, 2, 2, 1)]


@pytest.mark.parametrize(
    ("name", "data", "channels", "message"),
    [
        ("auto", "photos", 3, "no extractor is shipped for the data set 'photos'.* jaxgen convert inception"),
        ("inception", "mnist", 1, "unknown extractor 'inception': allowed: auto, .*jaxgen convert inception"),
        ("mnits", "mnist", 1, "unknown extractor 'mnits': did you mean mnist"),
        ("mnist", "npz", 3, r"takes images of 1 channel\(s\), the run has 3"),
        ("stacked_mnist", "npz", 1, r"takes images of 3 channel\(s\), the run has 1"),
        ("none/inception.safetensors", "npz", 3, "no weights at none/inception.safetensors.*convert inception"),
    ],
)
def test_an_extractor_that_does_not_fit_is_refused(name, data, channels, message):
    with pytest.raises(UsageError, match=message):
        extractors.load_extractor(name, data, channels)


@pytest.fixture
def inception(tmp_path, monkeypatch):
    """Returns a function that chooses a file with these changes to InceptionV3's arrays, none of which takes memory."""
    path = tmp_path / "inception.safetensors"
    path.write_bytes(b"any")

    def choose(changes, about=ABOUT, channels=3):
        flat = {name: np.broadcast_to(np.zeros((), dtype), shape) for name, (shape, dtype) in arrays.items()} | changes
        tree = {}
        for name, leaf in flat.items():
            if leaf is not None:
                *folders, last = name.split("/")
                place = tree
                for folder in folders:
                    place = place.setdefault(folder, {})
                place[last] = leaf
        monkeypatch.setattr(extractors.weights, "read", lambda path: (tree, about))
        return extractors.load_extractor(str(path), "npz", channels)

    arrays = extractors.inception_arrays()
    monkeypatch.setattr(extractors.jax, "device_put", lambda tree: tree)
    return choose


def test_a_file_of_inception_with_its_source_is_accepted(inception):
    extractor = inception({})
    assert (extractor.name, extractor.network) == ("InceptionV3", "InceptionV3")


@pytest.mark.parametrize(
    ("changes", "about", "message"),
    [
        ({"params/fc/bias": None}, ABOUT, "does not hold InceptionV3: params/fc/bias is missing, and 1 of 190 arrays"),
        ({"params/more/kernel": np.zeros(1)}, ABOUT, "does not hold InceptionV3, which has no params/more/kernel"),
        (
            {"params/fc/bias": np.zeros(1000, np.float32)},
            ABOUT,
            r"params/fc/bias is float32\[1000\] and not float32\[1008\]",
        ),
        ({"params/fc/bias": np.zeros(1008)}, ABOUT, r"params/fc/bias is float64\[1008\] and not float32\[1008\]"),
        ({}, {}, "does not name the source of its weights, .* use jaxgen convert inception"),
    ],
)
def test_another_file_is_not_accepted_as_inception(inception, changes, about, message):
    with pytest.raises(UsageError, match=message) as error:
        inception(changes, about)
    assert "\n" not in str(error.value)


def test_a_shipped_classifier_is_not_accepted_as_inception():
    with pytest.raises(UsageError, match=r"mnist.safetensors does not hold InceptionV3: .* is missing"):
        extractors.load_extractor(str(classifiers.FOLDER / "mnist.safetensors"), "mnist", 1)


def test_one_channel_is_repeated_for_inception_and_in_the_protocol(inception, monkeypatch):
    extractor, captured = inception({}, channels=1), {}

    class Network:
        def apply(self, variables, images):
            captured["images"] = images
            return jnp.zeros((len(images), 2048)), jnp.zeros((len(images), 1008))

    monkeypatch.setattr(extractors, "InceptionV3", Network)
    images = jnp.arange(2 * 4 * 4.0).reshape(2, 4, 4, 1)
    extractor.features(extractor.variables, images)
    assert (extractor.network, extractor.name) == ("InceptionV3", "InceptionV3, one channel repeated to three")
    np.testing.assert_array_equal(captured["images"], jnp.concatenate([images] * 3, -1))


def test_a_registered_extractor_is_loaded_and_named_in_errors(monkeypatch):
    toy = extractors.load_extractor("digits", "digits", 1)._replace(name="toy")
    monkeypatch.setitem(extractors.EXTRACTORS, "toys", extractors.NamedExtractor(2, lambda: toy))
    assert extractors.load_extractor("auto", "toys", 2).name == "toy"
    with pytest.raises(UsageError, match=r"unknown extractor 'toy': did you mean toys"):
        extractors.load_extractor("toy", "digits", 1)
    with pytest.raises(UsageError, match=r"set one of .*, toys, or the path"):
        extractors.load_extractor("auto", "photos", 1)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"positions": np.zeros(5, np.float32)},
        {"positions": np.zeros((5, 60), np.float32), "patches": {"kernel": np.zeros((12, 60), np.float32)}},
        {"positions": np.zeros((5, 64), np.float32), "patches": np.zeros((12, 64), np.float32)},
    ],
    ids=["nothing", "vector", "width", "no kernel"],
)
def test_a_file_of_another_network_is_not_accepted_as_a_transformer(params, tmp_path):
    path = tmp_path / "x.safetensors"
    weights.write(path, {"params": params}, {"extractor": "DINOv2"})
    with pytest.raises(UsageError, match=r"does not hold DINOv2.*; jaxgen convert|: jaxgen convert dinov2 writes such"):
        extractors.load_extractor(str(path), "photos", 3)


def test_a_damaged_file_of_a_transformer_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    params = {"positions": np.zeros((5, 64), np.float32), "patches": {"kernel": np.zeros((12, 64), np.float32)}}
    weights.write(path, {"params": params}, {"extractor": "DINOv2"})
    message = (
        "does not hold DINOv2: params/norm_last/bias is missing, and 4 of 6 arrays are; jaxgen convert dinov2 writes"
    )
    with pytest.raises(UsageError, match=message):
        extractors.load_extractor(str(path), "photos", 3)
