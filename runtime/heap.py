"""How the C library keeps the memory that Python gave back."""

import ctypes
from typing import Final

# From glibc's malloc.h; other C libraries have no such call, or ignore it.
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def return_memory() -> None:
    """Give large blocks back to the system at once, and let all threads share two heaps; before they start.

    Otherwise a few large bodies raise glibc's own threshold up to 32 MB, and what any thread took for them
    stays with the process for good: twice its size after a dozen.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 2)
        mallopt(_M_MMAP_THRESHOLD, 262_144)
