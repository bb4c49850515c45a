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
from jaxgen.io import curves, images
from jaxgen.metrics.image import psnr
from jaxgen.pages import html
from jaxgen.runs.disk.run_folder import RunFolder

JPEG_QUALITY = 90
"""Of photographs in the page."""


class Restoration(NamedTuple):
    """A restoration of the page.

    Attributes:
      task: of `jaxgen restore`; empty for a network that was trained here.
      photo: file in scikit-image.
      damage: returns (damaged image, mask or None) of an undamaged one, float32[h, w, channels].
      about: what the reader sees.
      channels: of the photograph.
    """

    task: str
    photo: str
    damage: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]
    about: str
    channels: int = 3


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
        "Tears, white in a mask. Without a mask they are looked for: some are missed, other lines are taken for tears.",
    ),
    "small": Restoration(
        "superres", "skimage/data/coffee.png", shrink, "A quarter of the size. Before: its pixels as squares."
    ),
}
OWN = Restoration(
    "",
    "skimage/data/camera.png",
    lambda clean: damage_image("noise", clean, 0),
    "Noise of 25 gray levels, removed by the network of this short training.",
    channels=1,
)
"""What the trained denoiser does."""


class Training(NamedTuple):
    """A training of the page.

    Attributes:
      experiment: its name.
      title: heading of its section.
      about: what the reader sees.
      options: of `jaxgen train`.
      pictures: names of pictures in the run's folder `samples`, with their captions.
      curves: last parts of the names of metrics that are plotted.
      next: command lines to try.
    """

    experiment: str
    title: str
    about: str
    options: str
    pictures: dict[str, str]
    curves: tuple[str, ...]
    next: tuple[str, ...]


TRAININGS = (
    Training(
        "r3gan",
        "A GAN draws digits",
        "Each column is one class; every image is drawn from another random vector. The training images are "
        "scikit-learn's 1,437 handwritten digits of 8×8 pixels, resized to 16×16. Each pixel is shown as a square. "
        "pixel_frechet is a distance between drawn and real digits: lower is better.",
        "--conditional --data.classes 10 --data.size 16 --steps 1200 "
        "--sample-every 300 --evaluate-every 300 --checkpoint-every 300",
        {"samples-00000300": "after 300 steps", "samples-00001200": "after 1,200 steps"},
        ("loss", "pixel_frechet"),
        ("jaxgen sample {run} --label 7 --count 64", "jaxgen evaluate {run} --count 1000"),
    ),
    Training(
        "vae",
        "A VAE encodes digits in 20 numbers",
        "An encoder turns a digit into 20 numbers, and a decoder turns 20 numbers into a digit. "
        "negative_elbo is the loss on digits that it was not trained on: lower is better.",
        "--data.size 16 --steps 1500 --sample-every 500 --evaluate-every 500 --checkpoint-every 500",
        {
            "reconstructions-00001500": "first, third, … row: held-out digits; under each row its reconstructions",
            "interpolations-00001500": "from one digit (left) to another (right)",
        },
        ("loss", "negative_elbo"),
        ("jaxgen sample {run} --count 64", "jaxgen evaluate {run}"),
    ),
    Training(
        "denoise",
        "A denoiser of your own",
        "A small network is trained on ten photographs to remove noise. Those above were trained for longer, on more. "
        "psnr, in dB, says how near its results are to the undamaged photographs: higher is better.",
        "--steps 800 --depth 8 --width 32 --batch-size 16 "
        "--sample-every 400 --evaluate-every 200 --checkpoint-every 200",
        {},
        ("loss", "psnr"),
        ("jaxgen restore PHOTO --network {run}", "jaxgen evaluate {run} --images FOLDER"),
    ),
)


def run_command(*words: str) -> None:
    """Prints a command line and runs it, or ends the program with its status."""
    print(f"\n$ {shlex.join(words)}", flush=True)
    status = subprocess.run([sys.executable, "-m", "jaxgen", *words[1:]], check=False).returncode
    if status:
        sys.exit(status)


def restore(shown: Restoration, name: str, folder: Path, *options: str) -> str:
    """Damages a photograph, restores it by the command line, and returns its part of the page."""
    clean = photograph(shown.photo, shown.channels).astype(np.float32) / 255
    damaged, mask = shown.damage(clean)
    before = folder / f"{name}.png"
    images.write(before, damaged)
    images.write(folder / f"{name}-undamaged.png", clean)
    words = ["jaxgen", "restore", str(before), *options]
    if mask is not None:
        images.write(folder / f"{name}-mask.png", mask)
        words += ["--mask", str(folder / f"{name}-mask.png")]
    run_command(*words, "--overwrite")
    restored = images.read(folder / f"{name}-{shown.task or 'restored'}.png")
    caption = f"{shown.about} {scores(clean, damaged, restored)}"
    return html.compare(jpeg(damaged, restored.shape[:2]), jpeg(restored), caption) + html.command(shlex.join(words))


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
    values = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    picture = Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)
    if shape is not None:
        picture = picture.resize((shape[1], shape[0]), Image.Resampling.NEAREST)
    content = BytesIO()
    picture.save(content, "jpeg", quality=JPEG_QUALITY)
    return content.getvalue()


def train(shown: Training, run: Path) -> str:
    """Trains an experiment and returns its part of the page."""
    words = ["jaxgen", "train", shown.experiment, "--run", str(run), *shown.options.split()]
    run_command(*words)
    parts = [
        html.figure(run / "samples" / f"{name}.png", caption, enlarged=True) for name, caption in shown.pictures.items()
    ]
    if not shown.pictures:
        parts = [restore(OWN, "noisy-gray", run, "--network", str(run))]
    shown_metrics = [
        {name: value for name, value in line.items() if name == "step" or name.split("/")[-1] in shown.curves}
        for line in RunFolder(run).history()
    ]
    curves.draw(shown_metrics, run / "page-curves.png")
    return "\n".join(
        [
            html.heading(shown.title),
            html.paragraph(shown.about),
            html.row(*parts),
            html.figure(run / "page-curves.png", f"over the steps of training; all metrics: {run / 'curves.png'}"),
            html.command(shlex.join(words)),
            html.paragraph("Try next:"),
            html.command(*(line.format(run=run) for line in shown.next)),
        ]
    )


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("runs/demo"))
    folder = parser.parse_args().folder
    photographs = folder / "photographs"
    begin = time.monotonic()
    restored = [restore(shown, name, photographs, "--task", shown.task) for name, shown in RESTORATIONS.items()]
    trained = [train(shown, folder / shown.experiment) for shown in TRAININGS]
    activation = Path(sys.prefix) / "bin" / "activate"
    minutes = (time.monotonic() - begin) / 60
    page = html.document(
        "jaxgen: a demonstration",
        html.paragraph(
            f"Made by scripts/demo; its last call took {minutes:.1f} minutes. To use the commands of this page, first "
            "run the following in a terminal. To restore a photograph again, add --overwrite: it replaces the result."
        ),
        html.command(f"cd {shlex.quote(str(Path.cwd()))}", f"source {shlex.quote(str(activation))}"),
        html.heading("Photographs restored"),
        html.paragraph(
            "Drag across a picture. The damage is synthetic. The networks come with the package; those that restore "
            "were not trained on these photographs."
        ),
        html.row(*restored),
        *trained,
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    print(f"\nopen {folder / 'index.html'} in a browser: photographs before and after, samples, curves, next commands")
    print(f"for the command jaxgen, first run: source {activation}")


if __name__ == "__main__":
    main()
