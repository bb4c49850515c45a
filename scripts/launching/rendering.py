"""Templates filled in: a Slurm script, a Kubernetes Job."""

import json
import re
import string
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from launching.commands import RefusedError, experiment, shell_command, value

FOLDER = Path(__file__).parent
PORT = 8476
DIRECTIVE = re.compile(r"[\w.:/+=,-]+", re.ASCII)
"""A value that a line of #SBATCH takes as it is."""
LABEL = re.compile(r"[a-z]([a-z0-9-]{0,51}[a-z0-9])?")
"""A name that Kubernetes takes for a Job and a Service, and with room for a pod's number behind it."""
SETTINGS = {
    "partition": "partition",
    "account": "account",
    "time": "time",
    "gpus": "gpus-per-node",
    "cpus": "cpus-per-task",
    "memory": "mem",
}
"""What Slurm calls an option of ours."""


class Form(string.Template):
    """A template whose places are @{name}, since $ and % have meanings in what is written."""

    delimiter = "@"


def fill(template: str, **values: object) -> str:
    """Returns a template of this folder with its places filled."""
    return Form((FOLDER / f"{template}.template").read_text()).substitute(values)


def slurm(asked: Namespace, words: Sequence[str]) -> str:
    """Returns a script for sbatch: an array of tasks, each on one machine or, by srun, on several.

    Args:
      asked: name, tasks, hosts, and `SETTINGS`.
      words: of the command, without `jaxgen`.
    Raises:
      RefusedError: if a value cannot stand in such a script, or a machine's cores do not divide over its processes.
    """
    name = asked.name or experiment(words)
    # On Slurm, JAX gives each process of a training the one GPU of its place on the machine.
    processes = int(asked.gpus or 1) if asked.hosts > 1 else 1
    if asked.cpus and asked.cpus % processes:
        raise RefusedError(
            f"--cpus {asked.cpus} of a machine do not divide over its {processes} processes, one for each GPU: give a "
            f"multiple of {processes}"
        )
    given = {"name": name} | {option: getattr(asked, option) for option in SETTINGS if getattr(asked, option)}
    for option, asked_for in given.items():
        if not DIRECTIVE.fullmatch(str(asked_for)):
            raise RefusedError(f"--{option} {asked_for!r}: give letters, digits and . : / + = , - _ alone")
    # Slurm counts cores for each process.
    given |= {"cpus": asked.cpus // processes} if asked.cpus else {}
    command = shell_command(words, asked.tasks)
    return fill(
        "slurm.sh",
        name=name,
        last=asked.tasks - 1,
        hosts=asked.hosts,
        processes=processes,
        settings="\n".join(f"#SBATCH --{SETTINGS[o]}={asked_for}" for o, asked_for in given.items() if o != "name"),
        command=command if asked.hosts == 1 else f"srun {command} --distributed",
    )


def kubernetes(asked: Namespace, words: Sequence[str]) -> str:
    """Returns manifests for kubectl: an Indexed Job and, for one training on several machines, the names of its pods.

    Args:
      asked: name, tasks, hosts, image, namespace, volume, gpus, cpus, memory.
      words: of the command, without `jaxgen`.
    Raises:
      RefusedError: if the name or the volume is not as Kubernetes has them, or there are both tasks and hosts.
    """
    name = asked.name or re.sub(r"[^a-z0-9]+", "-", experiment(words).lower()).strip("-")
    if not LABEL.fullmatch(name):
        raise RefusedError(f"--name {name!r}: give at most 53 small letters, digits and -, first a letter, last no -")
    if asked.tasks > 1 and asked.hosts > 1:
        raise RefusedError(f"--tasks {asked.tasks} and --hosts {asked.hosts}: a Job has one of both; launch each task")
    claim, _, path = asked.volume.partition(":")
    if asked.volume and not (claim and path.startswith("/")):
        raise RefusedError(f"--volume {asked.volume}: give CLAIM:PATH, as in results:/jaxgen/runs")
    if claim and words[0] == "sweep" and not value(words, "--dir"):
        # A sweep's own folder is not among the runs, and would be gone with the pod.
        words = [*words, "--dir", f"{path.rstrip('/')}/sweeps/{value(words, '--study') or experiment(words)}"]
    command = shell_command(words, asked.tasks)
    if asked.hosts > 1:
        where = f"--coordinator-address {name}-0.{name}:{PORT} --num-processes {asked.hosts}"
        command += f' --distributed {where} --process-id "$task"'
    wanted = {"nvidia.com/gpu": asked.gpus, "cpu": asked.cpus, "memory": asked.memory}
    metadata = {"name": name} | ({"namespace": asked.namespace} if asked.namespace else {})
    # JSON is YAML. Kubernetes takes $$ for $, before the shell sees it.
    places = {
        "metadata": metadata,
        "tasks": max(asked.tasks, asked.hosts),
        "name": name,
        "image": asked.image,
        "script": f'task="$JOB_COMPLETION_INDEX"; exec {command}'.replace("$", "$$"),
        "resources": {"limits": {resource: amount for resource, amount in wanted.items() if amount}},
        "volumes": [{"name": "volume", "persistentVolumeClaim": {"claimName": claim}}] if claim else [],
        "mounts": [{"name": "volume", "mountPath": path}] if claim else [],
    }
    written = {place: json.dumps(given) for place, given in places.items()}
    service = fill("service.yaml", **written) if asked.hosts > 1 else ""
    return fill("kubernetes.yaml", **written) + service
