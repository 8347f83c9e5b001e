"""The blocks that an array is cut into."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from convops.backends.base import Array

# Samples of a block that an array is cut into.
SLICE = 1 << 16


def cut(signal: Array, axis: int) -> Iterator[Array]:
    """The blocks of a signal."""
    lines = np.moveaxis(signal, axis, 0)
    for begin in range(0, len(lines), SLICE):
        yield np.moveaxis(lines[begin : begin + SLICE], 0, axis)
