import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.nn.normalization import BatchNorm, InstanceNorm, LayerNorm, SpectralNorm


def batches(count, shape, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(3, 2, shape).astype("float32") for _ in range(count)]


@pytest.fixture(scope="module")
def norm():
    """Returns batch norm of five channels, its variables with a scale and a bias, and its compiled call."""
    module = BatchNorm()
    params = {"scale": np.linspace(0.5, 2, 5, dtype="float32"), "bias": np.linspace(-1, 1, 5, dtype="float32")}
    stats = {"mean": np.zeros(5, np.float32), "var": np.ones(5, np.float32)}
    variables = {"params": params, "batch_stats": stats}
    call = jax.jit(lambda v, x, train: module.apply(v, x, train, mutable=["batch_stats"]), static_argnums=2)
    return module, variables, call


def test_batch_norm_agrees_with_torch(norm):
    torch = pytest.importorskip("torch")
    _, variables, call = norm
    other = torch.nn.BatchNorm2d(5)
    for name, value in (("weight", "scale"), ("bias", "bias")):
        getattr(other, name).data = torch.tensor(np.array(variables["params"][value]))
    to_torch = lambda x: torch.tensor(np.array(x)).permute(0, 3, 1, 2)

    for x in batches(3, (4, 3, 2, 5)):
        ours, stats = call(variables, x, True)
        variables = variables | stats
        np.testing.assert_allclose(ours, other(to_torch(x)).detach().permute(0, 2, 3, 1), atol=1e-5)
    np.testing.assert_allclose(stats["batch_stats"]["mean"], other.running_mean, rtol=1e-5)
    np.testing.assert_allclose(stats["batch_stats"]["var"], other.running_var, rtol=1e-5)

    other.eval()
    ours, unmoved = call(variables, x, False)
    np.testing.assert_allclose(ours, other(to_torch(x)).detach().permute(0, 2, 3, 1), atol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, unmoved, stats)


def test_batch_norms_gradient_agrees_with_torch(norm):
    torch = pytest.importorskip("torch")
    module, variables, _ = norm
    (x,) = batches(1, (4, 3, 2, 5))
    loss = lambda params, x: (
        module.apply(variables | {"params": params}, x, True, mutable=["batch_stats"])[0] ** 3
    ).sum()
    by_params, by_x = jax.jit(jax.grad(loss, argnums=(0, 1)))(variables["params"], x)

    other, there = torch.nn.BatchNorm2d(5), torch.tensor(x).permute(0, 3, 1, 2).requires_grad_()
    other.weight.data, other.bias.data = (torch.tensor(np.array(variables["params"][k])) for k in ("scale", "bias"))
    (other(there) ** 3).sum().backward()
    np.testing.assert_allclose(by_x, there.grad.permute(0, 2, 3, 1), atol=1e-3)
    np.testing.assert_allclose(by_params["scale"], other.weight.grad, rtol=1e-4)
    np.testing.assert_allclose(by_params["bias"], other.bias.grad, rtol=1e-4)


def test_statistics_of_four_devices_are_those_of_the_whole_batch(norm, computed):
    _, variables, call = norm
    (x,) = batches(1, (8, 3, 2, 5))
    spread = BatchNorm(axis_name="batch")
    apply = lambda v, x: spread.apply(v, x, True, mutable=["batch_stats"])
    in_parts = jax.vmap(apply, in_axes=(None, 0), axis_name="batch")
    parts, stats = computed(in_parts, variables, x.reshape(4, 2, 3, 2, 5))
    whole, expected = call(variables, x, True)
    np.testing.assert_allclose(parts.reshape(whole.shape), whole, atol=1e-5)
    for part in range(4):
        jax.tree.map(lambda a, b, i=part: np.testing.assert_allclose(a[i], b, rtol=1e-5), stats, expected)


def test_batch_norm_of_a_constant_is_the_bias_with_finite_gradients(norm):
    module, variables, call = norm
    x = np.full((4, 3, 2, 5), 7, "float32")
    np.testing.assert_allclose(call(variables, x, True)[0], np.broadcast_to(variables["params"]["bias"], x.shape))
    loss = lambda x: (module.apply(variables, x, True, mutable=["batch_stats"])[0] ** 2).sum()
    gradient = jax.jit(jax.grad(loss))(x)
    assert np.isfinite(gradient).all()


def test_batch_norm_initialises_outside_the_mapped_axis_and_leaves_statistics_alone(computed):
    init = lambda x: BatchNorm(axis_name="batch").init(jax.random.key(0), x, True)
    variables = computed(init, np.full((4, 3), 9, np.float32))
    assert variables["batch_stats"]["mean"].tolist() == [0, 0, 0]
    assert variables["batch_stats"]["var"].tolist() == [1, 1, 1]


