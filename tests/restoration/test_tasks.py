import numpy as np
import pytest

from jaxgen.commands.main import parse_command
from jaxgen.errors import UsageError
from jaxgen.io.photographs import Photograph
from jaxgen.restoration import tasks
from jaxgen.restoration.inference import Settings
from tests.restoration.conftest import traits

PIXELS = np.random.default_rng(0).random((20, 30, 3), np.float32)
nothing = lambda done, total: None


def test_the_level_is_estimated_or_given(told):
    result = tasks.denoise(Photograph(PIXELS), Settings(), nothing)
    assert told == {"level": pytest.approx(0.1), "names": ["denoise_color"]}
    assert result.told == "noise σ 25.5 estimated"
    result = tasks.denoise(Photograph(PIXELS[..., :1]), Settings(sigma=51), nothing)
    assert told == {"level": pytest.approx(0.2), "names": ["denoise_color", "denoise_gray"]}
    assert result.told == "noise σ 51.0 as given"
    np.testing.assert_allclose(result.pixels, np.clip(PIXELS[..., :1] - 0.2, 0, 1), atol=1e-6)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_strength_is_the_share_of_the_change(told, strength):
    found = tasks.denoise(Photograph(PIXELS), Settings(sigma=51, strength=strength), nothing).pixels
    np.testing.assert_allclose(found, np.clip(PIXELS - 0.2 * strength, 0, 1), atol=1e-6)


@pytest.mark.parametrize("task", ["dehaze", "deblur", "dejpeg", "superres"])
def test_other_tasks_are_done_by_the_network_of_their_name(told, task):
    settings = Settings()
    result = tasks.choose(task, settings)(Photograph(PIXELS), settings, nothing)
    np.testing.assert_allclose(result.pixels, PIXELS / 2, rtol=1e-6)
    assert told["names"] == [task]


@pytest.mark.parametrize(("light", "found"), [(0.1, ""), (0.2, "haze")])
def test_a_photograph_that_is_hardly_changed_had_no_haze(told, light, found):
    """The network of the fixture takes half of the light away."""
    pixels = PIXELS * light
    result = tasks.dehaze(Photograph(pixels), Settings(strength=0.5), nothing)
    assert result.told == ("" if found else "no haze found")
    np.testing.assert_allclose(result.pixels, pixels * (0.75 if found else 1), rtol=1e-6)


@pytest.mark.parametrize("task", tasks.TASKS)
def test_the_command_takes_every_task(task):
    command, _ = parse_command(["restore", "a.png", "--task", task])
    assert command.task == task


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        ("denois", Settings(), "unknown task 'denois': did you mean denoise"),
        ("denoise", Settings(sigma=-1), "sigma -1: give grey levels from 0 to 255"),
        ("denoise", Settings(sigma=256), "sigma 256: give grey levels from 0 to 255"),
        ("denoise", Settings(strength=1.5), "strength 1.5: give 0 "),
        ("denoise", Settings(tile=32), "tile 32: give 64 to 1024 pixels"),
        ("denoise", Settings(tile=2048), "tile 2048: give 64 to 1024 pixels"),
        ("inpaint", Settings(), "inpaint fills what a mask shows: give --mask"),
        ("inpaint", Settings(sigma=3), "sigma 3: inpaint is told no level of noise; leave it out"),
    ],
)
def test_what_cannot_be_is_told(task, settings, message):
    with pytest.raises(UsageError, match=message):
        tasks.choose(task, settings)


def test_a_mask_is_for_a_task_that_works_on_places():
    with pytest.raises(UsageError, match="mask: dehaze works on the whole photograph; leave it out, or take derust"):
        tasks.choose("dehaze", Settings(), masked=True)
    assert tasks.choose("inpaint", Settings(), masked=True)
    mask = np.ones((2, 2, 1), np.float32)
    assert tasks.choose("inpaint", Settings(mask=mask))
    with pytest.raises(UsageError, match="mask: dehaze works on the whole photograph"):
        tasks.choose("dehaze", Settings(mask=mask))


def test_images_are_cleaned_one_by_one(told):
    images = np.stack([PIXELS, PIXELS[::-1]])
    np.testing.assert_allclose(tasks.make_clean("denoise")(images), np.clip(images - 0.1, 0, 1), atol=1e-6)


def test_a_network_of_ones_own_is_a_task():
    network = tasks.Restorer(lambda inputs: inputs / 2, traits(3))
    result = tasks.by_network(network, Settings())(Photograph(PIXELS), Settings(), nothing)
    np.testing.assert_allclose(result.pixels, PIXELS / 2, rtol=1e-6)
    with pytest.raises(UsageError, match="strength 2: give 0"):
        tasks.by_network(network, Settings(strength=2))
