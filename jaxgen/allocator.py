"""The process's memory allocator: whether it keeps what a program frees, or gives it back to the system."""

import ctypes

# Names and numbers of glibc's <malloc.h>.
ARENA_MAX, MMAP_MAX, MMAP_THRESHOLD, TOP_PAD, TRIM_THRESHOLD = -8, -4, -3, -2, -1
SETTINGS = {ARENA_MAX: 1, MMAP_MAX: 0, TOP_PAD: 1 << 26, TRIM_THRESHOLD: (1 << 31) - 1}


def keep_freed_memory() -> bool:
    """Makes glibc's malloc keep freed memory for the next allocation, and returns whether it does.

    XLA's CPU backend frees its temporaries after every step, glibc gives them back to the system, and the next step
    waits for every page of them to be zeroed again: a fifth of the time of a DnCNN's step. To be called before the
    first thread starts. The process then holds its peak memory to its end. Another malloc (macOS, musl) is left alone.
    """
    return set_options(SETTINGS)


def give_back_large_blocks() -> bool:
    """Makes glibc's malloc give freed blocks of 1 MiB or more back to the system; returns whether it does.

    By default glibc does so above a threshold that rises to 32 MiB with the blocks that were freed. Smaller ones leave
    holes that the next ones do not fit: a process that restored a photograph tile by tile grew by 0.4 GB. For large and
    seldom allocations, since each is zeroed again. Another malloc is left alone.
    """
    return set_options({MMAP_THRESHOLD: 1 << 20})


def set_options(options: dict[int, int]) -> bool:
    """Sets options of glibc's malloc, value by name; returns whether all are set."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(name, value) == 1 for name, value in options.items())


def give_back_freed_memory() -> bool:
    """Gives memory that was freed back to the system, and returns whether glibc's malloc had any.

    Compiling a network takes and frees some 0.15 GB in small pieces. What is allocated between them keeps glibc from
    giving them back, and the next compilation takes as much again. Another malloc is left alone.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and trim(0) == 1
