import ctypes
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


FREED = """
import ctypes
from jaxgen.allocator import give_back_freed_memory
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
resident = lambda: int(open("/proc/self/statm").read().split()[1])
# Every other block is freed, and what is between keeps the top of the heap from shrinking.
blocks = [libc.malloc(ctypes.c_size_t(1 << 16)) for _ in range(1024)]
for block in blocks:
    ctypes.memset(block, 1, 1 << 16)
for block in blocks[::2]:
    libc.free(block)
before = resident()
print(give_back_freed_memory(), (before - resident()) * 4096)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this malloc is not glibc's")
def test_memory_between_used_blocks_is_given_back():
    printed = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True).stdout.split()
    assert printed[0] == "True"
    assert int(printed[1]) > 20e6


@pytest.mark.skipif(not allocator.keep_freed_memory(), reason="this malloc is not glibc's")
def test_memory_freed_once_is_not_faulted_in_again():
    kept, faults = probe(True)
    assert kept
    assert faults < 100
    assert probe(False)[1] > 10 * max(faults, 1)


def test_another_malloc_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: object())
    assert allocator.keep_freed_memory() is False
    assert allocator.give_back_freed_memory() is False
