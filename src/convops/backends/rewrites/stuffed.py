"""Zeros between samples are not multiplied: every phase of the output is a convolution over samples alone.

Output i reads position i s - pad + j d of the stuffed input, which holds a sample only where the input dilation u
divides it. So outputs i0, i0 + P, i0 + 2 P, ... with P = u / gcd(s, u) meet the same taps j0, j0 + J, ... with
J = u / gcd(d, u), and form a convolution of stride s / gcd(s, u) and dilation d / gcd(d, u) (Dumoulin and Visin 2016
describe the case of the transposed convolution, s = d = 1).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from itertools import product
from math import gcd, prod
from typing import Any, NamedTuple

import numpy as np

from convops.backends.base import Array, Runner, this_machine
from convops.backends.finish import finish
from convops.backends.misfits import Misfits
from convops.backends.reference import Reference
from convops.backends.rewrites.base import Part, Rewrite, Solve
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

MAX_PHASES = 1024


class Phase(NamedTuple):
    """Outputs first, first + step, ... of one axis as an axis over samples, and the taps that they meet."""

    outputs: slice
    taps: slice
    axis: Axis


class Phases(Rewrite):
    """Applies where everything but samples is zero; transposed convolutions are that by definition."""

    def applies(self, problem: ConvProblem) -> bool:
        if problem.adjoint:
            return True
        return problem.is_stuffed and _outside_is_zero(problem) and _count(problem) <= MAX_PHASES

    def parts(self, problem: ConvProblem) -> list[Part]:
        return _parts(problem)

    def prepare(self, problem: ConvProblem, w: Array, bias: Array | None, solve: Solve) -> Runner:
        if not _is_finite(w):
            # Infinite weights turn zeros into NaN, except in a transposed convolution, where they do not exist.
            return Reference().prepare(problem, w, bias, this_machine())
        if _count(problem) > MAX_PHASES:
            return solve(replace(problem, adjoint=False), w, bias)
        if not problem.is_stuffed:
            return solve(_parts(problem)[0].problem, w, bias)
        return _PhaseRunner(problem, w, bias, solve)


@lru_cache(maxsize=256)
def _parts(problem: ConvProblem) -> list[Part]:
    """The convolutions over samples, one per combination of phases."""
    if _count(problem) > MAX_PHASES:
        return [Part(replace(problem, adjoint=False))]
    return [Part(_sub_problem(problem, phases)) for phases in _combinations(problem)]


def _is_finite(w: Array) -> bool:
    """Asked along memory: filters of a transposed convolution are a view with flipped and exchanged axes."""
    if dtypes.is_integer(dtypes.name_of(w.dtype)):
        return True
    order = sorted(range(w.ndim), key=lambda axis: -abs(w.strides[axis]))
    forward: Any = tuple(slice(None, None, -1 if w.strides[axis] < 0 else 1) for axis in order)
    return bool(np.isfinite(w.transpose(order)[forward]).all())


class _PhaseRunner:
    """One runner per combination of phases that holds taps; the other outputs have no terms at all."""

    def __init__(self, problem: ConvProblem, w: Array, bias: Array | None, solve: Solve) -> None:
        self._problem = problem
        self._bias = None if bias is None else np.array(bias)
        self._runners: list[tuple[tuple[Phase, ...], Runner]] = []
        for phases, part in zip(_combinations(problem), _parts(problem), strict=True):
            taps: Any = (slice(None), slice(None), *(phase.taps for phase in phases))
            self._runners.append((phases, solve(part.problem, w[taps], bias)))
        self._gaps = _gaps(problem)

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        misfits = Misfits()
        if self._gaps:
            self._store_empty_sums(out, add, misfits)
        for phases, runner in self._runners:
            where: Any = (slice(None), slice(None), *(phase.outputs for phase in phases))
            with misfits.placed(partial(_placed, phases)):
                runner(x, out[where], workers, **({} if add is None else {"add": add[where]}))
        misfits.report()

    def _store_empty_sums(self, out: Array, add: Array | None, misfits: Misfits) -> None:
        """Everywhere, where nothing is added: one store along memory is faster than many into the gaps."""
        kind = np.int64 if self._problem.dtype == dtypes.INTEGER else self._problem.dtype
        if add is None:
            unit = (1,) * (out.ndim - 2)
            first = tuple(gap.start for gap in self._gaps[0])
            with misfits.placed(lambda at: (*at[:2], *first)):
                sums, rows = np.zeros((out.shape[1], *unit), kind), slice(0, out.shape[1])
                out[...] = finish(self._problem, sums, self._bias, None, rows, (0,) * (out.ndim))
            return
        for image, row, gap in product(range(len(out)), range(out.shape[1]), self._gaps):
            where: Any = (image, slice(row, row + 1), *gap)
            with misfits.placed(partial(_spread, gap)):
                sums = np.zeros(add[where].shape, kind)
                origin = (image, row) + (0,) * (out.ndim - 2)
                out[where] = finish(self._problem, sums, self._bias, add[where], slice(row, row + 1), origin)


def _gaps(problem: ConvProblem) -> list[tuple[slice, ...]]:
    """Outputs without terms, as strided boxes in the order of their first items."""
    met = [{phase.outputs.start for phase in _phases(axis)} for axis in problem.axes]
    every = [_starts(axis) for axis in problem.axes]
    return [
        tuple(slice(start, axis.out, _period(axis)) for start, axis in zip(starts, problem.axes, strict=True))
        for starts in product(*every)
        if not all(start in own for start, own in zip(starts, met, strict=True))
    ]


def _period(axis: Axis) -> int:
    """Outputs so far apart meet the same taps."""
    return axis.input_dilation // gcd(axis.stride, axis.input_dilation)


def _starts(axis: Axis) -> range:
    return range(min(_period(axis), axis.out))


def _spread(gap: tuple[slice, ...], at: tuple[int, ...]) -> tuple[int, ...]:
    return (*at[:2], *(part.start + i * part.step for part, i in zip(gap, at[2:], strict=True)))


def _placed(phases: tuple[Phase, ...], at: tuple[int, ...]) -> tuple[int, ...]:
    return _spread(tuple(phase.outputs for phase in phases), at)


def _outside_is_zero(problem: ConvProblem) -> bool:
    if problem.fill != 0:
        return all(max(axis.pad) <= 0 for axis in problem.axes)
    return all(axis.input_dilation == 1 or axis.boundary == ("constant",) * 2 for axis in problem.axes)


def _combinations(problem: ConvProblem) -> list[tuple[Phase, ...]]:
    return list(product(*(_phases(axis) for axis in problem.axes)))


def _count(problem: ConvProblem) -> int:
    """Combinations of phases, from above."""
    return prod(min(axis.input_dilation, axis.window, max(axis.out, 1)) for axis in problem.axes)


@lru_cache(maxsize=256)
def _phases(axis: Axis) -> list[Phase]:
    """The phases of one axis that hold a tap."""
    u = axis.input_dilation
    if u == 1:
        return [Phase(slice(0, axis.out, 1), slice(0, axis.window, 1), axis)]
    step, common = _period(axis), gcd(axis.dilation, u)
    apart = u // common
    phases = []
    for first in _starts(axis):
        position = first * axis.stride - axis.pad[0]
        if position % common:
            continue
        tap = -(position // common) * pow(axis.dilation // common, -1, apart) % apart if apart > 1 else 0
        if tap < axis.window:
            outputs, taps = slice(first, axis.out, step), slice(tap, axis.window, apart)
            phases.append(Phase(outputs, taps, _sample_axis(axis, outputs, taps)))
    return phases


def _sample_axis(axis: Axis, outputs: slice, taps: slice) -> Axis:
    """The axis of a phase; the right pad is what its last window needs."""
    u = axis.input_dilation
    count, window = len(range(*outputs.indices(axis.out))), len(range(*taps.indices(axis.window)))
    start = (outputs.start * axis.stride - axis.pad[0] + taps.start * axis.dilation) // u
    stride = outputs.step * axis.stride // u if count > 1 else 1
    dilation = taps.step * axis.dilation // u if window > 1 else 1
    reached = start + (count - 1) * stride + (window - 1) * dilation + 1
    return Axis(axis.size, window, stride, dilation, (-start, reached - axis.size), count)


def _sub_problem(problem: ConvProblem, phases: tuple[Phase, ...]) -> ConvProblem:
    return replace(problem, axes=tuple(phase.axis for phase in phases), adjoint=False, fill=0)
