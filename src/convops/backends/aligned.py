"""Memory that begins with a cache line, so that vectors cross none."""

from __future__ import annotations

import numpy as np

from convops.backends.base import Array

LINE = 64


def aligned(block: Array | bytearray) -> Array:
    """Bytes from the first whole cache line on."""
    memory = np.frombuffer(block, np.uint8)
    return memory[-memory.ctypes.data % LINE :]
