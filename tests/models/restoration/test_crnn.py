import jax
import numpy as np

from jaxgen.models.restoration.crnn import CRNN, Pass

SMALL = CRNN(widths=(2, 3))


def images(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def test_the_default_network(describe):
    network = describe(CRNN(dropout=0.0), (1, 8, 12, 1))
    down = 9 * (1 * 32 + 32 * 32 + 32 * 64 + 64 * 64) + 2 * (2 * 32 + 2 * 64)
    up = 4 * 64 * 64 + 64 + 9 * 64 * 64 + 4 * 64 + 4 * 64 * 32 + 32 + 9 * 32 * 32 + 4 * 32
    assert network.parameters == down + up + 9 * 32 + 1
    assert network.output == (1, 8, 12, 1)


def test_it_is_the_same_network_in_pytorch(draw, infer):
    import torch
    import torch.nn.functional as F

    inputs = images(2, 8, 4, 1)
    variables = draw(SMALL.clone(dropout=0.0), inputs.shape)
    params, stats = (jax.tree.map(torch.tensor, variables[name]["pass"]) for name in ("params", "batch_stats"))

    def conv(x, name):
        return F.conv2d(x, params[f"{name}_conv"]["kernel"].permute(3, 2, 0, 1), padding=1)

    def normed(x, name):
        p, s = params[f"{name}_norm"], stats[f"{name}_norm"]
        return F.batch_norm(x, s["mean"], s["var"], p["scale"], p["bias"])

    x = torch.tensor(inputs).permute(0, 3, 1, 2)
    for stage in range(2):
        for i in range(2):
            x = F.relu(normed(conv(x, f"down_{stage}_{i}"), f"down_{stage}_{i}"))
        x = F.max_pool2d(x, 2)
    for stage in range(2):
        grow = params[f"up_{stage}_grow"]
        x = F.conv_transpose2d(x, grow["kernel"].permute(3, 2, 0, 1), grow["bias"], stride=2)
        x = F.relu(normed(conv(normed(x, f"up_{stage}_0"), f"up_{stage}"), f"up_{stage}_1"))
    last = params["image"]
    expected = torch.sigmoid(F.conv2d(x, last["kernel"].permute(3, 2, 0, 1), last["bias"], padding=1))
    np.testing.assert_allclose(infer(SMALL, variables, inputs), expected.permute(0, 2, 3, 1).numpy(), atol=1e-5)


def test_the_recurrent_network_is_the_plain_one_with_its_estimate_as_input(draw, infer):
    inputs = images(1, 8, 8, 1)
    twice = SMALL.clone(turns=2)
    variables = draw(twice.clone(dropout=0.0), inputs.shape)
    inner = {name: tree["pass"] for name, tree in variables.items()}
    once = Pass((2, 3), 1, 0.5)
    turn = jax.jit(lambda variables, images: once.apply(variables, images, None, False))
    first = turn(inner, np.concatenate([inputs, inputs], -1))
    second = turn(inner, np.concatenate([inputs, first], -1))
    np.testing.assert_allclose(infer(twice, variables, inputs), second, atol=1e-6)


def test_dropout_differs_between_examples_and_is_off_in_inference(draw, infer):
    inputs = np.repeat(images(1, 8, 8, 1), 2, 0)
    variables = draw(SMALL.clone(dropout=0.0), inputs.shape)
    keys = jax.random.split(jax.random.key(0), 2)
    train = jax.jit(lambda keys: SMALL.apply(variables, inputs, True, keys, mutable=["batch_stats"])[0])
    made, again = (np.asarray(train(k)) for k in (keys, keys[::-1]))
    assert abs(made[0] - made[1]).max() > 1e-3
    np.testing.assert_allclose(made, again[::-1], atol=1e-6)
    still = infer(SMALL, variables, inputs)
    np.testing.assert_allclose(still[0], still[1], atol=1e-6)
