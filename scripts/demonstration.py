"""Restores photographs, trains a GAN, a VAE and a denoiser, and writes a page of what came out. Run by `scripts/demo`.

Each command is printed before it runs, so that it can be repeated. A second call continues the trainings.
"""

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxgen.data.sources.embedded import photograph
from jaxgen.degradations import downsample
from jaxgen.evaluation.damages import damage_image
from jaxgen.io import images
from jaxgen.metrics.image import psnr
from jaxgen.pages import html
from jaxgen.runs.disk.run_folder import RunFolder

JPEG_QUALITY = 90
"""Of photographs in the page."""


class Restoration(NamedTuple):
    """A restoration of the page.

    Attributes:
      task: of `jaxgen restore`.
      photo: file in scikit-image.
      damage: returns (damaged image, mask or None) of an undamaged one, float32[h, w, 3].
      about: what the reader sees.
    """

    task: str
    photo: str
    damage: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]
    about: str


def shrink(clean: np.ndarray) -> tuple[np.ndarray, None]:
    """Returns an image at a quarter of its size, and no mask."""
    rows, columns = (length // 4 * 4 for length in clean.shape[:2])
    small = downsample(jax.random.key(0), jnp.asarray(clean[None, :rows, :columns]), 4)[0]
    return np.clip(np.asarray(small), 0, 1), None


RESTORATIONS = {
    "noisy": Restoration(
        "denoise",
        "skimage/data/chelsea.png",
        lambda clean: damage_image("noise", clean, 0),
        "Noise of 25 gray levels. The level is estimated.",
    ),
    "hazy": Restoration(
        "dehaze",
        "skimage/data/coffee.png",
        lambda clean: damage_image("haze", clean, 0),
        "Haze that grows with an assumed distance.",
    ),
    "torn": Restoration(
        "scratches",
        "skimage/data/astronaut.png",
        lambda clean: damage_image("tears", clean, 0),
        "Tears. A mask says where they are; without one they are detected.",
    ),
    "small": Restoration("superres", "skimage/data/coffee.png", shrink, "A photograph at a quarter of its size."),
}


class Training(NamedTuple):
    """A training of the page.

    Attributes:
      experiment: its name.
      title: heading of its section.
      about: what the reader sees.
      options: of `jaxgen train`.
      pictures: beginnings of the names of pictures in the run's samples, with their captions.
      next: command lines to try.
    """

    experiment: str
    title: str
    about: str
    options: str
    pictures: dict[str, str]
    next: tuple[str, ...]


TRAININGS = (
    Training(
        "r3gan",
        "A GAN draws digits",
        "Each column is one class; every image is drawn from another random vector, and none is a training image. The "
        "GAN learned from scikit-learn's 1,437 handwritten digits of 8×8 pixels, resized to 16×16. Each pixel is shown "
        "as a square.",
        "--conditional --data.classes 10 --data.size 16 --steps 1200 "
        "--sample-every 300 --evaluate-every 300 --checkpoint-every 300",
        {"samples": "after 1,200 steps"},
        ("jaxgen sample {run} --label 7 --count 64", "jaxgen evaluate {run} --count 1000"),
    ),
    Training(
        "vae",
        "A VAE encodes digits in 20 numbers",
        "Left: held-out digits above their reconstructions. Right: images of codes between those of two digits.",
        "--data.size 16 --steps 1500 --sample-every 500 --evaluate-every 500 --checkpoint-every 500",
        {"reconstructions": "digits (first, third, … row) and reconstructions", "interpolations": "interpolations"},
        ("jaxgen sample {run} --count 64", "jaxgen evaluate {run}"),
    ),
    Training(
        "denoise",
        "A denoiser of your own",
        "Held-out photographs with noise of 25 gray levels, restored by a network of 74 thousand parameters that was "
        "trained here. The shipped networks above are larger and were trained for hours.",
        "--steps 600 --depth 8 --width 32 --batch-size 16 "
        "--sample-every 200 --evaluate-every 200 --checkpoint-every 200",
        {"before-after": "from left to right: noisy, restored, undamaged"},
        ("jaxgen restore PHOTO --network {run}", "jaxgen evaluate {run} --on FOLDER"),
    ),
)


def run_command(*words: str) -> None:
    """Prints a command line and runs it, or ends the program with its status."""
    print(f"\n$ {shlex.join(words)}", flush=True)
    status = subprocess.run([sys.executable, "-m", "jaxgen", *words[1:]], check=False).returncode
    if status:
        sys.exit(status)


def restore(name: str, folder: Path) -> str:
    """Damages a photograph, restores it by the command line, and returns its part of the page."""
    shown = RESTORATIONS[name]
    clean = photograph(shown.photo, 3).astype(np.float32) / 255
    damaged, mask = shown.damage(clean)
    before, undamaged = folder / f"{name}.png", folder / f"{name}-undamaged.png"
    images.write(before, damaged)
    images.write(undamaged, clean)
    options = []
    if mask is not None:
        images.write(folder / f"{name}-mask.png", mask)
        options = ["--mask", str(folder / f"{name}-mask.png")]
    words = ["jaxgen", "restore", str(before), "--task", shown.task, *options]
    run_command(*words, "--overwrite")
    restored = images.read(folder / f"{name}-{shown.task}.png")
    return html.compare(
        jpeg(damaged, restored.shape[:2]), jpeg(restored), f"{shown.about} {scores(clean, damaged, restored)}"
    ) + html.command(shlex.join(words))


def scores(clean: np.ndarray, damaged: np.ndarray, restored: np.ndarray) -> str:
    """Returns how near two images are to the undamaged one, in words; nothing where sizes differ."""
    if damaged.shape != clean.shape:
        return ""
    before, after = (
        float(psnr(jnp.asarray(clean[None]), jnp.asarray(image[None]))[0]) for image in (damaged, restored)
    )
    return f"PSNR {before:.1f} dB before, {after:.1f} dB after."


def jpeg(image: np.ndarray, shape: tuple[int, ...] | None = None) -> bytes:
    """Returns an image as the bytes of a JPEG file, enlarged to a shape without smoothing if one is given."""
    picture = Image.fromarray(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8))
    if shape is not None:
        picture = picture.resize((shape[1], shape[0]), Image.Resampling.NEAREST)
    content = BytesIO()
    picture.save(content, "jpeg", quality=JPEG_QUALITY)
    return content.getvalue()


