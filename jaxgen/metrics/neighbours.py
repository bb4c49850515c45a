"""Fidelity and diversity of generated images as separate metrics, from balls that reach to the k-th nearest neighbour.

Squared distances are |a|² + |b|² − 2ab after the common mean of the features is subtracted, at full matmul precision,
so that a large mean costs no digits. In float32 their error is about 1e-6 of the features' variance. Distances are
computed for CHUNK samples against a whole set at a time: about 2 · 4 bytes · 1024 · n, 80 MiB for n = 10,000.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgen.losses.per_example import promoted
from jaxgen.metrics.features import Features, nan_unless_finite, require_features

CHUNK = 1024


def center(real: Features, fake: Features) -> tuple[Array, Array]:
    """Subtracts the mean of the real features from both sets, before float64 is cast to float32."""
    mean = real.mean(0)
    return promoted(real - mean), promoted(fake - mean)


def squared_distances(rows: Array, samples: Array) -> Array:
    """Computes the squared distance of each row to each sample, float[rows, samples], at least 0."""
    products = jnp.matmul(rows, samples.T, precision="highest")
    return jnp.maximum((rows * rows).sum(1)[:, None] + (samples * samples).sum(1) - 2 * products, 0)


def over_chunks(function, samples: Array, *more: Array):
    """Applies a function to each chunk of samples and stacks the results: [chunks, ...].

    Args:
      function: (rows float[CHUNK, d], valid bool[CHUNK], a chunk of each of `more`) -> arrays.
      samples: float[n, d]; the last chunk is padded with rows that are not valid.
      more: arrays [n] that are split as well.
    """
    count = -(-len(samples) // CHUNK)
    split = lambda x: jnp.pad(x, [(0, count * CHUNK - len(x)), *[(0, 0)] * (x.ndim - 1)]).reshape(
        count, CHUNK, *x.shape[1:]
    )
    return lax.map(
        lambda parts: function(*parts), (split(samples), split(jnp.ones(len(samples), bool)), *map(split, more))
    )


def smallest(distances: Array, rank: int) -> Array:
    """Returns the rank-th smallest value of each row, ties counted one by one: float[rows, n] -> float[rows].

    It searches for the next larger value `rank` times instead of sorting: XLA's top_k takes 30 times longer on a CPU
    (jax 0.10; equally long in 0.12), most of the time of both metrics.
    """

    def larger(_, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        value, count = carry
        following = jnp.where(distances > value[:, None], distances, jnp.inf).min(1)
        value = jnp.where(count < rank, following, value)
        return value, (distances <= value[:, None]).sum(1)

    least = distances.min(1)
    return lax.fori_loop(1, rank, larger, (least, (distances <= least[:, None]).sum(1)))[0]


def squared_radii(samples: Array, neighbours: int) -> Array:
    """Computes each sample's squared distance to its k-th nearest other sample, float[n]."""
    indices = jnp.arange(len(samples))

    def kth_distance(rows: Array, _: Array, row_indices: Array) -> Array:
        distances = jnp.where(row_indices[:, None] == indices, jnp.inf, squared_distances(rows, samples))
        return smallest(distances, neighbours)

    return over_chunks(kth_distance, samples, indices).reshape(-1)[: len(samples)]


# Compiled, because each call of an uncompiled loop over chunks compiles it again.
@partial(jax.jit, static_argnames="neighbours")
def compute_precision_recall(real: Array, fake: Array, neighbours: int) -> tuple[Array, Array]:
    """Computes the fraction of fake samples in a ball of a real sample, and of real samples in one of a fake sample."""
    real_radii, fake_radii = squared_radii(real, neighbours), squared_radii(fake, neighbours)

    def within(rows: Array, valid: Array, radii: Array) -> tuple[Array, Array]:
        distances = jnp.where(valid[:, None], squared_distances(rows, real), jnp.inf)
        return (distances <= real_radii).any(1), (distances <= radii[:, None]).any(0)

    fake_inside, real_inside = over_chunks(within, fake, fake_radii)
    return fake_inside.sum() / len(fake), real_inside.any(0).mean()


@partial(jax.jit, static_argnames="neighbours")
def compute_density_coverage(real: Array, fake: Array, neighbours: int) -> tuple[Array, Array]:
    """Computes density and coverage."""

    # Rows are the centers of the balls, as for their radii: the distances of a fake sample that equals a real one then
    # have the same rounding, and do not cross the edge of a ball.
    def within(rows: Array, valid: Array, radii: Array) -> tuple[Array, Array]:
        inside = valid[:, None] & (squared_distances(rows, fake) < radii[:, None])
        return inside.mean(1), inside.any(1)

    fractions, covered = over_chunks(within, real, squared_radii(real, neighbours))
    return fractions.sum() / neighbours, covered.sum() / len(real)


