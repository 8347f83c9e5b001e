"""Values of any accumulator in the dtype of a result, in one rounding."""

from __future__ import annotations

from fractions import Fraction
from math import copysign, inf, isfinite, nextafter
from typing import Any

import numpy as np

from convops.backends.base import Array
from convops.backends.misfits import Misfit
from convops.problem import dtypes

# Largest sums whose float64 quotient by a count below FEW rounds on to any narrower type, or to integers, as the
# exact quotient does: that one keeps a larger distance from every midpoint than the first rounding can bridge.
EXACT = 2**52
FEW = 2**28


def cast(values: Array, name: str, policy: str | None) -> Array:
    """`values` (floats, complex, int64, or objects: ints and fractions) as the named dtype.

    Raises
    ------
    Misfit
        For the first value that is no number of an integer dtype and that the policy does not admit.
    """
    if name == "bool":
        return values != 0
    if dtypes.is_integer(name):
        return _integers(values, name, policy)
    if values.dtype.kind == "O":
        once = float if dtypes.unit_roundoff(name) == 2.0**-53 else _odd
        values = np.array([once(v) for v in values.flat], np.float64).reshape(values.shape)
    if name == "bfloat16":
        values = _odd_float32(values)
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(dtypes.named(name), copy=False)


def quotient(sums: Array, counts: Array, name: str) -> Array:
    """Exact sums over counts, NaN over zero, such that `cast` to the named dtype rounds the exact quotient once."""
    largest = max(abs(int(sums.max(initial=0))), abs(int(sums.min(initial=0))))
    whole = bool(((counts == np.floor(counts)) & (np.abs(counts) < FEW)).all())
    empty = counts == 0
    safe = np.where(empty, 1, counts)
    if largest < EXACT and (whole or dtypes.unit_roundoff(name) == 2.0**-53):
        return np.where(empty, np.nan, sums.astype(np.float64) / safe)
    every = np.broadcast_to(safe, sums.shape)
    exact = [Fraction(int(s)) / Fraction(float(n)) for s, n in zip(sums.flat, every.flat, strict=True)]
    values = np.array([*exact, None], object)[:-1].reshape(sums.shape)
    return np.where(empty, np.nan, values)


def _odd(value: Any) -> float:
    """A rational as float64 rounded to odd, from where rounding on to fewer bits is the only one that shows."""
    if value != value:
        return float(value)
    nearest = float(value)
    if nearest == value or np.float64(nearest).view(np.int64) & 1:
        return nearest
    return nextafter(nearest, copysign(inf, value - Fraction(nearest)))


def _odd_float32(values: Array) -> Array:
    if values.dtype == np.float32:
        return values
    if values.dtype.kind in "iu":
        values = np.array([_odd(int(v)) for v in values.flat]).reshape(values.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = values.astype(np.float32)
        inexact = (narrow != values) & (values == values)
        bits = narrow.view(np.int32)
        bits -= inexact & (np.abs(narrow.astype(np.float64)) > np.abs(values))
        bits |= inexact
    return narrow


def _integers(values: Array, name: str, policy: str | None) -> Array:
    """Half to even, then the policy; NaN fits none, infinity only saturates."""
    low, high = dtypes.limits(name)
    if values.dtype.kind == "O":
        values = np.array([v if v != v else round(v) for v in values.flat] + [None], object)[:-1].reshape(values.shape)
    elif values.dtype.kind not in "biu":
        values = np.rint(values.astype(np.float64))
    fits = np.asarray((values >= low) & (values < high + 1), bool)
    if fits.all():
        return values.astype(name)
    result = np.where(fits, values, 0).astype(name)
    if policy == "saturate" and not (values != values).any():
        return np.where(values < low, low, np.where(fits, result, high)).astype(name)
    for place in map(tuple, np.argwhere(~fits)):
        value = values[place]
        if policy == "saturate" and value == value:
            result[place] = low if value < low else high
            continue
        if policy != "wrap" or not isfinite(value):
            raise Misfit(value, place)
        result[place] = (int(value) - low) % (high - low + 1) + low
    return result
