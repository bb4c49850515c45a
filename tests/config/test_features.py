import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.config import features
from jaxgen.errors import UsageError
from jaxgen.evaluation import classifiers
from jaxgen.io import weights
from jaxgen.models.features import vgg
from jaxgen.objectives.reconstruction_losses import weighted_sum


def test_features_of_a_shipped_classifier():
    result = jax.jit(features.feature_function("digits", 1))(jnp.zeros((2, 8, 8, 1)))
    assert result.shape[0] == 2
    assert result.ndim == 2


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file of a VGG of three narrow convolutions."""
    monkeypatch.setattr(vgg, "BLOCKS", ((2, 1), (3, 2)))
    features.vgg_arrays.cache_clear()
    path = tmp_path / "vgg19.safetensors"
    weights.write(path, vgg.VGG19().init(jax.random.key(0), jnp.zeros((1, 16, 16, 3))), {})
    yield path
    features.vgg_arrays.cache_clear()


@pytest.mark.parametrize("channels", [1, 3])
def test_the_feature_loss_is_of_the_files_vgg(file, channels):
    clean, restored = np.random.default_rng(0).uniform(size=(2, 2, 16, 18, channels)).astype(np.float32)
    total = weighted_sum(("feature",), features.feature_function(str(file), channels))
    look = lambda images: vgg.VGG19().apply(weights.read(file)[0], images)
    expected = 3 * ((look(clean) - look(restored)) ** 2).mean((1, 2, 3))
    assert (expected > 0).all()
    np.testing.assert_allclose(jax.jit(total)(clean, restored, {"feature_weight": 3.0}), expected, rtol=1e-5)
    np.testing.assert_allclose(total(clean, restored, {"feature_weight": 3.0}), expected, rtol=1e-5)


def test_a_file_is_read_at_the_first_look_so_that_what_was_trained_with_it_can_do_without(tmp_path):
    look = features.feature_function(str(tmp_path / "x.safetensors"), 3)
    with pytest.raises(UsageError, match=r"no weights at .*x\.safetensors: jaxgen convert vgg writes them, and says"):
        jax.eval_shape(look, jax.ShapeDtypeStruct((1, 16, 16, 3), "float32"))


def test_another_networks_file_is_refused():
    look = features.feature_function(str(classifiers.FOLDER / "mnist.safetensors"), 3)
    with pytest.raises(
        UsageError, match=r"mnist\.safetensors does not hold VGG-19: params/conv1_1/bias is missing, and"
    ):
        look(jnp.zeros((1, 16, 16, 3)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "set features to digits, mnist, fashion_mnist, or a file of VGG-19's weights that jaxgen convert vgg"),
        ("mnits", "unknown feature network 'mnits': did you mean mnist"),
        ("vgg19.pth", r"unknown feature network 'vgg19\.pth': allowed: a path that ends in \.safetensors, digits"),
    ],
)
def test_an_unknown_network_is_reported(name, message):
    with pytest.raises(UsageError, match=message):
        features.feature_function(name, 1)
