"""Pooling by definition in plain NumPy: one tap after the other, elementwise."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner
from convops.backends.gather import CHUNK_OUTPUTS, Box, boxes, source_positions, take
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
        return 8 * 8 * CHUNK_OUTPUTS

    def error_bound(self, problem: PoolProblem, w: Array | None) -> ErrorBound:
        if problem.reduction == "max":
            return ErrorBound("none", 0.0)
        unit = dtypes.UNIT_ROUNDOFF[problem.out_dtype]
        return ErrorBound("terms", (problem.products + 1) * 2.0**-53 + (unit if unit > 2.0**-53 else 0.0))

    def prepare(self, problem: PoolProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        def run(x: Array, out: Any, workers: int) -> None:
            values, taps = out
            for image, channel, box in product(range(len(x)), range(problem.channels), boxes(problem.out_spatial)):
                place: Any = (image, channel, *(slice(r.start, r.stop) for r in box))
                plane = x[image, channel]
                if problem.reduction == "avg":
                    values[place] = _mean(problem, plane, box)
                    continue
                values[place], best = _maximum(problem, plane, box)
                if taps is not None:
                    taps[place] = best

        return run


def _tap_items(problem: PoolProblem, plane: Array, box: Box) -> Any:
    """For each tap its number, the items it sees, and which of them are real."""
    for tap in product(*(axis.reached_taps() for axis in problem.axes)):
        number = 0
        for t, n in zip(tap, problem.window, strict=True):
            number = number * n + t
        sources = tuple(
            source_positions(a, np.arange(r.start, r.stop) * a.stride + t * a.dilation)
            for a, r, t in zip(problem.axes, box, tap, strict=True)
        )
        real = np.ones((), bool)
        for source in sources:
            real = real[..., None] & (source >= 0)
        yield number, take(plane, sources, 0), real


def _maximum(problem: PoolProblem, plane: Array, box: Box) -> tuple[Array, Array]:
    """Values and tap numbers; ties go to the first tap, NaN wins, padding never does."""
    best = np.zeros(tuple(map(len, box)), plane.dtype)
    taps = np.full(best.shape, -1, np.int64)
    for number, items, real in _tap_items(problem, plane, box):
        better = (taps < 0) | (items > best)
        if plane.dtype.kind == "f":
            better |= np.isnan(items) & ~np.isnan(best)
        better &= real
        best[better] = items[better]
        taps[better] = number
    return best, taps


def _mean(problem: PoolProblem, plane: Array, box: Box) -> Array:
    """Sums in float64 or exact integers, divided once."""
    exact = plane.dtype.kind in "biu"
    sums = np.zeros(tuple(map(len, box)), object if exact else np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for _, items, real in _tap_items(problem, plane, box):
            sums[real] += items[real].astype(sums.dtype)
        count: Any = problem.divisor or _tap_counts(problem, box)
        # Integer sums become float64 in the division only: Python divides them with one rounding.
        means = np.where(count == 0, np.nan, sums / np.where(count == 0, 1, count))
        return means.astype(problem.out_dtype)


def _tap_counts(problem: PoolProblem, box: Box) -> Array:
    """The divisor of each output: its real taps, or all taps on input and padding."""
    counts = np.ones((), np.int64)
    for axis, outputs in zip(problem.axes, box, strict=True):
        counts = counts[..., None] * np.array([_count(problem, axis, output) for output in outputs], np.int64)
    return counts


def _count(problem: PoolProblem, axis: Axis, output: int) -> int:
    if not problem.count_include_pad:
        return len(axis.real_taps(output))
    inside = axis.pad[0] + axis.size + axis.pad[1] - output * axis.stride
    return max(0, min(axis.window, (inside - 1) // axis.dilation + 1))
