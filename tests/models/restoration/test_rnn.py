import jax
import numpy as np
import pytest

from jaxgen.models.restoration.rnn import RNN, Recurrence, Sweep
from jaxgen.nn.receptive_field import receptive_field_radius


def draws(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


@pytest.mark.parametrize("cell", ["elman", "gru"])
def test_a_recurrence_is_pytorchs_and_continues_from_its_last_state(cell, computed):
    import torch

    sequences = draws(3, 7, 2)
    module = Recurrence(4, cell)
    variables = computed(module.init, jax.random.key(1), sequences)
    variables["params"]["bias"] = draws(*variables["params"]["bias"].shape)
    params = variables["params"]
    # PyTorch's gates are ordered r, z, n, and it has a second bias.
    order = (1, 0, 2) if cell == "gru" else (0,)
    turned = lambda x: torch.tensor(np.concatenate([np.split(x, len(order), -1)[i] for i in order], -1).T)
    network = (torch.nn.GRU if cell == "gru" else torch.nn.RNN)(2, 4, batch_first=True)
    with torch.no_grad():
        for name, value in (
            ("weight_ih_l0", turned(params["inward"])),
            ("weight_hh_l0", turned(params["recurrent"])),
            ("bias_ih_l0", turned(params["bias"])),
            ("bias_hh_l0", torch.zeros(4 * len(order))),
        ):
            getattr(network, name).copy_(value)
        expected = network(torch.tensor(sequences))[0].numpy()
    states, last = computed(module.apply, variables, sequences)
    np.testing.assert_allclose(states, expected, atol=1e-5)
    _, middle = computed(module.apply, variables, sequences[:, :3])
    rest, end = computed(module.apply, variables, sequences[:, 3:], middle)
    np.testing.assert_allclose(rest, states[:, 3:], atol=1e-6)
    np.testing.assert_allclose(end, last, atol=1e-6)


def test_a_sweep_runs_in_both_directions():
    images = draws(1, 3, 5, 2)
    sweep = Sweep(4, "elman")
    variables = jax.jit(sweep.init)(jax.random.key(0), images)
    run = jax.jit(sweep.apply)
    states = np.asarray(run(variables, images))
    changed = images.copy()
    changed[0, 1, 2] += 1
    change = abs(np.asarray(run(variables, changed)) - states)[0]
    assert not change[::2].any()
    onward, back = (change[1, :, part].max(-1) > 0 for part in (slice(4), slice(4, 8)))
    np.testing.assert_array_equal(onward, [False, False, True, True, True])
    np.testing.assert_array_equal(back, [True, True, True, False, False])


def test_every_pixel_depends_on_every_other():
    assert receptive_field_radius(RNN(2, 1), 1) is None


def test_counts(describe):
    network = describe(RNN(8, 1, patch=2), (1, 5, 7, 3))
    assert network.output == (1, 5, 7, 3)
    assert network.parameters == 2 * (12 * 8 + 8 * 8 + 8) + 2 * (16 * 8 + 8 * 8 + 8) + 16 * 12 + 12
    assert describe(RNN(8, 1, "gru"), (1, 4, 4, 3)).parameters == 3 * (network.parameters - 16 * 12 - 12) + 16 * 12 + 12
