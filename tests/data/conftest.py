from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_tfds():
    folder = SHARED / "tfds"
    if not (folder / "mnist").is_dir():
        pytest.skip("no prepared MNIST in ../shared/data/tfds")
    return str(folder)


@pytest.fixture(scope="session")
def picture_folder(tmp_path_factory):
    """Twenty-three pictures of one size, in a folder and in one below it, with files between them that are none."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "below").mkdir()
    random = np.random.default_rng(0)
    for i in range(23):
        pixels = random.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / ("below" if i % 2 else ".") / f"{i:02}.png")
    (folder / "notes.txt").write_text("no picture")
    (folder / "._00.png").write_text("what another system leaves behind")
    return folder
