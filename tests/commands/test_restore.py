"""`jaxgen restore` on several photographs."""

import numpy as np
import pytest

from jaxgen.commands import main
from jaxgen.io import images


@pytest.fixture
def command(capsys):
    """Returns a function that runs the jaxgen command and returns its exit status, standard output and error."""

    def run(*words):
        with pytest.raises(SystemExit) as stop:
            main.main([str(word) for word in words])
        return stop.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def photographs_to_restore(tmp_path, monkeypatch):
    """A folder with two photographs and a file that is none; the task inverts."""
    from jaxgen.restoration import tasks

    invert = lambda photograph, settings, progress: tasks.Result(
        1 - photograph.pixels, f"strength {settings.strength:g}"
    )
    monkeypatch.setitem(tasks.TASKS, "denoise", tasks.TASKS["denoise"]._replace(restore=invert))
    for name in ("a.png", "b.png"):
        images.write(tmp_path / name, np.full((5, 4, 3), 0.25, np.float32))
    (tmp_path / "bad.png").write_text("no picture")
    return tmp_path


def test_restore_goes_on_after_a_bad_file_and_names_it(photographs_to_restore, command):
    folder = photographs_to_restore
    status, out, err = command("restore", folder, "--task", "denoise", "--strength", 0.5, "--compare")
    assert status == 1
    assert err == "jaxgen: 1 of 3 failed, the others are done: bad.png\n"
    lines = out.splitlines()
    assert lines[0] == "3 photographs"
    assert lines[1].startswith(f"[1/3] {folder / 'a-denoise.png'}  strength 0.5, 4×5 pixels in ")
    assert lines[3].startswith("[3/3] FAILED cannot read the image")
    _, again, _ = command("restore", folder, "--task", "denoise", "--strength", 0.5, "--compare")
    assert again.splitlines()[0] == "3 photographs, 2 of them done already"
    assert "2 results are done already (a-denoise.png, b-denoise.png): restore them again with --overwrite" in again
    np.testing.assert_allclose(images.read(folder / "b-denoise.png"), 191 / 255, atol=1e-6)
    assert images.read(folder / "b-denoise.png-before-after.png").shape == (5, 8, 3)
    assert images.read(folder / "a.png").max() < 0.26


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "denoize"], "unknown --task 'denoize': did you mean denoise or dehaze? allowed: auto, deblur"),
        (["--task", "denoise", "--tile-size", "10"], "tile_size is 10: give at least 64 and at most 1024"),
    ],
)
def test_restore_says_what_it_cannot_do(photographs_to_restore, command, words, message):
    status, _, err = command("restore", photographs_to_restore / "a.png", *words)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1
