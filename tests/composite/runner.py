"""Asks the library and compares with the oracles; a disagreement is told in words."""

from collections import Counter

import numpy as np
from oracles.geometry import Refused

import convops
from composite.answers import ANSWERS, answer
from composite.draw import draw
from composite.expect import Expected
from composite.memory import LAYOUTS, digest
from composite.pools import POOLS
from composite.problem import options

OPERATIONS = tuple(ANSWERS)
DIRECT = ("direct", "im2col", "reference", "exact")
OPTIONAL = ("direct", "im2col", "fft", "winograd", "pool_window")  # may refuse a problem that is forced on them


__all__ = ["OPERATIONS", "POOLS", "Disagreement", "arrays", "check", "digest", "expected", "run", "shares"]


class Disagreement(AssertionError):
    """The library and the oracles differ."""


def expected(problem):
    """Expected, or the classes of errors one of which must come."""
    if problem.mistake:
        return problem.errors
    try:
        return answer(problem)
    except Refused as refusal:
        return (TypeError,) if "complex" in str(refusal) else (ValueError,)
    except OverflowError as refusal:
        return (ValueError, OverflowError) if "not a number" in str(refusal) else (OverflowError,)


def library(op):
    """The public function of that name."""
    found = convops
    for part in op.split("."):
        found = getattr(found, part)
    return found


def ask(problem, out=None):
    """The library's answer."""
    operands, keywords = list(problem.operands.values()), dict(problem.keywords)
    if problem.via == "plan":
        plan = convops.plan(problem.op, *operands, **keywords)
        _twice(plan(operands[0]), plan(operands[0]))
        return plan(operands[0], out) if out is not None else plan(operands[0])
    if out is not None:
        keywords["out"] = out
    return library(problem.op)(*operands, **keywords)


def _twice(one, two):
    one, two = (list(got) if isinstance(got, tuple) else [got] for got in (one, two))
    if digest(one) != digest(two):
        raise Disagreement("a plan gives different bits for the same array")


def arrays(problem):
    """All arrays that the call may not touch."""
    return [v for v in (*problem.operands.values(), *problem.keywords.values()) if isinstance(v, np.ndarray)]


def _where(bad, got, wanted):
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    return f"{int(bad.sum())} of {bad.size} differ, first at {place}: got {got[place]!r}, expected {wanted[place]!r}"


def _finite(a):
    return np.isfinite(a) if a.dtype.kind != "O" else np.ones(a.shape, bool)


def _close(got, wish, slack):
    """Where a result is acceptable."""
    if got.dtype.kind in "biu":
        same = got.astype(object) == wish.rounded.astype(object)
        return same | (np.abs(_wide(got, np.longdouble) - wish.exact) <= 0.5 + slack) if np.any(slack) else same
    kind = np.clongdouble if got.dtype.kind == "c" else np.longdouble
    wide, rounded = _wide(got, kind), _wide(wish.rounded, kind)
    if got.dtype.kind == "c" or wish.exact.dtype.kind == "c":
        same = (wide == rounded) | (~np.isfinite(wide) & ~np.isfinite(rounded))
    else:
        same = (wide == rounded) | (np.isnan(wide) & np.isnan(rounded))
    exact = _wide(wish.exact, kind)
    with np.errstate(invalid="ignore"):
        near = np.abs(wide - exact) <= slack
    return same | (near & np.isfinite(wide) & np.isfinite(rounded))


def _wide(a, kind):
    return (a.astype(np.float32) if a.dtype.kind == "V" else a).astype(kind)


def compare(problem, got, wish):
    """Disagreement unless shape, dtype and every value are right."""
    if wish.indices is not None:
        if not isinstance(got, tuple) or len(got) != 2:
            raise Disagreement(f"expected (values, indices), got {type(got).__name__}")
        got, where = got
        if where.dtype != np.int64 or where.shape != wish.indices.shape:
            raise Disagreement(f"indices: {where.dtype}{where.shape} instead of int64{wish.indices.shape}")
        if (where != wish.indices).any():
            raise Disagreement("indices: " + _where(where != wish.indices, where, wish.indices))
    if got.shape != wish.rounded.shape:
        raise Disagreement(f"shape {got.shape} instead of {wish.rounded.shape}")
    if got.dtype not in wish.dtypes:
        raise Disagreement(f"dtype {got.dtype} instead of {' or '.join(map(str, wish.dtypes))}")
    right = _close(got, wish, wish.slack)
    if not right.all() and problem.op in ("conv", "conv_transpose", "convolve", "correlate") and on_tiles(problem):
        right = _close(got, wish, wish.loose)
    if not right.all():
        raise Disagreement(_where(~right, got, wish.rounded))


def on_tiles(problem):
    """Whether an algorithm serves the problem whose bound is not elementwise."""
    plan = convops.plan(problem.op, *problem.operands.values(), **problem.keywords)
    return not plan.variant.startswith(DIRECT)


def given_out(problem, wish):
    """A poisoned array of the drawn layout in memory, or None."""
    if problem.out is None or not isinstance(wish, Expected):
        return None
    dtype = wish.dtypes[0]
    poison = np.full(wish.rounded.shape, 1 if dtype.kind in "biu" else np.nan, dtype)
    return LAYOUTS[problem.out](poison)


def check(problem):
    """Disagreement where the library and the oracles differ; the name of what happened otherwise."""
    wish = expected(problem)
    out, before = given_out(problem, wish), digest(arrays(problem))
    try:
        got = ask(problem, out)
    except Disagreement:
        raise
    except Exception as error:
        return _judged(problem, error, wish, before)
    if not isinstance(wish, Expected):
        raise Disagreement(f"gave {_told(got)} where {' or '.join(e.__name__ for e in wish)} was due")
    if out is not None and got is not out:
        raise Disagreement("did not return the array given as out")
    compare(problem, got, wish)
    if digest(arrays(problem)) != before:
        raise Disagreement("changed an input")
    return "answered"


def _told(got):
    return f"{got.dtype}{list(got.shape)}" if isinstance(got, np.ndarray) else type(got).__name__


def _judged(problem, error, wish, before):
    """An error is right where it was due, or where a backend that was named refuses."""
    forced = problem.option("backend")
    if forced in OPTIONAL and isinstance(error, ValueError) and forced in str(error):
        return "refused by the backend"
    told = f"{type(error).__name__}: {error}"
    if isinstance(wish, Expected):
        raise Disagreement(f"raised {told}") from error
    if not isinstance(error, wish):
        raise Disagreement(f"raised {told} instead of {' or '.join(e.__name__ for e in wish)}") from error
    if digest(arrays(problem)) != before:
        raise Disagreement("changed an input")
    return "refused as it must be"


def run(number):
    """Draw and check one problem; the error tells how to replay it."""
    problem = draw(number)
    try:
        return check(problem)
    except Disagreement as difference:
        told = f"{difference}\n  {problem.describe()}\n  replay: python -m tests.composite --seed {number}"
        raise Disagreement(told) from None


def shares(numbers):
    """How often each option is drawn."""
    return Counter(name for number in numbers for name in set(options(draw(number))))
