import subprocess
import sys

import pytest

from jaxgen import allocator

# Pages touched for the first time are minor faults; 64 MiB are 16384 pages of 4 KiB.
PROBE = """
import ctypes, resource
from jaxgen.allocator import keep_freed_memory
keeps = {keep} and keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
def use():
    block = libc.malloc(ctypes.c_size_t(1 << 26))
    ctypes.memset(block, 1, 1 << 26)
    libc.free(block)
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    use()
print(keeps, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def probe(keep):
    """Returns whether malloc keeps memory, and the page faults of four large allocations after a first one."""
    printed = subprocess.run(
        [sys.executable, "-c", PROBE.format(keep=keep)], capture_output=True, text=True, check=True
    ).stdout.split()
    return printed[0] == "True", int(printed[1])


@pytest.mark.skipif(not allocator.keep_freed_memory(), reason="this malloc is not glibc's")
def test_memory_freed_once_is_not_faulted_in_again():
    kept, faults = probe(True)
    assert kept
    assert faults < 100
    assert probe(False)[1] > 10 * max(faults, 1)


def test_another_malloc_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: object())
    assert allocator.keep_freed_memory() is False
