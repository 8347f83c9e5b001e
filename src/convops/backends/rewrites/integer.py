"""Exact integer sums from float64 kernels, which add integers below 2^53 without rounding.

Where the data cannot reach that limit one pass is enough. Otherwise x and w are split into limbs of so few bits that
every sum of products of limbs stays below it, and the sums are put together in 64 bits or in Python's integers.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from convops.backends.base import Array, Runner
from convops.backends.finish import finish
from convops.backends.rewrites.base import Part, Rewrite, Solve
from convops.backends.rewrites.ranges import range_of, sum_range
from convops.problem import dtypes
from convops.problem.conv import ConvProblem, Types
from convops.problem.epilogue import Epilogue

EXACT_BITS = 53


class ExactIntegers(Rewrite):
    """Applies to integer sums; `policy` is dropped where no possible sum leaves the result's dtype."""

    def applies(self, problem: ConvProblem) -> bool:
        return problem.dtype == dtypes.INTEGER

    def parts(self, problem: ConvProblem) -> list[Part]:
        return [Part(_narrow(problem))]

    def extra_bytes(self, problem: ConvProblem) -> int:
        if dtypes.named(problem.types.x).itemsize < 4:
            return 0
        return 8 * 3 * (problem.channels * prod(problem.spatial) + problem.out_channels * prod(problem.out_spatial))

    def prepare(self, problem: ConvProblem, w: Array, bias: Array | None, solve: Solve) -> Runner:
        possible = sum_range(problem, w, bias, dtypes.limits(problem.types.x))
        known = possible.is_exact and not (problem.epilogue.has_add)
        if known and problem.epilogue.activation in (None, "relu") and possible.fits(problem.types.result):
            problem = replace(problem, epilogue=replace(problem.epilogue, policy=None))
        narrow = solve(_narrow(problem), w.astype(np.float64), None if bias is None else bias.astype(np.float64))
        if known:
            return narrow
        weights, offsets = np.array(w), None if bias is None else np.array(bias)
        wide = _Limbs(problem, weights, offsets, solve)

        def run(x: Array, out: Array, workers: int, add: Array | None = None) -> None:
            seen = sum_range(problem, weights, offsets, range_of(x)).with_added(add)
            chosen: Any = narrow if seen.is_exact else wide
            chosen(x, out, workers, add=add)

        return run


def _narrow(problem: ConvProblem) -> ConvProblem:
    types = problem.types
    return replace(problem, types=Types(types.x, "float64", types.result))


class _Limbs:
    """Sums over limbs of x and w, exact whatever they hold."""

    def __init__(self, problem: ConvProblem, w: Array, bias: Array | None, solve: Solve) -> None:
        self._problem, self._bias = problem, bias
        bits = (EXACT_BITS - problem.products.bit_length()) // 2
        self._bits = bits
        largest = range_of(w).largest
        self._w_limbs = [limb.astype(np.float64) for limb in _limbs(w, bits, largest)]
        self._solve = solve
        self._runners: dict[tuple[int, int], Runner] = {}

    def _runner(self, number: int, fill: int) -> Runner:
        """For limb `number` of w, and the limb of `fill` that goes with the limb of x."""
        if (number, fill) not in self._runners:
            plain = replace(self._problem, types=Types("float64", "float64", "float64"), fill=fill, epilogue=Epilogue())
            self._runners[number, fill] = self._solve(plain, self._w_limbs[number], None)
        return self._runners[number, fill]

    def __call__(self, x: Array, out: Array, workers: int, add: Array | None = None) -> None:
        fill = np.array(self._problem.fill, object)
        largest = max(range_of(x).largest, abs(int(self._problem.fill)))
        fills = [int(limb) for limb in _limbs(fill, self._bits, largest)]
        sums = np.empty((1, *out.shape[1:]), np.float64)
        for image in range(len(x)):
            total = np.zeros(out.shape[1:], object)
            for i, limb in enumerate(_limbs(x[image : image + 1], self._bits, largest)):
                for j in range(len(self._w_limbs)):
                    self._runner(j, fills[i])(limb.astype(np.float64), sums, workers)
                    total += sums[0].astype(np.int64).astype(object) * (1 << self._bits * (i + j))
            rows = slice(0, len(total))
            part = None if add is None else add[image].astype(object)
            origin = (image,) + (0,) * total.ndim
            out[image] = finish(self._problem, total, self._bias, part, rows, origin)


def _limbs(values: Array, bits: int, largest: int) -> list[Array]:
    """values = sum of limb[i] 2^(bits i); the last limb carries the sign."""
    count = max(1, -(-(largest.bit_length() + 1) // bits))
    limbs, rest = [], values if values.dtype.kind == "O" else _native(values)
    for _ in range(count - 1):
        limbs.append(rest & ((1 << bits) - 1))
        rest = rest >> bits
    return [*limbs, rest]


def _native(values: Array) -> Array:
    return values.astype(np.uint64 if values.dtype.kind in "bu" else np.int64)
