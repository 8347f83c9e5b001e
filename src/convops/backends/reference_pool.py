"""Pooling by definition in plain NumPy: one tap after the other, or one window after the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import inf
from typing import Any, NamedTuple

import numpy as np

from convops.backends import pool_structure
from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner
from convops.backends.gather import CHUNK_OUTPUTS, Box, boxes, take
from convops.backends.misfits import Misfit
from convops.backends.pool_gather import function_runner
from convops.backends.pool_sums import divisors, from_sums
from convops.backends.rounding import cast
from convops.problem import dtypes
from convops.problem.counts import flops
from convops.problem.pool import PoolProblem
from convops.problem.pool_types import CHOOSING
from convops.problem.structure import sum_dtype
from convops.problem.windows import origins, real_taps, widths


class Tap(NamedTuple):
    """One tap of all windows of a box: its number in each window, the items it sees, and which are real."""

    number: Array
    items: Array
    real: Array


class ReferencePool(Backend):
    """Image by image and channel by channel."""

    name = "reference"
    kind = "pool"

    def supports(self, problem: PoolProblem) -> str | None:
        return None

    def cost(self, problem: PoolProblem, machine: Machine) -> float:
        calls = problem.channels * problem.products * 10 * machine.rates.numpy_call
        return calls + flops(problem) * 40 / machine.rates.elementwise

    def workspace(self, problem: PoolProblem, machine: Machine, workers: int) -> int:
        return 10 * 16 * CHUNK_OUTPUTS

    def error_bound(self, problem: PoolProblem, w: Array | None) -> ErrorBound:
        """Sums in float64, rounded once; the root of a norm adds at most 710 u / p."""
        if problem.structure is not None:
            return pool_structure.error_bound(problem)
        final = dtypes.unit_roundoff(problem.out_dtype)
        if problem.reduction in (*CHOOSING, "func") or problem.compute == dtypes.INTEGER:
            return ErrorBound("terms", final) if final and problem.out_dtype != problem.dtype else EXACT
        steps = problem.products + 1.0
        if problem.reduction == "lp":
            steps = 6 + (problem.products + 714) / problem.norm
        return ErrorBound("terms", steps * 2.0**-53 * (1 + 2.0**-20) + (final if final > 2.0**-53 else 0.0))

    def prepare(self, problem: PoolProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        if problem.reduction == "func":
            assert w is not None
            return function_runner(problem, w.item(), 1)

        def run(x: Array, out: Any, workers: int) -> None:
            values, taps = out
            for image, channel, box in product(range(len(x)), range(problem.channels), boxes(problem.out_spatial)):
                place: Any = (image, channel, *(slice(r.start, r.stop) for r in box))
                plane = x[image, channel].astype(dtypes.named(problem.dtype), copy=False)
                try:
                    values[place], best = _reduced(problem, plane, box, w)
                except Misfit as misfit:
                    position = (image, channel, *(int(i) + r.start for i, r in zip(misfit.position, box, strict=True)))
                    raise Misfit(misfit.value, position) from None
                if taps is not None:
                    taps[place] = best

        return run


EXACT = ErrorBound("none", 0.0)


def _reduced(problem: PoolProblem, plane: Array, box: Box, structure: Array | None) -> tuple[Array, Array | None]:
    """The results of a box, and where extremes came from."""
    best = None
    with np.errstate(invalid="ignore", divide="ignore", over="ignore", under="ignore"):
        if problem.reduction in ("max", "min"):
            values, best = _extreme(problem, plane, box, structure)
        elif problem.reduction == "lp":
            values = _norm(problem, plane, box)
        elif problem.reduction == "rank":
            values = _order_statistic(problem, plane, box)
        else:
            counts = divisors(problem, tuple(np.arange(r.start, r.stop) for r in box))
            sums = _sum(problem, plane, box)
            if problem.compute == dtypes.INTEGER:
                return from_sums(problem, sums, counts), None
            values = _divided(sums, counts) if problem.reduction == "avg" else sums
        return cast(values, problem.out_dtype, problem.policy), best


def _taps(problem: PoolProblem, plane: Array, box: Box) -> Iterator[Tap]:
    """Every tap that is real for some window, in C order."""
    outputs = [np.arange(r.start, r.stop) for r in box]
    for tap in product(*(axis.reached_taps() for axis in problem.axes)):
        number, real, sources = np.zeros((), np.int64), np.ones((), bool), []
        for axis, places, t in zip(problem.axes, outputs, tap, strict=True):
            below, upto = real_taps(axis, places)
            inside = (below <= t) & (t < upto)
            sources.append(np.where(inside, origins(axis, places) + t * axis.dilation, -1))
            number, real = number[..., None] * widths(axis, places) + t, real[..., None] & inside
        yield Tap(number, take(plane, tuple(sources), 0), real)


def _extreme(problem: PoolProblem, plane: Array, box: Box, structure: Array | None) -> tuple[Array, Array]:
    """Values and tap numbers; ties go to the first tap, NaN wins, padding never does."""
    if structure is not None:
        compute = sum_dtype(problem.dtype, problem.out_dtype)
        kind: Any = object if compute == dtypes.INTEGER else compute
        plane, structure = plane.astype(kind), structure.astype(kind).ravel()
    best = np.zeros(tuple(map(len, box)), plane.dtype)
    taps = np.full(best.shape, -1, np.int64)
    for tap in _taps(problem, plane, box):
        items = tap.items
        if structure is not None:
            added = structure[tap.number.flat[0]]
            items = items + added if problem.reduction == "max" else items - added
        better = (taps < 0) | (items > best if problem.reduction == "max" else items < best)
        better |= (items != items) & (best == best)
        better &= tap.real
        best[better] = items[better]
        taps[better] = np.broadcast_to(tap.number, taps.shape)[better]
    return best, taps


def _sum(problem: PoolProblem, plane: Array, box: Box) -> Array:
    """Sums in float64, in complex128, or exact."""
    kind: Any = object if problem.compute == dtypes.INTEGER else np.float64
    kind = np.complex128 if problem.compute in dtypes.COMPLEX else kind
    sums = np.zeros(tuple(map(len, box)), kind)
    if kind is object:
        plane = plane.astype(np.uint64 if plane.dtype.kind in "bu" else np.int64)
    for tap in _taps(problem, plane, box):
        sums[tap.real] += tap.items[tap.real].astype(kind)
    return sums


def _divided(sums: Array, counts: Array) -> Array:
    """NaN where nothing counts; parts of complex sums are divided one by one."""
    if sums.dtype.kind != "c":
        return np.where(counts == 0, np.nan, sums / np.where(counts == 0, 1, counts))
    parts = np.stack([_divided(sums.real, counts), _divided(sums.imag, counts)], axis=-1)
    return parts.view(np.complex128)[..., 0]


def _norm(problem: PoolProblem, plane: Array, box: Box) -> Array:
    """The largest magnitude m, then m (sum (|x| / m)^p)^(1/p), which neither over- nor underflows early."""
    plane = np.abs(plane.astype(np.float64))
    largest = np.zeros(tuple(map(len, box)))
    for tap in _taps(problem, plane, box):
        np.maximum(largest, np.where(tap.real, tap.items, 0), out=largest)
    if problem.norm == inf:
        return largest
    scale = np.where((largest > 0) & (largest < inf), largest, 1)
    sums = np.zeros_like(largest)
    for tap in _taps(problem, plane, box):
        sums += np.where(tap.real, (tap.items / scale) ** problem.norm, 0)
    return scale * sums ** (1 / problem.norm)


def _order_statistic(problem: PoolProblem, plane: Array, box: Box) -> Array:
    """Window by window."""
    result = np.empty(tuple(map(len, box)), plane.dtype)
    for place in product(*map(range, result.shape)):
        lines = []
        for axis, r, i in zip(problem.axes, box, place, strict=True):
            output = np.array([r.start + i])
            below, upto = real_taps(axis, output)
            lines.append(origins(axis, output) + np.arange(below[0], upto[0]) * axis.dilation)
        items = plane[np.ix_(*lines)].ravel()
        nan = items[items != items]
        rank = (len(items) - 1) // 2 if problem.rank is None else problem.rank
        result[place] = nan[0] if len(nan) else np.sort(items)[rank]
    return result
