"""Fidelity and diversity apart, by balls around samples that reach to their k-th neighbour.

Squared distances are |a|² + |b|² − 2ab of features whose common mean was taken off, in full precision: a large mean
costs no digits. They are exact to about 1e-6 of the features' variance, in float32. A block of CHUNK samples against a
whole set is held at once and no more: about 2 · 4 bytes · 1024 · n, 80 MiB for n = 10,000, beside the features.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.losses.per_example import promoted
from jaxgen.metrics.features import Features, nan_unless_finite, require_features

CHUNK = 1024


def centred(real: Features, fake: Features) -> tuple[Array, Array]:
    """Returns both sets less one mean, in at least float32; taken off before NumPy's float64 is shortened."""
    mean = real.mean(0)
    return promoted(real - mean), promoted(fake - mean)


def squared_distances(rows: Array, samples: Array) -> Array:
    """Returns float[rows, samples], at least 0."""
    products = jnp.matmul(rows, samples.T, precision="highest")
    return jnp.maximum((rows * rows).sum(1)[:, None] + (samples * samples).sum(1) - 2 * products, 0)


def over_chunks(function, samples: Array, *more: Array):
    """Returns the function's results for each chunk of samples, stacked: [chunks, ...].

    Args:
      function: (rows float[CHUNK, d], is a sample bool[CHUNK], a part [CHUNK] of each of `more`) -> arrays.
      samples: float[n, d]; the last chunk is filled up with rows that are no samples.
      more: [n].
    """
    count = -(-len(samples) // CHUNK)
    cut = lambda x: jnp.pad(x, [(0, count * CHUNK - len(x)), *[(0, 0)] * (x.ndim - 1)]).reshape(
        count, CHUNK, *x.shape[1:]
    )
    return lax.map(lambda parts: function(*parts), (cut(samples), cut(jnp.ones(len(samples), bool)), *map(cut, more)))


def smallest(distances: Array, rank: int) -> Array:
    """Returns the rank-th smallest of each row, equal ones counted one by one: float[rows, n] -> float[rows].

    Up to it the next larger value is looked for, so that nothing is sorted: XLA's top_k took 30 times as long on a CPU
    (jax 0.10; as long on 0.12), and both metrics were made of little else.
    """

    def larger(_, found: tuple[Array, Array]) -> tuple[Array, Array]:
        value, count = found
        following = jnp.where(distances > value[:, None], distances, jnp.inf).min(1)
        value = jnp.where(count < rank, following, value)
        return value, (distances <= value[:, None]).sum(1)

    least = distances.min(1)
    return lax.fori_loop(1, rank, larger, (least, (distances <= least[:, None]).sum(1)))[0]


def squared_radii(samples: Array, neighbours: int) -> Array:
    """Returns each sample's squared distance to its k-th nearest other sample, float[n]."""
    place = jnp.arange(len(samples))

    def nearest(rows: Array, _: Array, places: Array) -> Array:
        distances = jnp.where(places[:, None] == place, jnp.inf, squared_distances(rows, samples))
        return smallest(distances, neighbours)

    return over_chunks(nearest, samples, place).reshape(-1)[: len(samples)]


# Compiled here, as is the other: called with values, a loop over chunks would be compiled anew every time.
@partial(jax.jit, static_argnames="neighbours")
def shares_within(real: Array, fake: Array, neighbours: int) -> tuple[Array, Array]:
    """Returns the share of fake samples in a real sample's ball, and of real samples in a fake sample's ball."""
    real_radii, fake_radii = squared_radii(real, neighbours), squared_radii(fake, neighbours)

    def within(rows: Array, valid: Array, radii: Array) -> tuple[Array, Array]:
        distances = jnp.where(valid[:, None], squared_distances(rows, real), jnp.inf)
        return (distances <= real_radii).any(1), (distances <= radii[:, None]).any(0)

    precise, recalled = over_chunks(within, fake, fake_radii)
    return precise.sum() / len(fake), recalled.any(0).mean()


@partial(jax.jit, static_argnames="neighbours")
def counts_within(real: Array, fake: Array, neighbours: int) -> tuple[Array, Array]:
    """Returns density and coverage."""

    # Rows are the balls' centres, as where their radii were taken: a fake sample that is a real one then has distances
    # with the same rounding, and does not cross an edge by it.
    def within(rows: Array, valid: Array, radii: Array) -> tuple[Array, Array]:
        inside = valid[:, None] & (squared_distances(rows, fake) < radii[:, None])
        return inside.mean(1), inside.any(1)

    shares, covered = over_chunks(within, real, squared_radii(real, neighbours))
    return shares.sum() / neighbours, covered.sum() / len(real)


def measured(measure, real: Features, fake: Features, neighbours: int) -> tuple[Array, Array]:
    """Returns what a measure says of two sets, after the checks that both measures need."""
    if neighbours < 1:
        raise ValueError(f"the {neighbours}-th neighbour: give at least 1")
    require_features(real, fake, least=neighbours + 1)
    real, fake = centred(real, fake)
    first, second = measure(real, fake, neighbours)
    return nan_unless_finite(first, real, fake), nan_unless_finite(second, real, fake)


def precision_recall(real: Features, fake: Features, neighbours: int = 3) -> tuple[Array, Array]:
    """Returns the shares of fake samples that look real, and of real samples that could be generated.

    A sample belongs to a set where it lies in the ball of at least one of the set's samples, its edge included.

    Args:
      real: float[n, d], finite.
      fake: float[m, d], finite.
      neighbours: which other sample of its set a ball reaches to.
    Returns:
      (precision float[], recall float[]), each in [0, 1]; NaN for features that turn out not to be finite in a compiled
      program.
    Raises:
      ValueError: if the shapes do not fit, a set has no more samples than neighbours, or features are not finite.
    Reference: Kynkäänniemi et al. 2019, equations 1 and 2.
    """
    return measured(shares_within, real, fake, neighbours)


def density_coverage(real: Features, fake: Features, neighbours: int = 5) -> tuple[Array, Array]:
    """Returns in how many real samples' balls a fake sample lies, over k, and the share of balls with a fake sample.

    Only real samples have balls, so that outliers among the generated ones count for nothing. Their edge is left out,
    as in the authors' program: a set against itself has density 1.

    Args:
      real: float[n, d], finite.
      fake: float[m, d], finite.
      neighbours: k, which other real sample a ball reaches to.
    Returns:
      (density float[], at least 0 and about 1 where the distributions agree; coverage float[] in [0, 1]); NaN for
      features that turn out not to be finite in a compiled program.
    Raises:
      ValueError: if the shapes do not fit, a set has no more samples than neighbours, or features are not finite.
    Reference: Naeem et al. 2020.
    """
    return measured(counts_within, real, fake, neighbours)


@jax.jit
def nearest(samples: Array, others: Array) -> tuple[Array, Array]:
    """Returns each sample's squared distance to the nearest of the others, float[n], and which that is, int32[n].

    Args:
      samples: float[n, d].
      others: float[m, d].
    """
    mean = others.mean(0)
    samples, others = promoted(samples - mean), promoted(others - mean)

    def look(rows: Array, _: Array) -> tuple[Array, Array]:
        distances = squared_distances(rows, others)
        return distances.min(1), distances.argmin(1).astype(jnp.int32)

    return tuple(x.reshape(-1)[: len(samples)] for x in over_chunks(look, samples))


def nearer_share(samples: Features, training: Features, held_out: Features) -> Array:
    """Returns the share of samples that lie nearer to a training sample than to any held-out one.

    All of them do where they are copies. Where they are no nearer to what was trained on than to what was not, it is
    the share of the training samples in both sets together: the nearest of all is any of them.

    Args:
      samples: float[n, d], finite, generated.
      training: float[m, d], finite.
      held_out: float[k, d], finite, of the same distribution.
    Returns:
      float[] in [0, 1]; equal distances count half.
    Raises:
      ValueError: if the shapes do not fit, a set is empty, or features are not finite.
    Reference: Lopez-Paz and Oquab 2017, section 3.1, for a nearest neighbour as a test of two samples; Meehan,
    Chaudhuri, Dasgupta 2020, for copies.
    """
    require_features(training, samples, least=1)
    require_features(held_out, samples, least=1)
    trained, unseen = (nearest(jnp.asarray(samples), jnp.asarray(set_))[0] for set_ in (training, held_out))
    return ((trained < unseen) + 0.5 * (trained == unseen)).mean()
