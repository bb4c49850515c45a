"""The devices of a worker's processes, found without JAX, which would reserve their memory."""

import glob
import importlib.util
import itertools
import os
import re
import shutil
import subprocess

from jaxgen.errors import UsageError
from jaxgen.sweeps import child

CUDA_DEVICE = re.compile(r"\d+|(GPU|MIG)-.+")
"""A name in CUDA_VISIBLE_DEVICES."""
OTHER_ACCELERATORS = (
    ("ROCm", ("jax_rocm7_plugin", "jax_rocm60_plugin"), ("/dev/kfd",)),
    ("TPU", ("libtpu",), ("/dev/accel*", "/dev/vfio/[0-9]*")),
)
"""Name, JAX plugins and device files of each accelerator that is not NVIDIA's."""


def platform() -> str:
    """Returns the first platform in JAX_PLATFORMS; empty if JAX chooses."""
    return os.environ.get("JAX_PLATFORMS", "").split(",")[0].strip().lower()


def cuda_devices() -> list[str]:
    """Returns the names of the NVIDIA GPUs that JAX may use, as in CUDA_VISIBLE_DEVICES."""
    if platform() not in ("", "cuda", "gpu"):
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        # CUDA ignores the first invalid name, such as -1, and all names after it.
        return list(itertools.takewhile(CUDA_DEVICE.fullmatch, map(str.strip, visible.split(","))))
    if not shutil.which("nvidia-smi"):
        return []
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    listing = subprocess.run(query, check=False, capture_output=True, text=True)
    return listing.stdout.split() if listing.returncode == 0 else []


def other_accelerator() -> str:
    """Returns "ROCm" or "TPU" if JAX would use such devices, otherwise an empty string."""
    for name, plugins, files in OTHER_ACCELERATORS:
        present = any(map(importlib.util.find_spec, plugins)) and any(map(glob.glob, files))
        if platform() == name.lower() or (platform() in ("", "gpu") and present):
            return name
    return ""


def process_environments(count: int) -> list[dict[str, str]]:
    """Returns the environment variables that give each of `count` processes a GPU or an equal part of the CPU cores.

    Raises:
      UsageError: if there are fewer GPUs than processes, or accelerators that cannot be divided.
    """
    if devices := cuda_devices():
        if count > len(devices):
            raise UsageError(
                f"--processes {count} with {len(devices)} GPUs: give at most {len(devices)}, or set JAX_PLATFORMS=cpu "
                "to train on the CPU cores"
            )
        return [{"CUDA_VISIBLE_DEVICES": device} for device in devices[:count]]
    if count > 1 and (other := other_accelerator()):
        # The variables that assign chips to a process depend on the generation of the accelerator.
        raise UsageError(
            f"--processes {count}: each process would take every {other} device; give --processes 1, start one sweep "
            "for each device with a shared --storage, or set JAX_PLATFORMS=cpu to train on the CPU cores"
        )
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if count == 1 or count > len(cores):
        return [{}] * count
    return [{child.CORES: ",".join(map(str, cores[i::count]))} for i in range(count)]
