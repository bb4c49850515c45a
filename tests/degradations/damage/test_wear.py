import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.degradations.damage.wear import scratches, tears

KEY = jax.random.key(0)
COUNT = 8
GREY = np.full((COUNT, 64, 72, 1), 0.5, np.float32)
full = lambda value: np.full(COUNT, value, np.float32)


@pytest.fixture(scope="module")
def torn():
    """Returns one torn grey picture as a function of the width and the strength."""
    tear = jax.jit(lambda keys, width, strength: tears(keys, GREY, (1, 1), (width, width), strength))
    return lambda *arguments: jax.device_get(tear(*arguments))


@pytest.fixture(scope="module")
def same():
    """Returns one key for all images."""
    return jnp.broadcast_to(KEY, (COUNT,))


def test_a_tear_is_bright_paper_with_a_shadow(torn):
    damaged, mask = torn(jax.random.split(KEY, COUNT), full(16), full(1))
    bare = damaged[mask == 1]
    assert bare.min() > 0.65 and bare.mean() > 0.75
    shadow = damaged[(mask > 0.2) & (mask < 0.46) & (damaged < 0.5)]
    assert len(shadow) > 50
    # The shadow is all beside the paper, and the paper all in a narrow band.
    assert 0.005 < (mask == 1).mean() < 0.2


def test_a_tear_starts_at_the_border(torn):
    _, mask = torn(jax.random.split(KEY, COUNT), full(16), full(1))
    mask = mask[..., 0]
    border = np.concatenate([mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1]], 1)
    assert (border.max(1) > 0.9).mean() >= 0.75


def test_wider_tears_bare_more_paper(torn, same):
    width = np.linspace(2, 30, COUNT, dtype=np.float32)
    _, mask = torn(same, width, full(1))
    bare = (mask == 1).sum((1, 2, 3))
    assert (np.diff(bare) >= 0).all() and bare[-1] > 4 * max(bare[1], 1)


def test_strength_is_opacity(torn, same):
    strength = np.linspace(0, 1, COUNT, dtype=np.float32)
    _, mask = torn(same, full(10), strength)
    np.testing.assert_allclose(mask, strength[:, None, None, None] * mask[-1], atol=1e-6)


def test_no_tear_no_scratch_and_no_dust_change_nothing():
    nothing = lambda k: (tears(k, GREY, (0, 0)), scratches(k, GREY, (0, 0), dust=0.0))
    for damaged, mask in jax.jit(nothing)(KEY):
        np.testing.assert_array_equal(damaged, GREY)
        assert not mask.any()


def test_scratches_are_thin_and_long_and_bright_or_dark():
    draw = jax.jit(lambda k: scratches(k, GREY, (1, 1), (4.0, 4.0), dust=0.0, strength=1.0))
    damaged, mask = (np.asarray(x) for x in draw(KEY))
    touched = mask[..., 0] > 0
    # Four pixels of 256 are one of 64.
    extents = [np.ptp(np.argwhere(one), axis=0).max() if one.any() else 0 for one in touched]
    assert max(extents) > 20
    assert (touched.sum((1, 2)) <= 4 * (np.array(extents) + 2)).all()
    assert (abs(damaged - 0.5)[touched] > 0).all() and damaged.max() > 0.6


def test_dust_covers_the_share_asked_for():
    draw = jax.jit(lambda dust: scratches(KEY, GREY, (0, 0), dust=dust)[1])
    share = (np.asarray(draw(np.linspace(0, 0.07, COUNT, dtype=np.float32))) > 0).mean((1, 2, 3))
    np.testing.assert_allclose(share, np.linspace(0, 0.07, COUNT), atol=0.02)


def test_widths_that_belong_to_no_image_are_refused():
    with pytest.raises(ValueError, match="width of shape"):
        tears(KEY, GREY, width=(1.0, np.ones(3)))
