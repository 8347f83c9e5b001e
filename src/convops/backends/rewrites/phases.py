"""Phases: outputs that meet the same taps, as convolutions over samples alone (see `stuffed.py`)."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import product
from math import gcd, prod
from typing import NamedTuple

from convops.backends.rewrites.base import Part
from convops.problem.conv import ConvProblem
from convops.problem.geometry import Axis

MAX_PHASES = 1024


class Phase(NamedTuple):
    """Outputs first, first + step, ... of one axis as an axis over samples, and the taps that they meet."""

    outputs: slice
    taps: slice
    axis: Axis


@lru_cache(maxsize=256)
def parts_of(problem: ConvProblem) -> list[Part]:
    """The convolutions over samples, one per combination of phases."""
    if phase_count(problem) > MAX_PHASES:
        return [Part(replace(problem, adjoint=False))]
    return [Part(_sub_problem(problem, phases)) for phases in combinations(problem)]


def gaps_of(problem: ConvProblem) -> list[tuple[slice, ...]]:
    """Outputs without terms, as strided boxes in the order of their first items."""
    met = [{phase.outputs.start for phase in phases_of(axis)} for axis in problem.axes]
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


def combinations(problem: ConvProblem) -> list[tuple[Phase, ...]]:
    """The phases of all axes, each with each."""
    return list(product(*(phases_of(axis) for axis in problem.axes)))


def phase_count(problem: ConvProblem) -> int:
    """Combinations of phases, from above."""
    return prod(min(axis.input_dilation, axis.window, max(axis.out, 1)) for axis in problem.axes)


@lru_cache(maxsize=256)
def phases_of(axis: Axis) -> list[Phase]:
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


def meets_all_taps(axis: Axis) -> bool:
    """Whether no tap meets zeros only."""
    return sum(len(range(axis.window)[phase.taps]) for phase in phases_of(axis)) == axis.window


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