def test_bfloat16_statistics_are_taken_in_float32(computed):
    # 4096 ones and 4096 twos: bfloat16 cannot count so far.
    x = np.repeat(np.array([1, 2], jnp.bfloat16), 4096)[:, None]
    module = BatchNorm(dtype=jnp.bfloat16)

    def train(x):
        return module.apply(module.init(jax.random.key(0), x, True), x, True, mutable=["batch_stats"])

    y, stats = computed(train, x)
    assert y.dtype == jnp.bfloat16
    assert stats["batch_stats"]["mean"].dtype == jnp.float32
    np.testing.assert_allclose(stats["batch_stats"]["mean"], 0.1 * 1.5, rtol=1e-6)


def test_layer_norm_agrees_with_torch(computed):
    torch = pytest.importorskip("torch")
    (x,) = batches(1, (4, 3, 2, 5))
    params = {"scale": np.linspace(0.5, 2, 5, dtype="float32"), "bias": np.linspace(-1, 1, 5, dtype="float32")}
    there = torch.nn.functional.layer_norm(torch.tensor(x), (3, 2, 5)).numpy() * params["scale"] + params["bias"]
    np.testing.assert_allclose(computed(LayerNorm().apply, {"params": params}, x), there, atol=1e-5)


def spectral_variables(kernel, seed):
    return jax.jit(lambda kernel: SpectralNorm().init(jax.random.key(seed), kernel, False))(kernel)


@pytest.fixture(scope="module")
def spectral():
    """Returns a kernel, its variables after many training calls, and the compiled call."""
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 6)).astype("float32")
    variables = spectral_variables(kernel, 1)
    call = jax.jit(lambda v, w, train: SpectralNorm().apply(v, w, train, mutable=["spectral"]), static_argnums=2)
    for _ in range(100):
        _, variables = call(variables, kernel, True)
    return kernel, variables, call


def test_spectral_norm_finds_the_largest_singular_value(spectral):
    kernel, variables, call = spectral
    normalised = np.asarray(call(variables, kernel, True)[0])
    largest = np.linalg.svd(kernel.reshape(-1, 6), compute_uv=False)[0]
    np.testing.assert_allclose(normalised * largest, kernel, rtol=1e-4)
    np.testing.assert_allclose(np.linalg.svd(normalised.reshape(-1, 6), compute_uv=False)[0], 1, rtol=1e-4)


def test_only_training_calls_iterate(spectral):
    kernel, variables, call = spectral
    start = spectral_variables(kernel, 2)
    _, held = call(start, kernel, False)
    jax.tree.map(np.testing.assert_array_equal, held, start)
    _, moved = call(start, kernel, True)
    overlap = lambda v: abs(np.asarray(v["spectral"]["u"]) @ np.asarray(variables["spectral"]["u"]))
    assert overlap(start) < overlap(moved) < 1
    np.testing.assert_allclose(call(variables, kernel, False)[0], call(variables, kernel, True)[0], rtol=1e-4)


def test_no_gradient_goes_through_the_singular_vectors(spectral, computed):
    kernel, _, call = spectral
    # Far from convergence, where the vectors' own derivative would not vanish.
    start = spectral_variables(kernel, 2)
    toward = np.random.default_rng(3).normal(size=kernel.shape)
    gradient = computed(jax.grad(lambda w: (call(start, w, True)[0] * toward).sum()), kernel)

    unit = lambda vector: vector / np.linalg.norm(vector)
    matrix = kernel.reshape(-1, 6)
    left = unit(matrix @ np.asarray(start["spectral"]["u"]))
    right = unit(left @ matrix)
    sigma = left @ matrix @ right
    pull = (toward * kernel).sum() / sigma
    expected = (toward.reshape(-1, 6) - pull * np.outer(left, right)) / sigma  # Miyato et al. 2018, equation 12
    np.testing.assert_allclose(gradient.reshape(-1, 6), expected, atol=1e-4)


def test_spectral_norm_needs_to_know_whether_it_trains(spectral):
    kernel, variables, _ = spectral
    with pytest.raises(ValueError, match="called without train: pass train=True or train=False"):
        SpectralNorm().apply(variables, kernel, None)


def test_a_kernel_of_zeros_stays_zero(computed):
    kernel = np.zeros((4, 3), np.float32)
    train = lambda variables: SpectralNorm().apply(variables, kernel, True, mutable=["spectral"])[0]
    assert not computed(train, spectral_variables(kernel, 0)).any()


def test_instance_norm_agrees_with_torch(computed):
    torch = pytest.importorskip("torch")
    (x,) = batches(1, (3, 4, 5, 2))
    params = {"scale": np.array([0.5, 2.0], np.float32), "bias": np.array([1.0, -1.0], np.float32)}
    there = torch.nn.functional.instance_norm(
        torch.tensor(x).permute(0, 3, 1, 2), weight=torch.tensor(params["scale"]), bias=torch.tensor(params["bias"])
    )
    result = computed(InstanceNorm().apply, {"params": params}, x)
    np.testing.assert_allclose(result, there.permute(0, 2, 3, 1), atol=1e-5)
