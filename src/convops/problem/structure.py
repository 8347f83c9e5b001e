"""Structures of maxima and minima: what is added to the items of a window, or taken from them, before they compete."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.problem import dtypes
from convops.problem.epilogue import parse_policy
from convops.problem.pool_types import smallest

# The least and the largest value of an integer structure; zeros for others.
Limits = tuple[int, int]


def check_structure(structure: np.ndarray[Any, Any], x: np.dtype[Any]) -> None:
    """Integers need integers, as nothing is rounded before the sum; bool has no sums."""
    dtypes.check("structure", structure.dtype)
    if "b" in (x.kind, structure.dtype.kind):
        raise TypeError("structure goes with numbers, not with bool")
    if structure.dtype.kind == "c" or (x.kind in "iu" and structure.dtype.kind not in "iu"):
        raise TypeError(f"structure of dtype {structure.dtype} cannot be added to x of dtype {x}")


def limits_of(structure: np.ndarray[Any, Any]) -> Limits:
    """As `Limits`."""
    if structure.dtype.kind not in "iu" or not structure.size:
        return 0, 0
    return int(structure.min()), int(structure.max())


def sum_limits(reduction: str, x: str, structure: Limits) -> Limits:
    """What the sums of integers with a structure, or the differences of a minimum, may be."""
    low, high = dtypes.limits(x)
    least, most = structure if reduction == "max" else (-structure[1], -structure[0])
    return low + least, high + most


def sum_dtype(x: str, out: str) -> str:
    """The dtype in which the structure is added: "integer" is exact."""
    if dtypes.is_integer(x):
        return dtypes.INTEGER
    wide = dtypes.result_dtype(x=dtypes.named(x), dtype=dtypes.named(out))
    return dtypes.compute_dtype(wide, wide)


def structure_dtypes(
    reduction: str, x: np.dtype[Any], dtype: Any, overflow: Any, structure: Limits
) -> tuple[str, str | None]:
    """Name of the result's dtype, that of x by default, and the policy where integers may not fit it."""
    name, policy = dtypes.name_of(x), parse_policy(overflow)
    out = name if dtype is None else dtypes.name_of(dtypes.parse("dtype", dtype))
    if policy == "widen" and dtype is not None:
        raise ValueError('overflow="widen" chooses the dtype of the result and goes not together with dtype=')
    if not dtypes.is_integer(out) or out == "bool":
        return out, None
    if not dtypes.is_integer(name):
        return out, policy
    low, high = sum_limits(reduction, name, structure)
    if policy == "widen":
        return smallest(low, high), None
    least, most = dtypes.limits(out)
    return out, None if least <= low and high <= most else policy
