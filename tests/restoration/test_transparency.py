from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from skimage import data

import jaxgen
from jaxgen.io import photographs
from jaxgen.io.photographs import Photograph
from jaxgen.restoration import inference, tasks
from jaxgen.restoration.analysis.noise import WINDOW, estimate_noise, visible_windows
from jaxgen.restoration.inference import Settings
from jaxgen.restoration.restorer import Restorer, no_progress
from jaxgen.restoration.transparency import extended, with_extended_colors
from tests.restoration.conftest import make_spec

CASES = Path(__file__).parents[3] / "shared" / "cases" / "photographs"
GENERATOR = np.random.default_rng(0)
SIDE = 48
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
DISTANCE = np.hypot(ROWS - 23.5, COLUMNS - 23.5)
ALPHA = np.clip(18 - DISTANCE, 0, 1).astype(np.float32)[..., None]
COLORS = data.astronaut()[:SIDE, 200 : 200 + SIDE].astype(np.float32) / 255


def over(color):
    """A disc, with some color where it is transparent."""
    return Photograph(np.where(ALPHA > 0, COLORS, np.float32(color)), ALPHA)


HIDDEN = {"black": 0, "white": 1, "noise": GENERATOR.random((SIDE, SIDE, 3), np.float32)}


@pytest.mark.parametrize("shape", [(SIDE, SIDE), (37, 61), (1, 9)])
def test_visible_pixels_stay_and_hidden_ones_are_between_them(shape):
    pixels = GENERATOR.random((*shape, 3), np.float32)
    visible = (GENERATOR.random((*shape, 1)) < 0.1).astype(np.float32)
    visible[0, 0] = 1
    result = extended(pixels, visible)
    np.testing.assert_array_equal(result[visible[..., 0] > 0], pixels[visible[..., 0] > 0])
    seen = pixels[visible[..., 0] > 0]
    assert (result >= seen.min(0) - 1e-6).all()
    assert (result <= seen.max(0) + 1e-6).all()
    assert result.dtype == np.float32


def test_colors_extend_to_their_neighbors_and_far_away():
    pixels, visible = np.zeros((200, 300, 1), np.float32), np.zeros((200, 300, 1), np.float32)
    pixels[:, :10], visible[:, :10] = 0.2, 1
    pixels[:, -10:], visible[:, -10:] = 0.8, 1
    result = extended(pixels, visible)[100, :, 0]
    np.testing.assert_allclose(result[10:20], 0.2, atol=0.06)
    np.testing.assert_allclose(result[-20:-10], 0.8, atol=0.06)
    np.testing.assert_allclose(extended(pixels, (pixels == 0.2).astype(np.float32)), 0.2, atol=1e-6)


def test_a_photograph_without_hidden_or_without_visible_pixels_is_itself():
    for alpha in (None, np.full((SIDE, SIDE, 1), 0.5, np.float32), np.zeros((SIDE, SIDE, 1), np.float32)):
        photograph = Photograph(COLORS, alpha)
        assert with_extended_colors(photograph) is photograph


def spreading(inputs, channels=3):
    """A network whose output depends on the pixels around each one."""
    return ndimage.uniform_filter(inputs[..., :channels], (1, 5, 5, 1))


@pytest.mark.parametrize("task", tasks.TASKS)
def test_no_task_depends_on_hidden_colors(calls, networks, task):
    conditions = {"denoise_gray": 1, "denoise_color": 1, "inpaint_all": 1, "inpaint_lines": 1, "inpaint_tight": 1}
    for name in ("dehaze", "deblur", "dejpeg", "superres", *conditions):
        gray = name == "denoise_gray"
        conditioning = "noise_level" if name.startswith("denoise") else "mask" if name in conditions else "none"
        networks[name] = (partial(spreading, channels=1 if gray else 3), 1 if gray else 3, conditioning)
    settings = Settings(mask=(DISTANCE < 5).astype(np.float32)[..., None]) if task == "inpaint" else Settings()
    restore = tasks.choose(task, settings)
    results = [restore(over(color), settings, no_progress) for color in HIDDEN.values()]
    for result in results[1:]:
        np.testing.assert_array_equal(result.pixels, results[0].pixels)
        assert result.message == results[0].message


def test_no_network_of_a_user_depends_on_hidden_colors():
    network = Restorer(spreading, make_spec(3, receptive_field_radius=2))
    restore = tasks.by_network(network, Settings())
    results = [restore(over(color), Settings(), no_progress).pixels for color in HIDDEN.values()]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_damage_and_noise_are_sought_where_something_is_visible(calls):
    arrays = [np.concatenate([over(color).pixels, ALPHA], -1) for color in HIDDEN.values()]
    found = [jaxgen.detect_damage(array) for array in arrays]
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def disc(radius, size, sigma):
    rows, columns = np.mgrid[:size, :size]
    alpha = (np.hypot(rows - size / 2, columns - size / 2) < radius).astype(np.float32)[..., None]
    return 0.5 + sigma * GENERATOR.standard_normal((size, size, 3), np.float32), alpha


@pytest.mark.parametrize(("radius", "size"), [(40, 96), (30, 200), (150, 400)])
def test_the_noise_of_visible_pixels_is_estimated(radius, size):
    spread = lambda images: images.std((1, 2, 3))
    pixels, alpha = disc(radius, size, 0.1)
    estimates = []
    for hidden in (0, 1, GENERATOR.random(pixels.shape)):
        image = np.where(alpha > 0, pixels, np.float32(hidden))
        estimates.append(estimate_noise(spread, image, alpha))
        shown = visible_windows(image, alpha)
        assert shown.shape[1:] == (WINDOW, WINDOW, 3)
        assert np.isin(shown, pixels[alpha[..., 0] > 0]).all()
    assert estimates == [estimates[0]] * 3
    assert estimates[0] == pytest.approx(0.1, rel=0.1)
    assert estimate_noise(spread, pixels, 0 * alpha) == 0


def test_the_shipped_estimator_is_right_about_a_disc():
    clean = np.full((160, 160, 3), 0.5, np.float32)
    noisy = np.clip(clean + GENERATOR.normal(0, 25 / 255, clean.shape), 0, 1).astype(np.float32)
    _, alpha = disc(50, 160, 0)
    estimates = [
        inference.noise_sigma(Photograph(np.where(alpha > 0, noisy, np.float32(hidden)), alpha)) for hidden in (0, 1)
    ]
    assert estimates[0] == estimates[1] == pytest.approx(25, abs=3)


@pytest.mark.skipif(not CASES.exists(), reason="no cases in ../shared")
def test_the_case_has_no_rim():
    black, white = (photographs.read(CASES / "alpha" / f"disc_{name}.png") for name in ("black", "white"))
    results = [
        tasks.restore_photograph(one._replace(pixels=one.pixels[20:60, 8:48], alpha=one.alpha[20:60, 8:48]), "superres")
        for one in (black, white)
    ]
    np.testing.assert_array_equal(results[0].pixels, results[1].pixels)
