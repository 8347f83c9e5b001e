"""Pooling by definition in plain NumPy: one tap after the other, elementwise."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner
from convops.backends.gather import source_positions, take
from convops.problem import dtypes
from convops.problem.counts import flops
from convops.problem.geometry import Axis
from convops.problem.pool import PoolProblem


class ReferencePool(Backend):
    """The maximum or mean of each window, image by image and channel by channel."""

    name = "reference"
    kind = "pool"

    def supports(self, problem: PoolProblem) -> str | None:
        return None

    def cost(self, problem: PoolProblem, machine: Machine) -> float:
        calls = problem.channels * problem.products * 10 * machine.rates.numpy_call
        return calls + flops(problem) * 40 / machine.rates.elementwise

    def workspace(self, problem: PoolProblem, machine: Machine, workers: int) -> int:
        return 8 * 8 * prod(problem.out_spatial)

    def error_bound(self, problem: PoolProblem, w: Array | None) -> ErrorBound:
        if problem.reduction == "max":
            return ErrorBound("none", 0.0)
        unit = dtypes.UNIT_ROUNDOFF[problem.out_dtype]
        return ErrorBound("terms", (problem.products + 1) * 2.0**-53 + (unit if unit > 2.0**-53 else 0.0))

    def prepare(self, problem: PoolProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        def run(x: Array, out: Any, workers: int) -> None:
            values, taps = out
            for place in np.ndindex(x.shape[:2]):
                if problem.reduction == "avg":
                    values[place] = _mean(problem, x[place])
                else:
                    values[place], best = _maximum(problem, x[place])
                    if taps is not None:
                        taps[place] = best

        return run


def _tap_items(problem: PoolProblem, plane: Array) -> Any:
    """For each tap its number, the items it sees, and which of them are real."""
    for tap in product(*(axis.reached_taps() for axis in problem.axes)):
        number = 0
        for t, n in zip(tap, problem.window, strict=True):
            number = number * n + t
        sources = tuple(
            source_positions(a, np.arange(a.out) * a.stride + t * a.dilation)
            for a, t in zip(problem.axes, tap, strict=True)
        )
        real = np.ones((), bool)
        for axis, source in enumerate(sources):
            shape = [1] * len(sources)
            shape[axis] = -1
            real = real & (source >= 0).reshape(shape)
        yield number, take(plane, sources, 0), np.broadcast_to(real, problem.out_spatial)


def _maximum(problem: PoolProblem, plane: Array) -> tuple[Array, Array]:
    """Values and tap numbers; ties go to the first tap, NaN wins, padding never does."""
    best = np.zeros(problem.out_spatial, plane.dtype)
    taps = np.full(problem.out_spatial, -1, np.int64)
    for number, items, real in _tap_items(problem, plane):
        better = (taps < 0) | (items > best)
        if plane.dtype.kind == "f":
            better |= np.isnan(items) & ~np.isnan(best)
        better &= real
        best[better] = items[better]
        taps[better] = number
    return best, taps


def _mean(problem: PoolProblem, plane: Array) -> Array:
    """Sums in float64 or exact integers, divided once."""
    exact = plane.dtype.kind in "biu"
    sums = np.zeros(problem.out_spatial, object if exact else np.float64)
    for _, items, real in _tap_items(problem, plane):
        with np.errstate(invalid="ignore"):
            sums[real] += items[real].astype(sums.dtype)
    count: Any = problem.divisor or _tap_counts(problem)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Integer sums become float64 in the division only: Python divides them with one rounding.
        means = np.where(count == 0, np.nan, sums / np.where(count == 0, 1, count))
    return means.astype(problem.out_dtype)


def _tap_counts(problem: PoolProblem) -> Array:
    """The divisor of each output: its real taps, or all taps on input and padding."""
    counts = np.ones((), np.int64)
    for axis in problem.axes:
        along = np.array([_count(problem, axis, output) for output in range(axis.out)], np.int64)
        counts = counts[..., None] * along
    return counts


def _count(problem: PoolProblem, axis: Axis, output: int) -> int:
    if not problem.count_include_pad:
        return len(axis.real_taps(output))
    end = axis.pad[0] + axis.size + axis.pad[1]
    return sum(output * axis.stride + t * axis.dilation < end for t in range(axis.window))