def compare(
    metrics: Callable[[Array, Array, int], tuple[Array, Array]], real: Features, fake: Features, neighbours: int
) -> tuple[Array, Array]:
    """Checks and centers two sets of features, and computes a pair of metrics."""
    if neighbours < 1:
        raise ValueError(f"the {neighbours}-th neighbour: give at least 1")
    require_features(real, fake, least=neighbours + 1)
    centered_real, centered_fake = center(real, fake)
    first, second = metrics(centered_real, centered_fake, neighbours)
    return (
        nan_unless_finite(first, centered_real, centered_fake),
        nan_unless_finite(second, centered_real, centered_fake),
    )


def precision_recall(real: Features, fake: Features, neighbours: int = 3) -> tuple[Array, Array]:
    """Computes improved precision (fidelity) and recall (diversity).

    Precision is the fraction of fake samples in the ball of any real sample, recall that of real samples in the ball of
    any fake sample. The edge belongs to a ball.

    Args:
      real: float[n, d], finite.
      fake: float[m, d], finite.
      neighbours: k; a ball reaches to the k-th nearest other sample of its set.
    Returns:
      (precision float[], recall float[]), each in [0, 1]; NaN for traced features that are not finite.
    Raises:
      ValueError: if the shapes do not fit, a set has no more samples than neighbours, or features are not finite.
    Reference: Kynkäänniemi et al. 2019, equations 1 and 2.
    """
    return compare(compute_precision_recall, real, fake, neighbours)


def density_coverage(real: Features, fake: Features, neighbours: int = 5) -> tuple[Array, Array]:
    """Computes density (fidelity) and coverage (diversity).

    Density is the mean number of real samples' balls that contain a fake sample, divided by k. Coverage is the fraction
    of real samples' balls that contain a fake sample. Only real samples have balls, so outliers among the fake samples
    have no effect. The edge does not belong to a ball, as in the authors' program: a set has density 1 against itself.

    Args:
      real: float[n, d], finite.
      fake: float[m, d], finite.
      neighbours: k; a ball reaches to the k-th nearest other real sample.
    Returns:
      (density float[], at least 0 and about 1 for equal distributions; coverage float[] in [0, 1]); NaN for traced
      features that are not finite.
    Raises:
      ValueError: if the shapes do not fit, a set has no more samples than neighbours, or features are not finite.
    Reference: Naeem et al. 2020.
    """
    return compare(compute_density_coverage, real, fake, neighbours)


@jax.jit
def nearest(samples: Array, others: Array) -> tuple[Array, Array]:
    """Computes the squared distance of each sample to the nearest of the others, float[n], and its index, int32[n].

    Args:
      samples: float[n, d].
      others: float[m, d].
    """
    mean = others.mean(0)
    samples, others = promoted(samples - mean), promoted(others - mean)

    def nearest_in_chunk(rows: Array, _: Array) -> tuple[Array, Array]:
        distances = squared_distances(rows, others)
        return distances.min(1), distances.argmin(1).astype(jnp.int32)

    return tuple(x.reshape(-1)[: len(samples)] for x in over_chunks(nearest_in_chunk, samples))


def nearer_fraction(samples: Features, training: Features, held_out: Features) -> Array:
    """Computes the fraction of samples that are nearer to a training sample than to any held-out sample.

    It is 1 for copies of training samples. For samples of the same distribution it is the number of training samples
    over that of both sets.

    Args:
      samples: float[n, d], finite, generated.
      training: float[m, d], finite.
      held_out: float[k, d], finite, of the distribution of the training samples.
    Returns:
      float[] in [0, 1]; equal distances count half.
    Raises:
      ValueError: if the shapes do not fit, a set is empty, or features are not finite.
    Reference: Lopez-Paz and Oquab 2017, section 3.1, for the two-sample test by nearest neighbours; Meehan, Chaudhuri,
    Dasgupta 2020, for copies.
    """
    require_features(training, samples, least=1)
    require_features(held_out, samples, least=1)
    to_training, to_held_out = (nearest(jnp.asarray(samples), jnp.asarray(x))[0] for x in (training, held_out))
    return ((to_training < to_held_out) + 0.5 * (to_training == to_held_out)).mean()
