import jax
import numpy as np
import pytest
import torch

from jaxgen.errors import UsageError
from jaxgen.models.features.classifier import BinaryClassifier, Classifier, max_pool


def conv(channels, features):
    return 3 * 3 * channels * features + features


@pytest.mark.parametrize(("channels", "classes"), [(1, 10), (3, 1000)])
def test_counts_and_shapes(describe, channels, classes):
    network = describe(Classifier(classes), (2, 28, 28, channels))
    dense = 3 * 3 * 64 * 64 + 64
    assert network.parameters == conv(channels, 32) + conv(32, 64) + conv(64, 64) + dense + 64 * classes + classes
    assert network.output == (2, classes)


def test_the_count_for_gray_images_of_28_pixels(describe):
    assert describe(Classifier(), (1, 28, 28, 1)).parameters == 93_322
    assert describe(BinaryClassifier(), (1, 28, 28, 1)).parameters == 320 + 18_496 + (5 * 5 * 64 * 128 + 128) + 129


def test_binary_gives_one_logit(describe):
    network = describe(BinaryClassifier(), (2, 28, 28, 3))
    assert network.parameters == conv(3, 32) + conv(32, 64) + 5 * 5 * 64 * 128 + 128 + 128 + 1
    assert network.output == (2,)


def test_what_it_computes_is_what_the_same_layers_of_pytorch_do(draw, computed):
    images = np.random.default_rng(0).uniform(size=(3, 21, 19, 2)).astype("float32")
    network = Classifier(5)
    variables = draw(network, images.shape)
    params = variables["params"]
    both = lambda variables, images: network.apply(variables, images, False, method="features_and_logits")
    features, logits = computed(both, variables, images)

    x = torch.from_numpy(images).permute(0, 3, 1, 2)
    for i in range(3):
        layer = params["trunk"][f"conv_{i}"]
        x = torch.conv2d(x, torch.from_numpy(layer["kernel"]).permute(3, 2, 0, 1), torch.from_numpy(layer["bias"]))
        x = x.relu()
        x = torch.max_pool2d(x, 2) if i < 2 else x
    x = x.permute(0, 2, 3, 1).flatten(1).numpy()
    expected = np.maximum(x @ params["trunk"]["dense"]["kernel"] + params["trunk"]["dense"]["bias"], 0)
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-4)
    expected = expected @ params["logits"]["kernel"] + params["logits"]["bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(jax.jit(network.apply, static_argnums=2)(variables, images, True), logits)


def test_binary_features_lead_to_its_logit(draw, computed):
    images = np.random.default_rng(0).uniform(size=(3, 10, 11, 1)).astype("float32")
    network = BinaryClassifier()
    variables = draw(network, images.shape)
    both = lambda variables, images: network.apply(variables, images, False, method="features_and_logits")
    features, logits = computed(both, variables, images)
    assert features.shape == (3, 128)
    assert features.min() >= 0
    last = variables["params"]["logit"]
    np.testing.assert_allclose(logits, features @ last["kernel"][:, 0] + last["bias"][0], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(jax.jit(network.apply, static_argnums=2)(variables, images, True), logits)


@pytest.mark.parametrize("shape", [(2, 6, 8, 3), (1, 7, 5, 2)])
def test_pooling_and_its_gradient_are_those_of_pytorch(shape, computed):
    images = np.random.default_rng(0).normal(size=shape).astype("float32")
    given = torch.from_numpy(images).permute(0, 3, 1, 2).requires_grad_()
    pooled = torch.max_pool2d(given, 2)
    (pooled**2).sum().backward()
    ours, found = computed(lambda x: (max_pool(x), jax.grad(lambda x: (max_pool(x) ** 2).sum())(x)), images)
    np.testing.assert_array_equal(ours, pooled.detach().permute(0, 2, 3, 1).numpy())
    np.testing.assert_allclose(found, given.grad.permute(0, 2, 3, 1).numpy(), rtol=1e-6)


@pytest.mark.parametrize(("network", "smallest"), [(Classifier(), 18), (BinaryClassifier(), 10)])
def test_images_of_which_nothing_would_be_left(describe, network, smallest):
    describe(network, (1, smallest, smallest, 1))
    with pytest.raises(UsageError, match=f"sides of at least {smallest} pixels; set data.size to {smallest} or more"):
        describe(network, (1, smallest, smallest - 1, 1))
