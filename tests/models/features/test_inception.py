import re
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.commands.converters import inception as conversion
from jaxgen.metrics.frechet import fid
from jaxgen.metrics.inception_score import inception_score
from jaxgen.metrics.kernel import kid
from jaxgen.metrics.neighbours import precision_recall
from jaxgen.models.features.inception import InceptionV3, class_probabilities, resized

COUNT = 6


def channels_first(torch, images):
    return torch.tensor(images).permute(0, 3, 1, 2)


def pictures(seed, size=32):
    """Smooth colours and noise; every picture has its own contrast and detail, or all features would be alike."""
    rng = np.random.default_rng(seed)
    place = np.linspace(0, 1, size)
    waves = rng.uniform(1, 8, (COUNT, 2, 1, 1, 3))
    images = np.sin(2 * np.pi * (waves[:, 0] * place[:, None, None] + waves[:, 1] * place[:, None]))
    contrast, noise = rng.uniform(0.05, 0.5, (2, COUNT, 1, 1, 1))
    images = rng.uniform(0.3, 0.7, (COUNT, 1, 1, 3)) + contrast * images + noise / 2 * rng.normal(size=images.shape)
    return images.clip(0, 1).astype(np.float32)


def randomise(torch, network):
    """Gives every layer weights that keep the size of its input, and batch norms statistics of their own."""
    generator = torch.Generator().manual_seed(0)
    uniform = lambda x, low, high: x.uniform_(low, high, generator=generator)
    for name, value in network.state_dict().items():
        if name.endswith("conv.weight"):
            value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=generator)
        elif name == "fc.weight":
            value.normal_(0, 0.02, generator=generator)
        elif name.endswith(("bn.weight", "running_var")):
            uniform(value, 0.5, 1.5)
        elif value.is_floating_point():
            uniform(value, -0.2, 0.2)


@pytest.fixture(scope="module")
def both(torch_with_vision):
    """The same random weights in pytorch-fid's network and in this one: functions to (features, logits)."""
    from pytorch_fid import inception as published

    torch = torch_with_vision
    kept = []

    def keep(network, state):
        # What would load the published weights meets the network before it is cut into blocks: fc is still there.
        randomise(torch, network)
        kept.append(network)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published, "load_state_dict_from_url", lambda *_, **__: None)
        patch.setattr(torch.nn.Module, "load_state_dict", keep)
        blocks = published.InceptionV3().eval()
    (whole,) = kept
    variables = conversion.variables({name: value.numpy() for name, value in whole.state_dict().items()})

    def theirs(images):
        with torch.no_grad():
            (features,) = blocks(channels_first(torch, images))
            features = features[:, :, 0, 0]
            return features.numpy(), whole.fc(features).numpy()

    ours = jax.jit(InceptionV3().apply)
    return SimpleNamespace(
        theirs=theirs,
        ours=lambda images: ours(variables, images),
        variables=variables,
        fc=whole.state_dict()["fc.weight"].numpy(),
    )


@pytest.fixture(scope="module")
def sets(both):
    """(features, logits) of two sets of pictures by both networks."""
    images = pictures(0), pictures(1) / 4
    return SimpleNamespace(ours=[both.ours(x) for x in images], theirs=[both.theirs(x) for x in images])


def require_same(ours, theirs):
    """Within 1e-4 of how much the values differ from picture to picture; of a single one, of the largest."""
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.shape == other.shape and mine.dtype == other.dtype == np.float32
        scale = other.std(0).max() if len(other) > 1 else np.abs(other).max()
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-4 * scale)


def test_features_and_logits_agree_with_pytorch_fid(sets):
    for ours, theirs in zip(sets.ours, sets.theirs, strict=True):
        require_same(ours, theirs)
    assert sets.theirs[0][0].shape == (COUNT, 2048) and sets.theirs[0][1].shape == (COUNT, 1008)


def test_they_agree_for_an_image_of_the_networks_own_size(both):
    image = pictures(2, 299)[:1]
    require_same(both.ours(image), both.theirs(image))


