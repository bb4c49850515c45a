"""The memory of this computer, and the error for what cannot fit in it."""

import os

from jaxgen.errors import UsageError


def host_bytes() -> int:
    """Returns the bytes of memory of this computer."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def require_room(needed: int, what: str, remedy: str, available: int | None = None) -> None:
    """Raises UsageError where something is larger than a memory.

    Args:
      needed: bytes.
      what: subject of the message, for example "a step".
      remedy: end of the message: what to do.
      available: bytes; None: those of this computer.
    """
    available = host_bytes() if available is None else available
    if needed > available:
        raise UsageError(
            f"{what} needs at least {needed / 2**30:.1f} GiB, and there are {available / 2**30:.1f}: {remedy}"
        )
