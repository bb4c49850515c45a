import numpy as np
import pytest

from jaxgen.commands.main import parse_command
from jaxgen.errors import UsageError
from jaxgen.io.photographs import Photograph
from jaxgen.restoration import tasks
from jaxgen.restoration.inference import Settings
from jaxgen.restoration.restorer import Restorer, no_progress
from tests.restoration.conftest import make_spec

PIXELS = np.random.default_rng(0).random((20, 30, 3), np.float32)


def test_the_level_is_estimated_or_given(calls):
    result = tasks.denoise(Photograph(PIXELS), Settings(), no_progress)
    assert calls == {"level": pytest.approx(0.1), "names": ["denoise_color"]}
    assert result.message == "noise σ 25.5 gray levels estimated"
    result = tasks.denoise(Photograph(PIXELS[..., :1]), Settings(sigma=51), no_progress)
    assert calls == {"level": pytest.approx(0.2), "names": ["denoise_color", "denoise_gray"]}
    assert result.message == "noise σ 51.0 gray levels as set"
    np.testing.assert_allclose(result.pixels, np.clip(PIXELS[..., :1] - 0.2, 0, 1), atol=1e-6)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_strength_scales_the_change(calls, strength):
    found = tasks.denoise(Photograph(PIXELS), Settings(sigma=51, strength=strength), no_progress).pixels
    np.testing.assert_allclose(found, np.clip(PIXELS - 0.2 * strength, 0, 1), atol=1e-6)


@pytest.mark.parametrize("task", ["dehaze", "deblur", "dejpeg", "superres"])
def test_other_tasks_use_the_network_of_their_name(calls, task):
    settings = Settings(force=task != "superres")
    result = tasks.choose(task, settings)(Photograph(PIXELS), settings, no_progress)
    np.testing.assert_allclose(result.pixels, PIXELS / 2, rtol=1e-6)
    assert set(calls["names"]) == {task}


@pytest.mark.parametrize(("light", "found"), [(0.2, ""), (0.6, "haze detected with confidence 1.00")])
def test_haze_is_removed_where_the_classifier_is_sure_of_it(calls, light, found):
    """The network of the fixture takes half of the light away."""
    pixels = PIXELS * light
    result = tasks.dehaze(Photograph(pixels), Settings(strength=0.5), no_progress)
    assert result.message == (found or "no haze detected (confidence 0.00), unchanged")
    assert result.is_found == bool(found)
    np.testing.assert_allclose(result.pixels, pixels * (0.75 if found else 1), rtol=1e-6)


@pytest.mark.parametrize("task", tasks.TASKS)
def test_the_command_takes_every_task(task):
    command, _ = parse_command(["restore", "a.png", "--task", task])
    assert command.task == task


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        ("denois", Settings(), "unknown task 'denois': did you mean denoise"),
        ("denoise", Settings(sigma=-1), "sigma -1: give gray levels from 0 to 255"),
        ("denoise", Settings(sigma=256), "sigma 256: give gray levels from 0 to 255"),
        ("denoise", Settings(strength=1.5), "strength 1.5: give 0 "),
        ("denoise", Settings(tile_size=32), "tile_size 32: give 64 to 1024 pixels"),
        ("denoise", Settings(tile_size=2048), "tile_size 2048: give 64 to 1024 pixels"),
        ("inpaint", Settings(), "task inpaint needs a mask: give --mask"),
        ("inpaint", Settings(sigma=3), "sigma 3: task inpaint takes no noise level; leave it out"),
    ],
)
def test_invalid_choices_are_refused(task, settings, message):
    with pytest.raises(UsageError, match=message):
        tasks.choose(task, settings)


def test_a_mask_needs_a_task_that_takes_one():
    with pytest.raises(UsageError, match="task dehaze restores the whole photograph; leave it out, or choose derust"):
        tasks.choose("dehaze", Settings(), has_mask=True)
    assert tasks.choose("inpaint", Settings(), has_mask=True)
    mask = np.ones((2, 2, 1), np.float32)
    assert tasks.choose("inpaint", Settings(mask=mask))
    with pytest.raises(UsageError, match="mask: task dehaze restores the whole photograph"):
        tasks.choose("dehaze", Settings(mask=mask))


def test_a_batch_is_restored_image_by_image(calls):
    images = np.stack([PIXELS, PIXELS[::-1]])
    np.testing.assert_allclose(tasks.batch_restorer("denoise")(images), np.clip(images - 0.1, 0, 1), atol=1e-6)


def test_a_users_network_is_applied():
    network = Restorer(lambda inputs: inputs / 2, make_spec(3))
    result = tasks.by_network(network, Settings())(Photograph(PIXELS), Settings(), no_progress)
    np.testing.assert_allclose(result.pixels, PIXELS / 2, rtol=1e-6)
    with pytest.raises(UsageError, match="strength 2: give 0"):
        tasks.by_network(network, Settings(strength=2))
