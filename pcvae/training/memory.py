"""One setting of the C library that a training step on the CPU gains from."""

import ctypes
import sys

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
LARGEST = 2**30


def keep_freed_memory() -> bool:
    """Let glibc keep freed memory instead of giving each large tensor back to the system.

    A step at 2,048 points allocates the same large tensors again and again. By default each is
    mapped afresh, and the system fills it with zeros page by page before it can be used.

    Returns:
        Whether the setting was made; it cannot be on systems without glibc, and need not be.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST)) and bool(mallopt(M_TRIM_THRESHOLD, LARGEST))
