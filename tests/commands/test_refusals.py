"""Wrong command lines: one line, exit status 2, before a device is used, and nothing is left behind.

All run in one process that has used no device, so that a line which starts one is seen.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxgen.runs.disk.config_file import versions

SMALL = "--width 4 --batch-size 2 --steps 2 --run x"
LINES = {
    "train srresnet --scale 3 --run x": "--scale '3'",
    f"train srresnet --data.size 7 --blocks 1 {SMALL}": "data.size 7",
    f"train denoise --losses ssim --data.size 4 --depth 3 {SMALL}": "data.size 4",
    "train nafnet --encoder 1 --decoder 1 1 --batch-size 2 --run x": "encoder 1",
    "train encoder_decoder --hidden 0 --run x": "hidden is 0",
    "train vae --hidden 0 --run x": "hidden is 0",
    "train conv_vae --features --run x": "features has 0 values",
    "train unet --widths 0 0 --run x": "widths is 0",
    "train rnn --patch 0 --run x": "patch is 0",
    "train video --frames 0 --run x": "frames is 0",
    "train patch_inpainter --radius -1 --run x": "radius is -1",
    "train gan_mlp --latent 100000000 --run x": "381.5 GiB",
    "train gan_mlp --latent 99999999999999999999 --run x": "at most 2147483647",
    "train gan_mlp --data.name npz --data.dir scalar.npz --run x": "shape ()",
    "train gan_mlp --data.name npz --data.dir cut.npz --run x": "4096000000000 bytes",
    "train gan_mlp --data.name npz --data.dir nchw.npz --run x": "transpose(0, 2, 3, 1)",
    "train gan_mlp --data.name npz --data.dir rgba.npz --run x": "image[..., :3]",
    "train gan_mlp --data.name npz --data.dir gray_alpha.npz --run x": "image[..., :1]",
    "train gan_mlp --data.name npz --data.dir objects.npz --run x": "label.astype(int)",
    "train gan_mlp --batch-size 1000000000 --run x": "2924.4 GiB",
    "train gan_mlp --devices 100000 --batch-size 100000 --run x": "at most 256",
    "train gan_mlp --data.size 100000 --run x": "66962.1 GiB",
    "train gan_mlp --data.from-run RUN --data.samples 1000000000 --run x": "2920.6 GiB",
    "train gan_mlp --data.from-run nosuch --run x": "nosuch is no run folder",
    "train gan_mlp --init-from nosuch --run x": "nosuch is no run folder",
    "train gan_mlp --variant plain --init-from denoise_gray --run x": "has another network",
    "train gan_mlp --wandb --run x": "wandb",
    "train gan_mlp --run /proc/x": "cannot write in /proc/x",
    "train gan_mlp --checkpoint-minutes nan --run x": "checkpoint_minutes is nan",
    "train denoise --depth 0 --run x": "depth is 0",
    "train denoise --hyper.sigma 1e9 --run x": "hyper.sigma is 1000000000",
    "train denoise --hyper.sigma-spread 2 --run x": "hyper.sigma_spread is 2",
    "train denoise --damage jpeg --hyper.quality-low 0 --run x": "hyper.quality_low is 0",
    "train crnn --dropout nan --run x": "dropout is nan",
    "train crnn --dropout 1 --run x": "dropout is 1",
    "train wgan --hyper.clip-limit 0 --run x": "hyper.clip_limit is 0",
    "train gan_mlp --run gs://bucket/run": "run is a gs:// address",
    "train gan_mlp --init-from s3://key:secret@bucket/run --run x": "init_from is a s3:// address",
    "sweep gan_mlp --search hyper.b1=uniform:0:0.5 --steps 2 --dir gs://bucket/x": "dir is a gs:// address",
    "sample gs://bucket/run --out x": "run is a gs:// address",
    "sample RUN --out gs://bucket/x": "out is a gs:// address",
    "evaluate gs://bucket/run": "run is a gs:// address",
    "export gs://bucket/run --out x.stablehlo": "network is a gs:// address",
    "restore image.png --network gs://bucket/run": "network is a gs:// address",
    "predict RUN gs://bucket/pictures": "pictures is a gs:// address",
    "info gs://bucket/run": "source is a gs:// address",
    "sample RUN --count 1000000000 --out x": "3814.7 GiB",
    "sample RUN --truncation inf --out x": "truncation is inf: give a finite number of more than 0",
    "sample RUN --out /proc/x": "cannot write in /proc/x",
    "evaluate RUN --likelihood 1000000000": "at most 1000000",
    "fill RUN image.png --mask mask.png --steps 1000000000": "at most 1000000",
    "encode RUN image.png --out /proc/c.npz": "cannot write in /proc",
    "encode nosuch image.png --out new/c.npz": "nosuch is no run folder",
    "encode RUN image.png --quantization-step inf --out c.npz": "quantization_step is inf",
    "sweep gan_mlp --search hyper.b1=uniform:0:0.5 --steps 0 --trials 1 --dir x": "--steps 0",
    "sweep gan_mlp --search hyper.b1=uniform:0:0.5 --study ../../evil --steps 2": "--study ../../evil",
}
"""What the error names, by command line; the folders RUN and the archives are those of `folder`."""

PROGRAM = """
import contextlib, io, json, os, sys
from jax._src import xla_bridge
from jaxgen import host_memory
from jaxgen.commands.main import main

host_memory.host_bytes = lambda: 2**34
for line in json.load(sys.stdin):
    before, errors = sorted(os.listdir()), io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(sys.stderr):
        try:
            status = main(line.split())
        except SystemExit as stop:
            status = stop.code
        except BaseException as error:
            status = repr(error)
    # A machine under load prints how long the data take.
    said = [text for text in errors.getvalue().splitlines() if not text.startswith("loading the data")]
    left = sorted({*os.listdir()} - {*before})
    print(json.dumps([status, said, left, sorted(xla_bridge._backends)]), flush=True)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refused")
    images = np.zeros((25, 16, 16, 3), np.uint8)
    arrays = {
        "scalar": {"image": np.uint8(3)},
        "nchw": {"image": images.transpose(0, 3, 1, 2)},
        "rgba": {"image": images[..., [0, 1, 2, 0]]},
        "gray_alpha": {"image": images[..., :2]},
        "objects": {"image": images, "label": np.array(["a"] * 25, object)},
    }
    for name, content in arrays.items():
        np.savez(folder / f"{name}.npz", **content)
    np.savez(folder / "cut.npz", image=images)
    overstate(folder / "cut.npz", (10**9, 64, 64, 1))
    (folder / "RUN").mkdir()
    content = versions() | {"image_shape": [28, 28, 1], "experiment": {"name": "gan_mlp"}, "config": {}}
    (folder / "RUN" / "config.json").write_text(json.dumps(content))
    return folder


def overstate(path: Path, shape: tuple[int, ...]) -> None:
    """Replaces an archive's image by a header that claims a shape, without the bytes."""
    import zipfile

    with zipfile.ZipFile(path, "w") as archive, archive.open("image.npy", "w") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)


@pytest.fixture(scope="module")
def answers(folder):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        check=False,
        input=json.dumps([*LINES]),
        capture_output=True,
        text=True,
        cwd=folder,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(LINES), done.stderr[-2000:]
    return {line: json.loads(answer) for line, answer in zip(LINES, lines, strict=True)}


@pytest.mark.parametrize("line", LINES)
def test_a_wrong_command_line_is_one_line_before_a_device_is_used_and_leaves_nothing(answers, line):
    status, said, left, devices = answers[line]
    assert (status, len(said), left, devices) == (2, 1, [], []), said
    assert LINES[line] in said[0]
