"""The definition itself in plain NumPy: one tap after the other, elementwise, in float64 or integers.

Always applicable and the truth in all tests. It is slow on purpose: nothing here may need a second thought.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

import numpy as np

from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner
from convops.backends.gather import source_positions, take
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.counts import flops, outputs
from convops.problem.geometry import Axis

# Outputs computed together, so that memory stays bounded.
CHUNK_OUTPUTS = 1 << 15


class Reference(Backend):
    """Cross-correlation by definition: for each channel, for each tap, multiply and add."""

    name = "reference"
    kind = "conv"

    def supports(self, problem: ConvProblem) -> str | None:
        return None

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        chunks = 1 + outputs(problem) // CHUNK_OUTPUTS
        calls = chunks * problem.products * 8 * machine.rates.numpy_call
        return calls + flops(problem) * 16 / machine.rates.elementwise

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        return 8 * 8 * (CHUNK_OUTPUTS + prod(problem.out_spatial[1:]))

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        """Sums in float64, rounded once: u |y| + K 2^-53 A <= (u + K 2^-53 (1 + u)) A."""
        if not dtypes.is_float(problem.dtype):
            return ErrorBound("none", 0.0)
        unit = dtypes.UNIT_ROUNDOFF[problem.dtype] if problem.dtype == "float32" else 0.0
        return ErrorBound("terms", unit + (problem.products + problem.has_bias) * 2.0**-53 * (1 + unit))

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        weights = np.array(w)
        kept_bias = None if bias is None else np.array(bias)

        def run(x: Array, out: Array, workers: int) -> None:
            accumulator = _accumulator(problem, x, weights, kept_bias)
            for image, rows, lines in _chunks(problem, len(x)):
                group = rows.start // problem.group_rows
                first = group * problem.group_channels
                channels = x[image, first : first + problem.group_channels]
                sums = _sum_of_taps(problem, channels, weights[rows], lines, accumulator)
                if kept_bias is not None:
                    sums = sums + _column(kept_bias[rows].astype(accumulator), sums.ndim)
                out[image, rows, lines] = _cast(sums, problem.dtype, (image, rows.start, lines.start))

        return run


def _column(values: Array, ndim: int) -> Array:
    return values.reshape((-1,) + (1,) * (ndim - 1))


def _chunks(problem: ConvProblem, batch: int) -> Iterator[tuple[int, slice, slice]]:
    """(image, output channels of one group, lines of the first spatial axis)."""
    lines, line = problem.out_spatial[0], prod(problem.out_spatial[1:])
    many = max(1, CHUNK_OUTPUTS // max(1, line))
    rows = max(1, min(problem.group_rows, CHUNK_OUTPUTS // max(1, line * min(lines, many))))
    for image in range(batch):
        for group in range(problem.groups):
            begin = group * problem.group_rows
            for row in range(begin, begin + problem.group_rows, rows):
                for start in range(0, lines, many):
                    stop = min(row + rows, begin + problem.group_rows)
                    yield image, slice(row, stop), slice(start, min(start + many, lines))


def _sum_of_taps(problem: ConvProblem, x: Array, w: Array, lines: slice, accumulator: Any) -> Array:
    """Sums of one chunk, from +0, taps in C order inside each channel."""
    outs = [range(lines.start, lines.stop), *(range(a.out) for a in problem.axes[1:])]
    sums = np.zeros((len(w), *map(len, outs)), accumulator)
    for channel in range(problem.group_channels):
        for tap in product(*map(range, problem.window)):
            sources = tuple(_tap_sources(a, o, t) for a, o, t in zip(problem.axes, outs, tap, strict=True))
            patch = take(x[channel], sources, problem.fill).astype(accumulator)
            weight = np.moveaxis(w, 0, -1)[(channel, *tap)].astype(accumulator)
            with np.errstate(invalid="ignore", over="ignore"):
                sums += _column(weight, sums.ndim) * patch
    return sums


def _tap_sources(axis: Axis, outs: range, tap: int) -> Array:
    positions = np.arange(outs.start, outs.stop) * axis.stride + tap * axis.dilation
    return source_positions(axis, positions)


def _accumulator(problem: ConvProblem, x: Array, w: Array, bias: Array | None) -> Any:
    """float64, or integers wide enough for any sum of these values."""
    if dtypes.is_float(problem.dtype):
        return np.float64
    largest = [max(abs(int(a.max())), abs(int(a.min()))) if a.size else 0 for a in (x, w)]
    bound = problem.products * max(largest[0], abs(int(problem.fill))) * largest[1]
    if bias is not None and bias.size:
        bound += max(abs(int(bias.max())), abs(int(bias.min())))
    return np.int64 if bound < 2**63 else object


def _cast(sums: Array, dtype: str, offset: tuple[int, int, int]) -> Array:
    """Round once to the result dtype; integers that do not fit raise."""
    if dtypes.is_float(dtype):
        with np.errstate(over="ignore"):
            return sums.astype(dtype)
    if dtype == "bool":
        return sums != 0
    limits = np.iinfo(dtype)
    outside = (sums < int(limits.min)) | (sums > int(limits.max))
    if np.any(outside):
        where = np.unravel_index(int(np.argmax(outside)), outside.shape)
        position = (offset[0], int(where[0]) + offset[1], int(where[1]) + offset[2], *map(int, where[2:]))
        raise OverflowError(
            f"the result {sums[where]} at (image, channel, *spatial) = {position} does not fit into {dtype}"
        )
    return sums.astype(dtype)
