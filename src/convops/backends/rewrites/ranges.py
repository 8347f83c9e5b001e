"""Between which integers sums lie, from what is known of x and the actual weights."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from convops.backends.base import Array
from convops.kernels import isa
from convops.kernels.bind import Launch
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

EXACT = 2**53
# What kernels sum; NumPy does the rest.
SUMMED = ("int8", "uint8", "int16", "uint16")


class Range(NamedTuple):
    """Least and greatest value, and the largest magnitude of a partial sum."""

    low: int
    high: int
    largest: int

    @property
    def is_exact(self) -> bool:
        """Whether float64 adds such numbers without rounding, in any order."""
        return self.largest < EXACT

    def fits(self, dtype: str) -> bool:
        """Whether an integer dtype holds all values; every other dtype takes them rounded."""
        if not dtypes.is_integer(dtype) or dtype == "bool":
            return True
        low, high = dtypes.limits(dtype)
        return low <= self.low and self.high <= high

    def with_added(self, values: Array | None) -> Range:
        """After adding any of these values."""
        if values is None:
            return self
        added = range_of(values)
        return self.plus(added.low, added.high)

    def plus(self, low: int, high: int) -> Range:
        """After adding a value between `low` and `high`, or zero."""
        low, high = min(low, 0), max(high, 0)
        return Range(self.low + low, self.high + high, self.largest + max(-low, high))


def range_of(values: Array) -> Range:
    """Of the items of an integer array, and of zero."""
    if not values.size:
        return Range(0, 0, 0)
    low, high = min(0, int(values.min())), max(0, int(values.max()))
    return Range(low, high, max(-low, high))


def sum_range(problem: ConvProblem, w: Array, bias: Array | None, x: tuple[int, int] | Range) -> Range:
    """Of all sums and partial sums with bias, for items of x between x[0] and x[1], or fill, or zero."""
    low, high = min(x[0], int(problem.fill), 0), max(x[1], int(problem.fill), 0)
    if not problem.out_channels:
        return Range(0, 0, 0)
    wide, loudest = range_of(w).largest * problem.products, max(-low, high)
    known = range_of(bias) if bias is not None else Range(0, 0, 0)
    kind: Any = np.int64 if (wide + 1) * loudest + known.largest < 2**62 else object
    zeros = np.zeros(problem.out_channels, kind)
    positive, negative = row_sums(w if wide < 2**62 else w.astype(object)) if w.size else (zeros, zeros)
    positive, negative = positive.astype(kind, copy=False), negative.astype(kind, copy=False)
    offsets = zeros if bias is None else bias.astype(kind)
    least = positive * low + negative * high + np.minimum(offsets, 0)
    most = positive * high + negative * low + np.maximum(offsets, 0)
    largest = (positive - negative) * loudest + np.abs(offsets)
    return Range(int(least.min()), int(most.max()), int(largest.max()))


def row_sums(w: Array) -> tuple[Array, Array]:
    """Of the weights of each output channel that are positive, and of those that are negative."""
    rows, name = w.reshape(len(w), -1), dtypes.name_of(w.dtype)
    if name in SUMMED and rows.dtype.isnative:
        sums = np.empty((len(rows), 2), np.int64)
        rows = rows if rows.strides[1] == rows.itemsize else rows.copy()
        _summing(name, *rows.shape)(rows, sums)
        return sums[:, 0], sums[:, 1]
    rows = rows.view(np.uint8) if rows.dtype == bool else rows
    wide: Any = object if rows.dtype == object else np.int64
    return np.maximum(rows, 0).sum(axis=1, dtype=wide), np.minimum(rows, 0).sum(axis=1, dtype=wide)


@lru_cache(maxsize=256)
def _summing(name: str, rows: int, items: int) -> Launch:
    return Launch(isa.words, f"sum_rows_{name}", [], tiles=rows, chunk=1.0, channels=items)


def widened_dtype(reach: Range) -> str:
    """The smallest dtype that holds every sum; unsigned where none is negative."""
    for bits in (8, 16, 32, 64):
        for name in ((f"uint{bits}",) if reach.low >= 0 else ()) + (f"int{bits}",):
            if reach.fits(name):
                return name
    raise OverflowError(f'overflow="widen": sums may lie in [{reach.low}, {reach.high}], which no integer dtype holds')
