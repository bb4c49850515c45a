import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_expit

from jaxgen.errors import UsageError
from jaxgen.losses import adversarial, penalties

# As the papers write them, in the probabilities that the logits stand for.
FORMULAS = {
    "minimax": (lambda real, fake: -log_expit(real) - log_expit(-fake), lambda real, fake: log_expit(-fake)),
    "non_saturating": (lambda real, fake: -log_expit(real) - log_expit(-fake), lambda real, fake: -log_expit(fake)),
    "least_squares": (
        lambda real, fake: 0.5 * (real - 1) ** 2 + 0.5 * fake**2,
        lambda real, fake: 0.5 * (fake - 1) ** 2,
    ),
    "wasserstein": (lambda real, fake: fake - real, lambda real, fake: -fake),
    "hinge": (lambda real, fake: -np.minimum(0, real - 1) - np.minimum(0, -1 - fake), lambda real, fake: -fake),
    "relativistic": (lambda real, fake: -log_expit(real - fake), lambda real, fake: -log_expit(fake - real)),
}
NAMES = tuple(FORMULAS)


def test_values_by_hand():
    real, fake = np.float32([0.5, -2.0]), np.float32([1.5, -0.25])
    np.testing.assert_allclose(adversarial.least_squares.discriminator(real, fake), [1.25, 4.53125])
    np.testing.assert_allclose(adversarial.least_squares.generator(real, fake), [0.125, 0.78125])
    np.testing.assert_allclose(adversarial.wasserstein.discriminator(real, fake), [1.0, 1.75])
    np.testing.assert_allclose(adversarial.hinge.discriminator(real, fake), [3.0, 3.75])
    np.testing.assert_allclose(adversarial.minimax.discriminator(0 * real, 0 * fake), 2 * np.log(2), rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_values_and_gradients_are_right_near_and_far_out(name, player, computed):
    loss, formula = getattr(getattr(adversarial, name), player), FORMULAS[name][player == "generator"]
    real, fake = (logits.ravel() for logits in np.meshgrid(*[np.float32([-1e4, -2.5, 0.25, 3, 1e4])] * 2))
    exact_real, exact_fake = np.float64(real), np.float64(fake)
    slopes_of_sum = jax.grad(lambda real, fake: loss(real, fake).sum(), argnums=(0, 1))
    values, (by_real, by_fake) = computed(lambda *logits: (loss(*logits), slopes_of_sum(*logits)), real, fake)
    np.testing.assert_allclose(values, formula(exact_real, exact_fake), rtol=1e-5, atol=1e-6)

    h = 1e-3
    slope = lambda i, j: (formula(exact_real + i, exact_fake + j) - formula(exact_real - i, exact_fake - j)) / (2 * h)
    np.testing.assert_allclose(by_real, slope(h, 0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(by_fake, slope(0, h), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_each_player_pushes_its_own_way(name, computed):
    loss = getattr(adversarial, name)
    of_discriminator = jax.grad(lambda *logits: loss.discriminator(*logits).sum(), argnums=(0, 1))
    of_generator = jax.grad(lambda *logits: loss.generator(*logits).sum(), argnums=1)
    at = np.full((2, 1), 0.25, np.float32)
    (by_real, by_fake), slope = computed(lambda *logits: (of_discriminator(*logits), of_generator(*logits)), *at)
    assert by_real[0] < 0 < by_fake[0] and slope[0] < 0


samples = st.lists(st.integers(0, 3), min_size=12, max_size=12)


@settings(deadline=None, max_examples=30)
@given(real=samples, fake=samples, seed=st.integers(0, 2**32 - 1))
def test_the_best_discriminator_reaches_the_jensen_shannon_divergence(real, fake, seed):
    """At D = p/(p + q) the value of the game is 2 JSD − log 4, and no other discriminator does better."""
    p, q = (np.bincount(atoms, minlength=4) / len(atoms) for atoms in (real, fake))
    divergence = (scipy.stats.entropy(p, (p + q) / 2) + scipy.stats.entropy(q, (p + q) / 2)) / 2

    def value(logits):
        return -np.mean(adversarial.minimax.discriminator(logits[real], logits[fake]))

    best = np.log(np.maximum(p, 1e-30) / np.maximum(q, 1e-30)).astype(np.float32)
    assert value(best) == pytest.approx(2 * divergence - np.log(4), abs=1e-5)
    assert value(best + np.random.default_rng(seed).normal(size=4).astype(np.float32)) <= value(best) + 1e-6


RATE = 0.1


def dirac_gan(r1_weight, steps=4000):
    """Radii of simultaneous descent: D(x) = ψ·x against a generator that always says θ, the real data all at 0."""
    loss, real = adversarial.non_saturating, jnp.zeros((1, 1))

    def discriminator(psi, theta):
        critic = lambda x: psi * x[:, 0]
        adversary = loss.discriminator(critic(real), critic(jnp.full((1, 1), theta)))
        return (adversary + r1_weight / 2 * penalties.zero_centered(critic, real)).sum()

    generator = lambda theta, psi: loss.generator(psi * real[:, 0], psi * jnp.full(1, theta)).sum()

    def step(players, _):
        psi, theta = players
        new = psi - RATE * jax.grad(discriminator)(psi, theta), theta - RATE * jax.grad(generator)(theta, psi)
        return new, jnp.stack(new)

    path = np.asarray(jax.lax.scan(step, (jnp.float32(0.5), jnp.float32(1.0)), length=steps)[1])
    turns = np.abs(np.unwrap(np.arctan2(*path.T))[-1]) / (2 * np.pi)
    return np.hypot(*path.T), turns


def test_dirac_gan_circles_without_a_penalty():
    """Mescheder et al. 2018, section 2. The flow turns inward as r⁴/8 only, steps of h turn outward as h·r²/4."""
    radius, turns = dirac_gan(r1_weight=0.0)
    np.testing.assert_allclose(radius[2000:], np.sqrt(2 * RATE), rtol=0.05)
    assert turns > 20


def test_dirac_gan_converges_under_r1():
    """Mescheder et al. 2018, section 4.1."""
    radius, _ = dirac_gan(r1_weight=1.0)
    assert radius[0] > 1 and radius[2000:].max() < 1e-6


def test_smoothed_labels_are_soft_targets_of_torch():
    torch = pytest.importorskip("torch")
    real, fake = (np.random.default_rng(seed).normal(0, 3, 8).astype("float32") for seed in (0, 1))
    cross = lambda x, target: torch.nn.functional.binary_cross_entropy_with_logits(
        torch.tensor(x), torch.full((8,), target), reduction="none"
    )
    for loss in (adversarial.minimax, adversarial.non_saturating):
        found = adversarial.smooth_labels(loss, 0.1).discriminator(real, fake)
        np.testing.assert_allclose(found, cross(real, 0.9) + cross(fake, 0.0), rtol=1e-5)


def test_smoothed_least_squares_by_hand():
    smooth = adversarial.smooth_labels(adversarial.least_squares, 0.25)
    # ½(1 − 0.75)² + ½·2² and ½(0.75 − 0.75)² + 0
    np.testing.assert_allclose(smooth.discriminator(np.float32([1.0, 0.75]), np.float32([2.0, 0.0])), [2.03125, 0.0])


def test_smoothing_by_nothing_and_the_generator_stay_as_they_were():
    real, fake = np.float32([3.0, -1.0]), np.float32([0.5, 2.0])
    for loss in (adversarial.minimax, adversarial.non_saturating, adversarial.least_squares):
        np.testing.assert_allclose(
            adversarial.smooth_labels(loss, 0.0).discriminator(real, fake), loss.discriminator(real, fake), rtol=1e-6
        )
        assert adversarial.smooth_labels(loss, 0.3).generator is loss.generator


@pytest.mark.parametrize("name", ["wasserstein", "hinge", "relativistic"])
def test_losses_without_targets_cannot_be_smoothed(name):
    with pytest.raises(UsageError, match="this loss has none: use one of minimax, non_saturating, least_squares"):
        adversarial.smooth_labels(getattr(adversarial, name), 0.1)
