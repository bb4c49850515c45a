from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxgen.models.gan import conv_gan, dcgan, dcgan_deep_stem, mlp, r3gan, resnet
from jaxgen.nn import heads


class Head(heads.DiscriminatorNetwork):
    @nn.compact
    def __call__(self, x, train, labels=None):
        return heads.discriminator_head(self, x, train, labels)


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


similarities = partial(heads.similarities, axis_name=None)


def variables_of(module, *inputs):
    return jax.device_get(jax.jit(lambda x, *more: module.init(jax.random.key(0), x, True, *more))(*inputs))


def train(module, params, *inputs):
    return np.asarray(
        jax.jit(lambda params, x, *more: module.apply({"params": params}, x, True, *more))(params, *inputs)
    )


def test_similarities_are_sums_over_the_other_examples(computed):
    projected = random(5, 2, 3)
    expected = [
        [sum(np.exp(-np.abs(projected[i, k] - projected[j, k]).sum()) for j in range(5) if j != i) for k in range(2)]
        for i in range(5)
    ]
    np.testing.assert_allclose(computed(similarities, projected), expected, rtol=1e-5)


def test_equal_examples_are_as_near_as_can_be_and_one_alone_is_near_to_none(computed):
    ones = np.ones((4, 2, 3), np.float32)
    np.testing.assert_array_equal(computed(similarities, ones), np.full((4, 2), 3.0))
    np.testing.assert_array_equal(computed(similarities, ones[:1]), np.zeros((1, 2)))


def test_similarities_see_the_examples_on_all_devices(computed):
    projected = random(8, 2, 3)
    apart = jax.pmap(partial(heads.similarities, axis_name="batch"), axis_name="batch")(projected.reshape(4, 2, 2, 3))
    np.testing.assert_allclose(np.reshape(apart, (8, 2)), computed(similarities, projected), rtol=1e-5)


def test_a_class_adds_the_product_of_its_embedding_and_the_features():
    x, labels = random(3, 2, 4), np.array([[2], [0], [2]])
    plain, projecting = Head(), Head(classes=3)
    params = variables_of(projecting, x, labels)["params"]
    assert params["class"]["kernel"].shape == (3, 8)
    assert set(params["class"]) == {"kernel"}
    phi = x.reshape(3, 8)
    expected = train(plain, {"logit": params["logit"]}, x)
    expected = expected + (params["class"]["kernel"][labels[:, 0]] * phi).sum(-1)
    np.testing.assert_allclose(train(projecting, params, x, labels), expected, rtol=1e-5)


def test_packed_images_have_a_class_each():
    x, labels = random(2, 5), np.array([[0, 1], [1, 1]])
    params = variables_of(Head(classes=2), x, labels)["params"]
    kernel = np.array(params["class"]["kernel"]).reshape(2, 2, 5)
    embedded = np.stack([kernel[0, a] + kernel[1, b] for a, b in labels])
    gain = train(Head(classes=2), params, x, labels) - train(Head(), {"logit": params["logit"]}, x)
    np.testing.assert_allclose(gain, (embedded * x).sum(-1), rtol=1e-4, atol=1e-6)


def test_one_hot_is_nan_outside_the_classes(computed):
    result = computed(lambda labels: heads.one_hot(labels, 3, jnp.float32), np.array([[1], [3], [-1]]))
    np.testing.assert_array_equal(result[0, 0], [0, 1, 0])
    assert np.isnan(result[1:]).all()


@pytest.mark.parametrize(
    ("classes", "labels", "message"),
    [(3, None, "of 3 classes was given no labels"), (0, np.zeros((2, 1), int), "of 0 classes was given some labels")],
)
def test_labels_and_classes_go_together(classes, labels, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(
            lambda: Head(classes=classes).init_with_output(jax.random.key(0), jnp.ones((2, 4)), True, labels)
        )


def test_with_kernels_the_logit_sees_the_other_examples():
    x, module = random(4, 6), Head(kernels=2)
    params = variables_of(module, x)["params"]
    assert params["minibatch"]["kernel"].shape == (6, 2 * heads.DIMENSIONS)
    assert params["logit"]["kernel"].shape == (8, 1)
    both, alone = (train(module, params, part) for part in (x, x[:1]))
    assert both[0] != alone[0]


def test_features_are_returned_only_as_intermediates(computed):
    x = random(2, 3, 2)
    variables = variables_of(Head(kernels=2), x)
    assert set(variables) == {"params"}
    call = lambda variables: Head(kernels=2).apply(variables, x, True, mutable=["intermediates"])
    _, output = computed(call, variables)
    np.testing.assert_array_equal(output["intermediates"][heads.FEATURES][0], x.reshape(2, 6))


NETWORKS = {
    "conv_gan": (conv_gan.Discriminator(width=4, classes=3, kernels=2), 28),
    "dcgan": (dcgan.Discriminator(width=4, classes=3, kernels=2), 28),
    "dcgan, spectral": (dcgan.Discriminator(norm="spectral", width=4, classes=3, kernels=2), 28),
    "dcgan_deep_stem": (dcgan_deep_stem.Discriminator(width=4, classes=3, kernels=2), 128),
    "gan_mlp": (mlp.Discriminator(variant="batch_norm", classes=3, kernels=2), 28),
    "r3gan": (r3gan.Discriminator(width=4, blocks=1, classes=3, kernels=2), 28),
    "resnet": (resnet.Critic(width=4, classes=3, kernels=2), 28),
}


@pytest.mark.parametrize(("network", "size"), NETWORKS.values(), ids=NETWORKS)
def test_every_discriminator_takes_packed_images_classes_and_kernels(network, size):
    images = jax.ShapeDtypeStruct((5, size, size, 2), "float32")
    labels = jax.ShapeDtypeStruct((5, 2), "int32")
    key = jax.random.key(0)
    logits, variables = jax.eval_shape(lambda x, y: network.init_with_output(key, x, True, y), images, labels)
    assert (logits.shape, logits.dtype) == ((5,), np.float32)
    features = variables["params"]["class"]["kernel"].shape[1]
    assert variables["params"]["class"]["kernel"].shape == (6, features)
    assert variables["params"]["minibatch"]["kernel"].shape == (features, 2 * heads.DIMENSIONS)
    assert ("spectral" in variables) == (getattr(network, "norm", "") == "spectral")
