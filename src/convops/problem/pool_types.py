"""What a pool computes in and which dtype its result has."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.problem import dtypes
from convops.problem.epilogue import parse_policy

# These pick one of the items; the others compute something from them.
CHOOSING = ("max", "min", "rank")


def compute_dtype(reduction: str, x: str, out: str) -> str:
    """The dtype in which windows are reduced, "integer" for exact sums; items that are chosen stay as they are."""
    if reduction in (*CHOOSING, "func"):
        return x
    if dtypes.is_integer(x):
        return "float64" if reduction == "lp" else dtypes.INTEGER
    wide = dtypes.result_dtype(x=dtypes.named(x), dtype=dtypes.named(out))
    return dtypes.compute_dtype(wide, wide)


def check_items(reduction: str, x: np.dtype[Any]) -> None:
    """TypeError unless items of this dtype can be reduced so."""
    dtypes.check("x", x)
    if x.kind == "c" and reduction not in ("sum", "avg"):
        raise TypeError(f"x has dtype {x}; complex numbers have no order: only sum_pool and avg_pool take them")


def pool_dtypes(reduction: str, x: np.dtype[Any], dtype: Any, overflow: Any, items: int) -> tuple[str, str | None]:
    """Name of the result's dtype, and the overflow policy where a result may not fit into it.

    `items` is the number of items of a window, from which overflow="widen" takes its bound. The name is empty where
    a function's results decide.
    """
    name, policy = dtypes.name_of(x), parse_policy(overflow)
    if dtype is None and reduction == "func":
        return "", None
    if dtype is None:
        out = _default(reduction, name)
        if policy != "widen" or not dtypes.is_integer(out):
            return out, _needed(reduction, name, out, policy, items)
        return (_widened(name, items) if reduction == "sum" else out), None
    out = dtypes.name_of(dtypes.parse("dtype", dtype))
    if policy == "widen":
        raise ValueError('overflow="widen" chooses the dtype of the result and goes not together with dtype=')
    if name in dtypes.COMPLEX and out not in dtypes.COMPLEX:
        raise TypeError(f"dtype={out} cannot hold the complex results of x of dtype {name}")
    return out, _needed(reduction, name, out, policy, items)


def _default(reduction: str, x: str) -> str:
    if not dtypes.is_integer(x) or reduction not in ("sum", "avg", "lp"):
        return x
    if reduction == "sum":
        return "uint64" if x.startswith("u") else "int64"
    return "float64"


def _needed(reduction: str, x: str, out: str, policy: str, items: int) -> str | None:
    """None where every result fits."""
    if not dtypes.is_integer(out) or out == "bool":
        return None
    if not dtypes.is_integer(x) or reduction in ("avg", "lp", "func"):
        return policy
    low, high = dtypes.limits(x)
    least, most = dtypes.limits(out)
    times = items if reduction == "sum" else 1
    return None if least <= times * low and times * high <= most else policy


def _widened(x: str, items: int) -> str:
    """The smallest dtype for sums of so many items; unsigned where none is negative."""
    low, high = (items * limit for limit in dtypes.limits(x))
    return smallest(low, high)


def smallest(low: int, high: int) -> str:
    """The smallest integer dtype of the range."""
    for bits in (8, 16, 32, 64):
        for name in ((f"uint{bits}",) if low >= 0 else ()) + (f"int{bits}",):
            least, most = dtypes.limits(name)
            if least <= low and high <= most:
                return name
    raise OverflowError(f'overflow="widen": sums may lie in [{low}, {high}], which no integer dtype holds')
