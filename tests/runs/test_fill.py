from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import data
from jaxgen.config import GanConfig
from jaxgen.errors import UsageError
from jaxgen.io import images
from jaxgen.runs import fill, reopen
from tests.bare_objective import bare, drawing

SHAPE = (6, 8, 1)
RAMP = np.linspace(0, 1, 48, dtype=np.float32).reshape(SHAPE)


def dimmed(variables, latents, labels):
    """Draws a ramp as bright as the latent says; of class 1 the other way round."""
    drawn = variables["ramp"] * latents[:, :, None, None]
    if labels is not None:
        drawn = jnp.where(labels[:, None, None, None] == 1, 1 - drawn, drawn)
    return jnp.clip(drawn, 0, 1)


@pytest.fixture
def pretend(monkeypatch):
    """Lets any folder be a run that draws ramps, or nothing."""

    def be(generate=dimmed, config=None):
        config = config or GanConfig()
        objective = drawing(generate=generate) if generate else bare()
        opened = reopen.Opened(Path(), config, objective, {"ramp": RAMP}, 9)
        monkeypatch.setattr(reopen, "build", lambda run, options, say: reopen.Built(run, config, objective, SHAPE))
        monkeypatch.setattr(reopen, "load_weights", lambda built, options, say: opened)

    return be


@pytest.fixture
def files(tmp_path):
    """A ramp at half brightness with a white hole, and the mask of that."""
    hole = np.zeros(SHAPE, np.float32)
    hole[2:4, 3:6] = 1
    images.write(tmp_path / "a.png", np.maximum(RAMP / 2, hole))
    images.write(tmp_path / "mask.png", hole)
    return tmp_path, hole


def test_the_hole_is_filled_in_a_new_file_and_nothing_else_changes(pretend, files):
    pretend()
    folder, hole = files
    before = (folder / "a.png").read_bytes()
    output = fill.fill_file(folder, folder / "a.png", folder / "mask.png")
    assert output.startswith(f"{folder / 'a-filled.png'}  PSNR of the known pixels ")
    made, original = images.read(folder / "a-filled.png"), images.read(folder / "a.png")
    np.testing.assert_array_equal(made[hole == 0], original[hole == 0])
    np.testing.assert_allclose(made[hole == 1], RAMP[hole == 1] / 2, atol=0.01)
    assert (folder / "a.png").read_bytes() == before


def test_of_a_conditional_run_the_class_is_found_too(pretend, files):
    pretend(config=GanConfig(conditional=True, data=data.Config(classes=20)))
    folder, hole = files
    images.write(folder / "b.png", np.maximum(1 - RAMP / 2, hole))
    output = fill.fill_file(folder, folder / "b.png", folder / "mask.png", out=folder / "new" / "c.png")
    assert output.startswith(f"{folder / 'new' / 'c.png'}  class 1, PSNR of the known pixels")
    np.testing.assert_allclose(images.read(folder / "new" / "c.png"), 1 - RAMP / 2, atol=0.01)


def test_a_run_that_generates_nothing_is_reported(pretend, files):
    pretend(generate=None)
    with pytest.raises(UsageError, match="this run generates no images; a hole is filled by a run of a GAN or"):
        fill.fill_file(files[0] / "run", files[0] / "a.png", files[0] / "mask.png")


@pytest.mark.parametrize(
    ("picture", "mask", "message"),
    [
        (np.zeros((6, 7, 1)), None, r"given\.png has 7×6 pixels in gray and the run's images have 8×6"),
        (np.full((6, 8, 3), 0.5), None, r"given\.png has 8×6 pixels in color and the run's images have 8×6"),
        (None, np.zeros(SHAPE), "has no white pixel"),
        (None, np.ones(SHAPE), "is white everywhere"),
        (None, np.eye(6)[..., None], r"given\.png is 6×6 pixels and the photograph 8×6"),
    ],
)
def test_images_that_do_not_fit_are_named(pretend, files, picture, mask, message):
    pretend()
    folder, _ = files
    images.write(folder / "given.png", np.float32(mask if picture is None else picture))
    chosen = {"source": folder / "a.png", "mask": folder / "mask.png"}
    chosen |= {"mask" if picture is None else "source": folder / "given.png"}
    with pytest.raises(UsageError, match=message) as caught:
        fill.fill_file(folder, **chosen)
    assert "\n" not in str(caught.value)
    assert not (folder / "a-filled.png").exists()


@pytest.mark.parametrize("name", ["a.png", "mask.png"])
def test_what_was_given_is_never_replaced(pretend, files, name):
    pretend()
    folder, _ = files
    with pytest.raises(UsageError, match=rf"{name} would be replaced by the result: name another file with --out"):
        fill.fill_file(folder, folder / "a.png", folder / "mask.png", out=folder / "new" / ".." / name)


def test_an_earlier_result_is_not_replaced_without_overwrite(pretend, files):
    pretend()
    folder, _ = files
    fill.fill_file(folder, folder / "a.png", folder / "mask.png")
    with pytest.raises(UsageError, match=r"a-filled\.png is there already: .* replace it with --overwrite"):
        fill.fill_file(folder, folder / "a.png", folder / "mask.png")
    fill.fill_file(folder, folder / "a.png", folder / "mask.png", overwrite=True)