def test_metrics_agree_with_torch_fidelity(torch_fidelity, both, sets):
    (real, real_logits), (fake, _) = sets.ours
    (their_real, _), (their_fake, _) = sets.theirs
    torch, frechet = torch_fidelity("metric_fid")
    double = lambda x: torch.tensor(x, dtype=torch.float64)

    # More features than images make a singular covariance.
    some = np.argsort(-their_real.std(0))[: COUNT - 2]
    statistics = [frechet.fid_features_to_statistics(double(x[:, some])) for x in (their_real, their_fake)]
    distance = frechet.fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert float(fid(*(np.asarray(x)[:, some] for x in (real, fake)))) == pytest.approx(distance, rel=1e-3)

    _, kernel = torch_fidelity("metric_kid")
    score = kernel.kid_features_to_metric(
        double(their_real), double(their_fake), kid_subsets=1, kid_subset_size=COUNT, verbose=False
    )["kernel_inception_distance_mean"]
    assert float(kid(real, fake)) == pytest.approx(score, rel=1e-3)

    _, isc = torch_fidelity("metric_isc")
    score = isc.isc_features_to_metric(double(their_real @ both.fc.T), splits=2, shuffle=False)
    found = inception_score(class_probabilities(both.variables, real_logits), splits=2)
    # The score minus 1, which is its least value.
    expected = pytest.approx([score["inception_score_mean"] - 1, score["inception_score_std"]], rel=1e-3)
    assert [float(found[0]) - 1, float(found[1])] == expected

    _, prc = torch_fidelity("metric_prc")
    score = prc.prc_features_to_metric(double(their_fake), double(their_real), prc_neighborhood=3, verbose=False)
    expected = pytest.approx([score["precision"], score["recall"]], abs=1e-6)
    assert [float(x) for x in precision_recall(real, fake, 3)] == expected


@pytest.mark.parametrize("size", [(32, 32), (5, 7), (1, 1), (299, 299), (400, 310)])
def test_pictures_are_resized_as_pytorch_does(torch_with_vision, size):
    torch = torch_with_vision
    images = np.random.default_rng(0).uniform(size=(2, *size, 3)).astype(np.float32)
    theirs = torch.nn.functional.interpolate(
        channels_first(torch, images), size=(299, 299), mode="bilinear", align_corners=False
    )
    # Positions of up to 400 pixels are rounded to float32 in another order, by up to 1.5e-5 of a pixel.
    np.testing.assert_allclose(channels_first(torch, np.asarray(resized(images))), theirs, atol=1e-5)


@pytest.fixture(scope="module")
def abstract():
    """The network, and shapes of its variables."""
    network = InceptionV3()
    image = jax.ShapeDtypeStruct((2, 32, 32, 3), "float32")
    return network, jax.eval_shape(network.init, jax.random.key(0), image), image


def test_the_converted_file_has_every_variable_and_no_other(both, abstract):
    _, wanted, _ = abstract
    shapes = lambda tree: jax.tree.map(lambda x: (x.shape, x.dtype), tree)
    assert shapes(both.variables) == shapes(wanted)


@pytest.mark.parametrize("platform", ["cuda", "tpu", "cpu"])
def test_every_product_is_in_full_precision_on_every_platform(abstract, platform):
    network, variables, image = abstract
    lowered = jax.jit(network.apply).trace(variables, image).lower(lowering_platforms=(platform,)).as_text()
    products = re.findall(r"^.*stablehlo\.(?:convolution|dot_general).*$", lowered, re.MULTILINE)
    assert len(products) > 94
    assert [line for line in products if line.count("HIGHEST") != 2] == []


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((2, 28, 28, 1), "float32", r"images of shape \(2, 28, 28, 1\): .*repeat a single channel three times"),
        ((28, 28, 3), "float32", r"images of shape \(28, 28, 3\): give \[batch, height, width, 3\]"),
        ((2, 3, 28, 28), "float32", r"images of shape \(2, 3, 28, 28\)"),
        ((2, 28, 28, 3), "uint8", r"images of uint8: give floats in \[0, 1\]; divide grey levels by 255"),
    ],
)
def test_what_is_no_colour_picture_is_refused(abstract, shape, dtype, message):
    network, variables, _ = abstract
    with pytest.raises(ValueError, match=message) as caught:
        jax.eval_shape(network.apply, variables, jax.ShapeDtypeStruct(shape, dtype))
    assert "\n" not in str(caught.value)


def test_class_probabilities_leave_the_bias_out():
    bias, logits = np.float32([3, -2, 0]), np.float32([[1, 2, 3], [0, 0, 0]])
    found = class_probabilities({"params": {"fc": {"bias": jnp.asarray(bias)}}}, logits + bias)
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
