"""Random calls of convolve and correlate."""

from fractions import Fraction
from math import prod

import numpy as np
from oracles.dtypes import is_real_float
from oracles.geometry import effective

from composite.choices import as_dtype
from composite.problem import Problem
from composite.shared import finish, hold, narrower, settle

LONGEST = {1: 9, 2: 4, 3: 3, 4: 2}
FREE = {1: 12, 2: 6, 3: 3, 4: 2}


def _steps(choose, n):
    if choose.chance(0.08):
        return tuple(Fraction(choose.between(1, 4), choose.between(1, 3)) for _ in range(n))
    return choose.distinct(1, 3, n) if choose.chance(0.35) else (1,) * n


def _geometry(choose):
    n, large = choose.one({1: 40, 2: 42, 3: 12, 4: 6}), choose.chance(0.12)
    window = choose.distinct(1, 91 if large and n == 1 else LONGEST[n], n)
    dilation = choose.distinct(1, 3, n) if choose.chance(0.3) else (1,) * n
    stride, mode = _steps(choose, n), choose.one(("full", "same", "valid"))
    extents = [effective(m, d) for m, d in zip(window, dilation, strict=True)]
    sizes = []
    for e, s in zip(extents, stride, strict=True):
        up = Fraction(s).denominator
        least = -(-e // up) if mode == "valid" else 1
        sizes.append(least + choose.between(0, FREE[n]))
    if large:
        sizes[-1] += choose.between(34, 500 if n == 1 else 150)
    if choose.chance(0.02):
        sizes[choose.between(0, n - 1)] = 0
    return n, window, dilation, stride, mode, extents, sizes


def _filtered_axes(choose, n, sizes):
    """The shape of a, and which of its axes are filtered in which order."""
    if choose.chance(0.55):
        return tuple(sizes), None
    ndim = n + choose.between(0, 2)
    axes = tuple(choose.random.sample(range(ndim), n))
    shape = [choose.between(1, 3) for _ in range(ndim)]
    for axis, size in zip(axes, sizes, strict=True):
        shape[axis] = size
    signed = tuple(a - ndim if choose.chance(0.3) else a for a in axes)
    return tuple(shape), signed[0] if n == 1 and choose.chance(0.5) else signed


def _missing(choose, problem, k):
    """nan= and min_weight, where the kernel allows it."""
    ratio = problem.flavour != "real" and k.dtype.kind != "c" and abs(k.astype(np.float64).sum()) >= 1
    kinds = ("ignore", "interpolate") if ratio else ("ignore",)
    if not k.astype(bool).any():
        return
    problem.keywords["nan"] = choose.one(kinds)
    if choose.chance(0.5) and k.dtype.kind != "c":
        problem.keywords["min_weight"] = choose.one((0.25, 0.5, 0.75))


def draw_signal(choose, number):
    """A call of convolve or correlate."""
    while True:
        n, window, dilation, stride, mode, extents, sizes = _geometry(choose)
        if prod(m + e for m, e in zip(sizes, extents, strict=True)) * prod(window) <= 90_000:
            break
    problem = Problem(number, choose.one(("convolve", "correlate")), {})
    a_dtype, k_dtype = choose.dtypes({})
    compute = settle(choose, problem, a_dtype, k_dtype)
    shape, axes = _filtered_axes(choose, n, sizes)
    kw = problem.keywords
    for name, value in (("stride", stride), ("dilation", dilation)):
        if set(value) != {1} or choose.chance(0.1):
            kw[name] = choose.form(value)
    if axes is not None:
        kw["axes"] = axes
    if choose.chance(0.5):
        kw["boundary"] = choose.boundary(n)
    if choose.chance(0.3):
        kw["fill"] = choose.small(narrower(a_dtype, kw.get("dtype")))
    if mode == "same" and choose.chance(0.5):
        kw["origin"] = choose.form(tuple(choose.between(-(e // 2), (e - 1) // 2) for e in extents))
    k = choose.values(window, k_dtype, 4, "exact" if problem.flavour == "special" else problem.flavour)
    hold(problem, choose, a=choose.values(shape, a_dtype, 9, problem.flavour), k=k)
    floating = is_real_float(as_dtype(a_dtype)) or as_dtype(a_dtype).kind == "c"
    whole = all(Fraction(s).denominator == 1 for s in stride)
    if floating and whole and compute.kind not in "biu" and choose.chance(0.6 if problem.flavour == "special" else 0.1):
        _missing(choose, problem, problem.operands["k"])
    if mode != "full" or choose.chance(0.4):
        if choose.chance(0.5):
            problem.operands["mode"] = mode
        else:
            kw["mode"] = mode
    return finish(choose, problem)