def train(shown: Training, run: Path) -> str:
    """Trains an experiment and returns its part of the page."""
    words = ["jaxgen", "train", shown.experiment, "--run", str(run), *shown.options.split()]
    run_command(*words)
    folder = RunFolder(run)
    pictures = [
        html.figure(newest_picture(folder, name), caption, enlarged=True) for name, caption in shown.pictures.items()
    ]
    return "\n".join(
        [
            html.heading(shown.title),
            html.paragraph(shown.about),
            html.row(*pictures),
            html.figure(run / "curves.png", "metrics over the steps of training"),
            html.command(shlex.join(words)),
            html.paragraph("Try next:"),
            html.command(*(line.format(run=run) for line in shown.next)),
        ]
    )


def newest_picture(folder: RunFolder, name: str) -> Path:
    """Returns the newest picture of a run whose name begins so."""
    return max((folder.path / "samples").glob(f"{name}-*.png"))


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("runs/demo"))
    folder = parser.parse_args().folder
    photographs = folder / "photographs"
    begin = time.monotonic()
    restored = [restore(name, photographs) for name in RESTORATIONS]
    trained = [train(shown, folder / shown.experiment) for shown in TRAININGS]
    minutes = (time.monotonic() - begin) / 60
    page = html.document(
        "jaxgen: a demonstration",
        html.paragraph(f"Made by scripts/demo in {minutes:.1f} minutes. Every command on this page can be repeated."),
        html.heading("Photographs restored"),
        html.paragraph("Drag across a picture. The damage is synthetic; no network was trained on these photographs."),
        html.row(*restored),
        *trained,
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    print(f"\nopen {folder / 'index.html'} in a browser: photographs before and after, samples, curves, next commands")


if __name__ == "__main__":
    main()
