"""The process's memory allocator, set for programs that take and free the same large arrays in every step."""

import ctypes

# Names and numbers of glibc's <malloc.h>.
ARENA_MAX, MMAP_MAX, TOP_PAD, TRIM_THRESHOLD = -8, -4, -2, -1
SETTINGS = {ARENA_MAX: 1, MMAP_MAX: 0, TOP_PAD: 1 << 26, TRIM_THRESHOLD: (1 << 31) - 1}


def keep_freed_memory() -> bool:
    """Makes glibc's malloc keep freed memory for the next allocation, and returns whether it does.

    XLA's CPU backend frees its temporaries after every step, glibc gives them back to the system, and the next step
    waits for every page of them to be zeroed again: a fifth of the time of a DnCNN's step. To be called before the
    first thread starts. The process then holds its peak memory to its end. Another malloc (macOS, musl) is left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(name, value) == 1 for name, value in SETTINGS.items())
