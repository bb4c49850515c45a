import jax
import numpy as np

from jaxgen.models.restoration.video import VideoRNN, carry
from jaxgen.nn.cost import parameters

SMALL = VideoRNN(3, 1)


def clips(*shape):
    return np.random.default_rng(0).uniform(size=shape).astype("float32")


def variables_of(network, x):
    """Variables by which the state has an effect: the residual branch starts as nothing."""
    made = jax.jit(lambda x: network.init(jax.random.key(0), x, False))(x)
    return jax.tree.map(lambda leaf: np.asarray(leaf) + np.float32(0.05), made)


compiled_carry = jax.jit(carry)


def test_the_state_follows_the_motion():
    before, state = clips(2, 20, 24, 4), clips(2, 20, 24, 3)[..., ::-1]
    now, expected = (np.roll(x, (1, -2), (1, 2)) for x in (before, state))
    now = now + 0.1 * np.random.default_rng(1).normal(size=now.shape).astype("float32")
    found = np.asarray(compiled_carry(state, before, now))
    inside = np.s_[:, 6:-6, 6:-6]  # what rolled in at the other side is in no block
    np.testing.assert_array_equal(found[inside], expected[inside])


def test_without_motion_the_state_does_not_move():
    before, state = clips(1, 8, 8, 4), clips(1, 8, 8, 3)
    np.testing.assert_array_equal(compiled_carry(state, before, before), state)


def test_it_is_elmans_cell_with_convolutions_on_the_warped_state(infer):
    import torch
    import torch.nn.functional as F

    x = clips(2, 3, 6, 8, 1)
    variables = variables_of(SMALL, x)
    p = jax.tree.map(lambda leaf: torch.tensor(np.asarray(leaf)), variables["params"]["frame"])

    def conv(x, layer):
        kernel = layer["kernel"].permute(3, 2, 0, 1)
        return F.conv2d(x, kernel, layer.get("bias"), padding=kernel.shape[-1] // 2)

    last_axis, first = (
        (lambda x: x.permute(0, 2, 3, 1).numpy()),
        (lambda x: torch.tensor(np.array(x)).permute(0, 3, 1, 2)),
    )
    state, frames = torch.zeros(2, 3 + 4, 3, 4), []
    for frame in torch.tensor(x).permute(1, 0, 4, 2, 3):
        packed = F.pixel_unshuffle(frame, 2)
        carried = first(compiled_carry(*map(last_axis, (state, state[:, 3:], packed))))
        y = F.relu(conv(packed, p["inward"]) + conv(carried, p["carried"]))
        y = y + conv(F.relu(conv(y, p["block_0"]["conv_0"])), p["block_0"]["conv_1"])
        state = torch.cat([y, packed], 1)
        frames.append(frame + F.pixel_shuffle(conv(y, p["tail"]), 2))
    found, last = infer(SMALL, variables, x)
    np.testing.assert_allclose(found, torch.stack(frames, 1).permute(0, 1, 3, 4, 2).numpy(), atol=1e-5)
    np.testing.assert_allclose(last, last_axis(state), atol=1e-5)


def test_a_clip_continues_from_its_state(infer):
    x = clips(1, 5, 7, 5, 1)
    variables = variables_of(SMALL, x)
    whole, end = infer(SMALL, variables, x)
    first, middle = infer(SMALL, variables, x[:, :2])
    rest, last = infer(SMALL, variables, x[:, 2:], middle)
    np.testing.assert_allclose(np.concatenate([first, rest], 1), whole, atol=1e-6)
    np.testing.assert_allclose(last, end, atol=1e-6)


def test_without_a_state_frames_are_independent_with_the_same_parameters(infer):
    x = clips(1, 3, 4, 4, 1)
    variables = variables_of(SMALL, x)
    alone = SMALL.clone(carries=False)
    found, _ = infer(alone, variables, x)
    np.testing.assert_allclose(found[:, 2:], infer(alone, variables, x[:, 2:])[0], atol=1e-6)
    assert abs(found - infer(SMALL, variables, x)[0])[:, 1:].max() > 1e-3
    assert parameters(jax.eval_shape(lambda x: alone.init(jax.random.key(0), x, False), x)) == parameters(variables)
