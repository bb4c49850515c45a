"""Renders the templates of a Slurm script and a Kubernetes Job."""

import json
import re
import string
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from launching.commands import STORAGE, RefusedError, experiment, shell_command, value

FOLDER = Path(__file__).parent
PORT = 8476
DIRECTIVE = re.compile(r"[\w.:/+=,-]+", re.ASCII)
"""Values of #SBATCH lines that need no quotes."""
LABEL = re.compile(r"[a-z]([a-z0-9-]{0,51}[a-z0-9])?")
"""Names of a Job and a Service that leave room for the number of a pod."""
SETTINGS = {
    "partition": "partition",
    "account": "account",
    "time": "time",
    "gpus": "gpus-per-node",
    "cpus": "cpus-per-task",
    "memory": "mem",
}
"""Slurm's name of each option."""


class AtTemplate(string.Template):
    """A template with placeholders @{name}, since $ and % have meanings in the rendered files."""

    delimiter = "@"


def fill(template: str, **values: object) -> str:
    """Returns a template of this folder with its placeholders filled."""
    return AtTemplate((FOLDER / f"{template}.template").read_text()).substitute(values)


def secret(options: Namespace, words: Sequence[str]) -> str:
    """Returns the name of the Secret from which a Job reads its storage."""
    return options.storage_secret or f"{job_name(options, words)}-storage"


def job_name(options: Namespace, words: Sequence[str]) -> str:
    """Returns the name of a Job."""
    return options.name or re.sub(r"[^a-z0-9]+", "-", experiment(words).lower()).strip("-")


def slurm(options: Namespace, words: Sequence[str], *, has_storage: bool) -> str:
    """Returns a script for sbatch: an array of tasks. Each runs on one machine, or with srun on several.

    Args:
      options: name, tasks, hosts, and `SETTINGS`.
      words: of the command, without `jaxgen` and without the storage.
      has_storage: whether it reads a storage from the environment, which Slurm passes on.
    Raises:
      RefusedError: if a value needs quotes, or the cores of a machine are no multiple of its processes.
    """
    name = options.name or experiment(words)
    # On Slurm, JAX assigns one GPU of the machine to each process of a training.
    processes = int(options.gpus or 1) if options.hosts > 1 else 1
    if options.cpus and options.cpus % processes:
        raise RefusedError(
            f"--cpus {options.cpus}: cores for {processes} processes, one for each GPU: give a multiple of {processes}"
        )
    settings = {"name": name} | {option: getattr(options, option) for option in SETTINGS if getattr(options, option)}
    for option, amount in settings.items():
        if not DIRECTIVE.fullmatch(str(amount)):
            raise RefusedError(f"--{option} {amount!r}: give letters, digits and . : / + = , - _ alone")
    # Slurm counts cores per process.
    settings |= {"cpus": options.cpus // processes} if options.cpus else {}
    command = shell_command(words, options.tasks)
    return fill(
        "slurm.sh",
        name=name,
        last=options.tasks - 1,
        hosts=options.hosts,
        processes=processes,
        settings="\n".join(f"#SBATCH --{SETTINGS[o]}={amount}" for o, amount in settings.items() if o != "name"),
        command=command if options.hosts == 1 else f"srun {command} --distributed",
        storage=f': "${{{STORAGE}:?set it to the URL of the storage before sbatch}}"\n' if has_storage else "",
    )


def kubernetes(options: Namespace, words: Sequence[str], *, has_storage: bool) -> str:
    """Returns manifests for kubectl: an Indexed Job and, for a training on several machines, a Service for its pods.

    Args:
      options: name, tasks, hosts, image, namespace, volume, storage_secret, gpus, cpus, memory.
      words: of the command, without `jaxgen` and without the storage.
      has_storage: whether it reads a storage from a Secret.
    Raises:
      RefusedError: if Kubernetes does not allow the name or the volume, or for several tasks with several hosts.
    """
    name = job_name(options, words)
    if not LABEL.fullmatch(name):
        raise RefusedError(
            f"--name {name!r}: give at most 53 lowercase letters, digits and -, first a letter, last no -"
        )
    if options.tasks > 1 and options.hosts > 1:
        raise RefusedError(f"--tasks {options.tasks} and --hosts {options.hosts}: a Job has either; launch each task")
    claim, _, path = options.volume.partition(":")
    if options.volume and not (claim and path.startswith("/")):
        raise RefusedError(f"--volume {options.volume}: give CLAIM:PATH, as in results:/jaxgen/runs")
    if claim and words[0] == "sweep" and not value(words, "--dir"):
        # The default folder of a sweep is not on the volume and would be lost with the pod.
        words = [*words, "--dir", f"{path.rstrip('/')}/sweeps/{value(words, '--study') or experiment(words)}"]
    command = shell_command(words, options.tasks)
    if options.hosts > 1:
        where = f"--coordinator-address {name}-0.{name}:{PORT} --num-processes {options.hosts}"
        command += f' --distributed {where} --process-id "$task"'
    limits = {"nvidia.com/gpu": options.gpus, "cpu": options.cpus, "memory": options.memory}
    metadata = {"name": name} | ({"namespace": options.namespace} if options.namespace else {})
    # JSON is YAML. Kubernetes replaces $$ by $ before the shell sees it.
    fields = {
        "metadata": metadata,
        "tasks": max(options.tasks, options.hosts),
        "name": name,
        "image": options.image,
        "env": [{"name": STORAGE, "valueFrom": {"secretKeyRef": {"name": secret(options, words), "key": "url"}}}]
        if has_storage
        else [],
        "script": f'task="$JOB_COMPLETION_INDEX"; exec {command}'.replace("$", "$$"),
        "resources": {"limits": {resource: amount for resource, amount in limits.items() if amount}},
        "volumes": [{"name": "volume", "persistentVolumeClaim": {"claimName": claim}}] if claim else [],
        "mounts": [{"name": "volume", "mountPath": path}] if claim else [],
    }
    rendered = {name: json.dumps(field) for name, field in fields.items()}
    service = fill("service.yaml", **rendered) if options.hosts > 1 else ""
    return fill("kubernetes.yaml", **rendered) + service
