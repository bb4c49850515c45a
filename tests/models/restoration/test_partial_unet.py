import jax
import numpy as np
import pytest

from jaxgen.models.restoration.partial_unet import PartialConv, PartialUNet


def draws(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def mask(*shape, share=0.5):
    return (np.random.default_rng(1).uniform(size=shape) < share).astype("float32")


@pytest.mark.parametrize(("side", "stride"), [(3, 1), (5, 2)])
def test_a_partial_convolution_is_the_papers_equation(side, stride, computed):
    x, known = draws(1, 6, 8, 2), mask(1, 6, 8, 1, share=0.1)
    layer = PartialConv(3, side, stride)
    variables = computed(layer.init, jax.random.key(0), (x, known))
    variables["params"]["bias"] = np.array([1.0, 2.0, 3.0], np.float32)
    kernel = variables["params"]["conv"]["kernel"]
    made, seen = computed(layer.apply, variables, (x, known))
    before = (side - stride) // 2
    frame = ((0, 0), (before, side), (before, side), (0, 0))
    padded, there = np.pad(x * known, frame), np.pad(known, frame)
    assert 0 < seen.mean() < 1
    for i in range(made.shape[1]):
        for j in range(made.shape[2]):
            window = (0, slice(i * stride, i * stride + side), slice(j * stride, j * stride + side))
            count = there[window].sum()
            product = np.einsum("hwc,hwco->o", padded[window], kernel)
            expected = product * side**2 / count + variables["params"]["bias"] if count else np.zeros(3)
            np.testing.assert_allclose(made[0, i, j], expected, atol=1e-5)
            assert seen[0, i, j, 0] == (count > 0)


def test_groups_with_different_masks_are_weighted_by_channels(computed):
    groups = [(draws(1, 4, 4, 2), mask(1, 4, 4, 1)), (draws(1, 4, 4, 3), np.zeros((1, 4, 4, 1), np.float32))]
    layer = PartialConv(2)
    variables = computed(layer.init, jax.random.key(0), *groups)
    made, _ = computed(layer.apply, variables, *groups)
    kernel = variables["params"]["conv"]["kernel"][:, :, :2]
    alone_variables = {"params": {"conv": {"kernel": kernel}, "bias": np.zeros(2, np.float32)}}
    alone, _ = computed(PartialConv(2).apply, alone_variables, groups[0])
    np.testing.assert_allclose(made, alone * 5 / 2, atol=1e-5)


def test_known_pixels_do_not_change_and_values_in_holes_have_no_effect(draw):
    image, hole = draws(1, 20, 23, 3), mask(1, 20, 23, 1)
    network = PartialUNet((4, 4))
    variables = draw(network, (1, 20, 23, 4))
    fill = jax.jit(lambda inputs: network.apply(variables, inputs, False))
    filled = fill(np.concatenate([image * (1 - hole), hole], -1))
    other = fill(np.concatenate([image * (1 - hole) + hole * 7, hole], -1))
    known = np.broadcast_to(hole == 0, image.shape)
    np.testing.assert_array_equal(np.asarray(filled)[known], image[known])
    np.testing.assert_array_equal(filled, other)
    assert np.std(np.asarray(filled)[~known]) > 0


def test_the_papers_network(describe):
    network = describe(PartialUNet(channels=3), (1, 256, 256, 4))
    kernels = {
        name: layer["conv"]["kernel"].shape for name, layer in network.variables["params"].items() if "conv" in layer
    }
    assert kernels["down_0"] == (7, 7, 3, 64)
    assert kernels["down_6"] == (3, 3, 512, 512)
    assert kernels["up_3"] == (3, 3, 512 + 256, 256)
    assert kernels["up_0"] == (3, 3, 64 + 3, 3)
    with pytest.raises(ValueError, match="inputs of 3 channels: give 3 and one for the mask"):
        describe(PartialUNet(channels=3), (1, 8, 8, 3))
