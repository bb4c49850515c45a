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


HOLES = """
import ctypes, sys
from jaxgen.allocator import give_back_large_blocks
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
resident = lambda: int(open("/proc/self/statm").read().split()[1])
gives = bool(int(sys.argv[1])) and give_back_large_blocks()
libc.free(libc.malloc(ctypes.c_size_t((1 << 25) - (1 << 13))))  # By default what is smaller is now from the heap.
blocks = [libc.malloc(ctypes.c_size_t(1 << 22)) for _ in range(32)]
for block in blocks:
    ctypes.memset(block, 1, 1 << 22)
before = resident()
for block in blocks[::2]:
    libc.free(block)
print(gives, (before - resident()) * 4096)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="this malloc is not glibc's")
def test_large_blocks_leave_no_holes():
    def freed(gives):
        command = [sys.executable, "-c", HOLES, str(int(gives))]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        assert printed[0] == str(gives)
        return int(printed[1])

    assert freed(True) > 60e6
    assert freed(False) < 10e6


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
    assert allocator.give_back_large_blocks() is False
    assert allocator.give_back_freed_memory() is False
