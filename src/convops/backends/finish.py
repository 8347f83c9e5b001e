"""The epilogue in NumPy, for backends whose sums do not pass through the kernels' store."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from convops.backends.base import Array
from convops.backends.misfits import Misfit
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

Origin = tuple[int, ...]


def finish(
    problem: ConvProblem, sums: Array, bias: Array | None, add: Array | None, rows: slice, origin: Origin
) -> Array:
    """Bias, add, activation, overflow check, cast of some output channels of one image.

    `sums` is (rows, *spatial) in any accumulator; `origin` is the position of its first item in the canonical
    result, for the message.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        if bias is not None:
            sums = sums + bias[rows].astype(sums.dtype).reshape((-1,) + (1,) * (sums.ndim - 1))
        if add is not None:
            sums = sums + add.astype(sums.dtype)
        return cast(problem, _activated(problem, sums), origin)


def _activated(problem: ConvProblem, v: Array) -> Array:
    """Integers are compared exactly; what leaves the integers is rounded half to even by the cast."""
    name, (first, second) = problem.epilogue.activation, problem.epilogue.constants
    if name is None:
        return v
    if name == "relu":
        return np.where(v < 0, np.zeros((), v.dtype), v)
    exact = v.astype(object) if problem.dtype == dtypes.INTEGER else v
    if name == "leaky_relu":
        return np.where(exact < 0, exact * first, exact)
    if name == "clip":
        return np.where(exact < first, first, np.where(exact > second, second, exact)).astype(exact.dtype)
    return np.tanh(v) if name == "tanh" else 1 / (1 + np.exp(-v))


def cast(problem: ConvProblem, values: Array, origin: Origin) -> Array:
    """To the result's dtype in one rounding; integers that do not fit meet the overflow policy."""
    name = problem.types.result
    if name == "bool":
        return values != 0
    if not dtypes.is_integer(name):
        return values.astype(dtypes.named(name))
    low, high = dtypes.limits(name)
    if values.dtype.kind == "f":
        values = np.rint(values)
        fits = (values >= float(low)) & (values < float(high + 1))
    else:
        fits = np.asarray((values >= low) & (values <= high), bool)
    result = np.zeros(values.shape, name)
    result[fits] = _rounded(values[fits]).astype(name)
    for place in np.argwhere(~fits):
        position = tuple(place)
        whole = tuple(int(i) + o for i, o in zip(position, origin[1:], strict=True))
        result[position] = _fitted(values[position], low, high, problem.epilogue.policy, (origin[0], *whole))
    return result


def _rounded(values: Array) -> Array:
    """Objects may hold floats that an activation made."""
    return np.array([round(v) for v in values.flat], object) if values.dtype.kind == "O" else values


def _fitted(value: Any, low: int, high: int, policy: str | None, position: tuple[int, ...]) -> int:
    if policy == "saturate" and value == value:
        return low if value < low else high
    if policy == "wrap" and isfinite(value):
        return (round(value) - low) % (high - low + 1) + low
    raise Misfit(value, position)
