"""What the figures were measured on, and how busy others kept it meanwhile."""

import os
import platform
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.coordinator import Result

STAT = Path("/proc/stat")
CPUINFO = Path("/proc/cpuinfo")
IDLE = slice(3, 5)
ALL = slice(0, 8)


def processor() -> str:
    """Returns the processor's name."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def busy_seconds() -> float:
    """Returns the CPU seconds of all cores since the machine started, including those that a hypervisor took."""
    ticks = [int(field) for field in STAT.read_text().splitlines()[0].split()[1:]]
    return (sum(ticks[ALL]) - sum(ticks[IDLE])) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """Returns the CPU seconds of this process and its ended children."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


class OtherProcesses:
    """The CPU time of other processes on the machine, since the construction of this object."""

    def __init__(self):
        self.known = STAT.exists()
        if self.known:
            self.begin, self.busy, self.own = time.perf_counter(), busy_seconds(), own_seconds()

    def utilization(self) -> float | None:
        """Returns the fraction of all cores that they used, in [0, 1], or None if the system does not report it.

        Child processes of this one must have ended.
        """
        if not self.known:
            return None
        available = (time.perf_counter() - self.begin) * (os.cpu_count() or 1)
        others = (busy_seconds() - self.busy) - (own_seconds() - self.own)
        return min(max(others / available, 0.0), 1.0)


def describe(results: Sequence[Result], threads: int, others: OtherProcesses) -> dict[str, Any]:
    """Returns the processor, cores, devices and versions of the results, as plain values."""
    versions = {"python": platform.python_version()}
    for result in results:
        versions |= result.information.get("versions", {})
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "devices": sorted({result.information["device"] for result in results if result.information}),
        "versions": versions,
        "used_by_others": others.utilization(),
    }


def as_text(machine: dict[str, Any]) -> str:
    """Returns the line about the machine above the table."""
    parts = [
        f"{machine['processor']}, {machine['threads']} of {machine['cores']} cores",
        f"measured on {', '.join(machine['devices'])}" if machine["devices"] else "nothing measured",
        ", ".join(f"{name} {version}" for name, version in machine["versions"].items()),
    ]
    if machine["used_by_others"] is not None:
        parts.append(f"other processes used {machine['used_by_others']:.0%} of the machine meanwhile")
    return "; ".join(parts)
