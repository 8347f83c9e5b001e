"""The answer that a problem must have: exact values, what they round to, and how far off a result may be."""

from dataclasses import dataclass

import numpy as np
import oracles
from oracles.dtypes import TINY, UNIT, cast, result_type, widened, working_unit

from composite.choices import as_dtype


@dataclass
class Expected:
    """What must come back."""

    exact: np.ndarray  # in the arithmetic of the oracle
    rounded: np.ndarray  # in the dtype of the result
    dtypes: tuple  # the dtype must be one of these
    slack: object = 0  # |result - exact| may reach this where it is not `rounded`
    loose: object = 0  # the same for algorithms that work on tiles
    indices: np.ndarray | None = None


def carrier(*arrays):
    """The arrays in an arithmetic in which sums of their products are exact or far better than the library's."""
    given = [a for a in arrays if a is not None]
    if all(a.dtype.kind in "biu" for a in given):
        largest = 1
        for a in given[:2]:
            largest *= max(1, int(np.abs(a.astype(object)).max(initial=0))) * 4096
        kind = np.int64 if largest < 2**60 else object
    else:
        kind = np.clongdouble if any(a.dtype.kind == "c" for a in given) else np.longdouble
    return [None if a is None else _carried(a, kind) for a in arrays]


def _carried(a, kind):
    if a.dtype.kind == "V":
        a = a.astype(np.float32)
    if kind is object and a.dtype.kind == "b":
        a = a.astype(np.int64)
    return a.astype(kind)


def first(x, problem, n):
    """Channels first, whatever the layout of the call."""
    if x is None or problem.option("layout") != "channels_last":
        return x
    return np.moveaxis(x, -1, x.ndim - n - 1)


def to_user(y, problem, n):
    """Back to the layout of the call."""
    return np.moveaxis(y, y.ndim - n - 1, -1) if problem.option("layout") == "channels_last" else y


def magnitude(a):
    """|a|, 0 where it is not finite; the sum of the parts for complex numbers."""
    if a.dtype == object:
        return np.abs(a).astype(np.longdouble)
    a = np.where(np.isfinite(a), a, 0)
    return (abs(a.real) + abs(a.imag) if a.dtype.kind == "c" else abs(a)).astype(np.longdouble)


def types_of(problem, *operands):
    """Dtype of the arithmetic and of the result."""
    result = result_type(*(a.dtype for a in operands))
    if problem.option("dtype") is None:
        return result, result
    final = as_dtype(problem.option("dtype"))
    return result_type(result, final), final


def settled(problem, exact, compute, final, slack=0, loose=0, candidates=None):
    """Round the exact values to the result's dtype under the problem's policy."""
    policy = problem.option("overflow", "raise")
    if policy == "widen" and final.kind in "iu":
        fits = candidates or []
        if not fits:
            raise OverflowError("no dtype holds the bound")
        return Expected(exact, exact.astype(object), tuple(fits), 0, 0)
    rounded = cast(exact, final, policy)
    if final.kind in "biu":  # only an algorithm on tiles may miss a tie between two integers
        return Expected(exact, rounded, (final,), 0, 0 if compute.kind in "biu" else loose)
    half = UNIT[final.name] * magnitude(exact) * (1 + 2.0**-9) + TINY[final.name] / 2
    return Expected(exact, rounded, (final,), slack + half, loose + half)


def direct_bound(problem, compute, measure, terms, extra=0):
    """K u A with a margin: the promise of the class "high"; measure is A."""
    unit = working_unit(compute)
    parts = 2 if compute.kind == "c" else 1
    kind = "float32" if compute.name in ("float16", "bfloat16") else compute.name
    tiny = TINY.get(kind, 0.0)
    return (parts * terms + extra + 2) * unit * measure * (1 + 2.0**-9) + parts * terms * tiny


def tile_bound(problem, compute, loudest, terms):
    """What the accuracy class allows an algorithm that works on tiles."""
    wish = problem.option("accuracy", "standard")
    if problem.option("backend") in ("fft", "winograd"):
        wish = "fast"  # a backend that is named serves whatever its bound
    if wish in ("high", "exact"):
        return 0
    if isinstance(wish, float):
        return 2 * wish * loudest
    return {"standard": 16, "fast": 1000}[wish] * 2 * terms * working_unit(compute) * loudest


def activated(problem, exact, slack, loose, compute):
    """The activation, and how it changes the bounds."""
    wish = problem.option("activation")
    if wish is None:
        return exact, slack, loose
    answer = oracles.activate(exact, wish)
    if compute.kind in "biu":
        return answer, slack, loose
    steep = abs(wish[1]) if wish[0] == "leaky_relu" and len(wish) == 2 else 1
    own = 8 * working_unit(compute) * magnitude(answer) + TINY["float32"]
    own = own if wish != "relu" and wish[0] != "clip" else 0
    return answer, slack * max(1, steep) + own, loose * max(1, steep) + own


def widen_dtypes(x, rows, fill, bias=None, add=None):
    """The smallest dtype that holds every sum that any x of its dtype could give; rows is (K, terms)."""
    low, high = _limits(x.dtype)
    low, high = min(low, int(fill), 0), max(high, int(fill), 0)
    rows = rows.astype(object)
    positive, negative = np.where(rows > 0, rows, 0).sum(axis=1), np.where(rows < 0, rows, 0).sum(axis=1)
    offset = 0 if bias is None else bias.astype(object)
    ends = (
        positive * high + negative * low + np.maximum(offset, 0),
        positive * low + negative * high + np.minimum(offset, 0),
    )
    more = (0, 0) if add is None else _limits(add.dtype)
    top, bottom = int(max(ends[0], default=0)) + max(more[1], 0), int(min(ends[1], default=0)) + min(more[0], 0)
    return widened(bottom, top)[:1]


def _limits(dtype):
    if dtype.kind == "b":
        return 0, 1
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
