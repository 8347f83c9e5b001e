"""The definition itself in plain NumPy: one tap after the other, elementwise, in float64, complex128 or integers.

Always applicable and the truth in all tests. It is slow on purpose: nothing here may need a second thought.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from convops.backends.base import Array, Backend, ErrorBound, Machine, Runner
from convops.backends.finish import finish
from convops.backends.gather import CHUNK_OUTPUTS, Box, boxes, on_samples, source_positions, take
from convops.problem import dtypes
from convops.problem.conv import ConvProblem
from convops.problem.counts import flops, outputs
from convops.problem.geometry import Axis


class Reference(Backend):
    """Cross-correlation by definition: for each channel, for each tap, multiply and add."""

    name = "reference"
    kind = "conv"

    def supports(self, problem: ConvProblem) -> str | None:
        return None

    def cost(self, problem: ConvProblem, machine: Machine) -> float:
        chunks = outputs(problem) // CHUNK_OUTPUTS + problem.out_channels
        calls = chunks * problem.products * 8 * machine.rates.numpy_call
        return calls + flops(problem) * 16 / machine.rates.elementwise

    def workspace(self, problem: ConvProblem, machine: Machine, workers: int) -> int:
        return 8 * 8 * CHUNK_OUTPUTS

    def error_bound(self, problem: ConvProblem, w: Array | None) -> ErrorBound:
        """Sums in float64, rounded once: u |y| + K 2^-53 A <= (u + K 2^-53 (1 + u)) A; twice that if complex."""
        if problem.dtype == dtypes.INTEGER:
            return ErrorBound("none", 0.0)
        unit = dtypes.unit_roundoff(problem.types.result)
        unit = unit if unit > 2.0**-53 else 0.0
        products = problem.products * (2 if problem.dtype in dtypes.COMPLEX else 1)
        return ErrorBound("terms", (products + problem.epilogue.terms) * 2.0**-53 * (1 + unit), unit)

    def prepare(self, problem: ConvProblem, w: Array | None, bias: Array | None, machine: Machine) -> Runner:
        weights = np.array(w)
        kept_bias = None if bias is None else np.array(bias)

        def run(x: Array, out: Array, workers: int, add: Array | None = None) -> None:
            accumulator = _accumulator(problem, x, weights)
            for image, rows, box in product(range(len(x)), _row_blocks(problem), boxes(problem.out_spatial)):
                first = rows.start // problem.group_rows * problem.group_channels
                channels = x[image, first : first + problem.group_channels]
                with np.errstate(invalid="ignore", over="ignore"):
                    sums = _sum_of_taps(problem, channels, weights[rows], box, accumulator)
                where: Any = (image, rows, *(slice(r.start, r.stop) for r in box))
                part = None if add is None else add[where]
                origin = (image, rows.start, *(r.start for r in box))
                if accumulator is np.int64 and (kept_bias is not None or part is not None):
                    sums = sums.astype(object)
                out[where] = finish(problem, sums, kept_bias, part, rows, origin)

        return run


def _row_blocks(problem: ConvProblem) -> list[slice]:
    """Output channels of one group that are computed together, sharing the patches."""
    size = max(1, CHUNK_OUTPUTS // max(1, prod(problem.out_spatial)))
    ends = range(problem.group_rows, problem.out_channels + 1, problem.group_rows)
    return [slice(i, min(i + size, end)) for end in ends for i in range(end - problem.group_rows, end, size)]


def _column(values: Array, ndim: int) -> Array:
    return values.reshape((-1,) + (1,) * (ndim - 1))


def _sum_of_taps(problem: ConvProblem, x: Array, w: Array, box: Box, accumulator: Any) -> Array:
    """Sums of one box of some output channels, from +0, taps in C order inside each channel."""
    sums = np.zeros((len(w), *map(len, box)), accumulator)
    for channel in range(problem.group_channels):
        for tap in product(*map(range, problem.window)):
            sources = tuple(_tap_sources(a, o, t) for a, o, t in zip(problem.axes, box, tap, strict=True))
            weight = np.moveaxis(w[:, channel], 0, -1)[tap].astype(accumulator)
            terms = _column(weight, sums.ndim) * take(x[channel], sources, problem.fill, accumulator)
            if problem.adjoint:
                terms = np.where(on_samples(sources), terms, np.zeros((), accumulator))
            sums += terms
    return sums


def _tap_sources(axis: Axis, outs: range, tap: int) -> Array:
    positions = np.arange(outs.start, outs.stop) * axis.stride + tap * axis.dilation
    return source_positions(axis, positions)


def _accumulator(problem: ConvProblem, x: Array, w: Array) -> Any:
    """float64, complex128, or integers wide enough for any sum of these values."""
    if problem.dtype != dtypes.INTEGER:
        return np.complex128 if problem.dtype in dtypes.COMPLEX else np.float64
    largest = [max(abs(int(a.max())), abs(int(a.min()))) if a.size else 0 for a in (x, w)]
    bound = problem.products * max(largest[0], abs(int(problem.fill))) * largest[1]
    return np.int64 if max(bound, *largest) < 2**63 else object
