"""Exact sums of integers, in two 64-bit sums of 32-bit halves where one would not do, and what results from them."""

from __future__ import annotations

import sys

import numpy as np

from convops.backends.base import Array
from convops.backends.rounding import cast, quotient
from convops.problem.geometry import Axis
from convops.problem.pool import PoolProblem
from convops.problem.windows import counted_taps

HALF = 1 << 32


def is_wide(dtype: str) -> bool:
    """Whether sums of items of this integer dtype may not fit 64 bits."""
    return dtype in ("int64", "uint64")


def halves(x: Array) -> tuple[Array, Array]:
    """Views of 64-bit integers, native byte order: x = high 2^32 + low."""
    high = "i4" if x.dtype.kind == "i" else "u4"
    offsets = [4, 0] if sys.byteorder == "little" else [0, 4]
    parts = x.view(np.dtype({"names": ["high", "low"], "formats": [high, "u4"], "offsets": offsets}))
    return parts["high"], parts["low"]


def joined(high: Array, low: Array) -> Array:
    """high 2^32 + low in int64, or as objects where that does not fit."""
    high = high + (low >> 32)
    low = low & (HALF - 1)
    if ((high >= -HALF // 2) & (high < HALF // 2)).all():
        return high * HALF + low
    return high.astype(object) * HALF + low


def divisors(problem: PoolProblem, outputs: tuple[Array, ...]) -> Array:
    """What each sum is divided by, for all combinations of outputs of the pooled axes."""
    if problem.divisor is not None:
        return np.array(problem.divisor)
    counts: Array = np.ones((), np.int64 if problem.products < 2**62 else np.float64)
    for axis, numbers in zip(problem.axes, outputs, strict=True):
        counts = counts[..., None] * counted_taps(axis, numbers, problem.count_include_pad)
    return counts


def all_outputs(axes: tuple[Axis, ...]) -> tuple[Array, ...]:
    """The numbers of the outputs of each axis."""
    return tuple(np.arange(axis.out) for axis in axes)


def from_sums(problem: PoolProblem, sums: Array, counts: Array) -> Array:
    """The result of a sum or a mean from exact sums; `counts` is for the mean."""
    if problem.reduction == "avg":
        sums = quotient(sums, counts, problem.out_dtype)
    return cast(sums, problem.out_dtype, problem.policy)
