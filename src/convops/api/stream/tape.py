"""The samples of a signal that are still needed, in a buffer along which they move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from convops.backends.base import Array

# Samples of a block that an array is cut into.
SLICE = 1 << 16


def cut(signal: Array, axis: int) -> Iterator[Array]:
    """The blocks of a signal."""
    lines = np.moveaxis(signal, axis, 0)
    for begin in range(0, len(lines), SLICE):
        yield np.moveaxis(lines[begin : begin + SLICE], 0, axis)


class Tape:
    """Grows at its end, shrinks at its begin; moved back to the front of the buffer when it meets its end."""

    def __init__(self, shape: tuple[int, ...], axis: int, dtype: np.dtype[Any], capacity: int) -> None:
        self._before = (slice(None),) * axis
        self._axis = axis
        self._buffer = np.zeros((*shape[:axis], capacity, *shape[axis + 1 :]), dtype)
        self._capacity = capacity
        self._begin = self._end = 0

    def __len__(self) -> int:
        return self._end - self._begin

    def view(self, first: int, last: int) -> Array:
        """Samples counted from the oldest."""
        return self._buffer[(*self._before, slice(self._begin + first, self._begin + last))]

    def append(self, samples: Array | float, count: int) -> None:
        """At most as many as fit behind what is there."""
        if self._end + count > self._capacity:
            length = len(self)
            self._buffer[(*self._before, slice(0, length))] = self.view(0, length)
            self._begin, self._end = 0, length
        self._buffer[(*self._before, slice(self._end, self._end + count))] = samples
        self._end += count

    def drop(self, count: int) -> None:
        """Forget the oldest."""
        self._begin += count

    def shorten(self, count: int) -> None:
        """Forget the newest."""
        self._end -= count

    def content(self) -> Array:
        """A copy of all samples."""
        return self.view(0, len(self)).copy()

    def refill(self, samples: Array) -> None:
        """Hold these and no others."""
        self._begin = self._end = 0
        self.append(samples, samples.shape[self._axis])
