"""Exact integer sums from float64 kernels, which add integers below 2^53 without rounding, or float32 ones below 2^24.

Where the data cannot reach the former limit one pass is enough. Otherwise x and w are split into limbs of so few bits
that every sum of products of limbs stays below it (`limbs.py`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from convops.backends.base import Array, Runner
from convops.backends.rewrites.base import Part, Rewrite, Solve
from convops.backends.rewrites.limbs import Limbs
from convops.backends.rewrites.ranges import range_of, sum_range
from convops.problem import dtypes
from convops.problem.conv import ConvProblem, Types

# Sums that no item of x's dtype leads beyond are exact in float32.
EXACT_SINGLE = 2**24


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
        plain = known and problem.epilogue.activation in (None, "relu")
        real = "float32" if plain and possible.largest < EXACT_SINGLE else "float64"
        part = _narrow(problem, plain and possible.fits(problem.types.result), real)
        narrow = solve(part, w.astype(real), None if bias is None else bias.astype(real))
        if known:
            return narrow
        weights, offsets = np.array(w), None if bias is None else np.array(bias)
        wide = Limbs(problem, weights, offsets, solve)

        def run(x: Array, out: Array, workers: int, add: Array | None = None) -> None:
            seen = sum_range(problem, weights, offsets, range_of(x)).with_added(add)
            chosen: Any = narrow if seen.is_exact else wide
            chosen(x, out, workers, add=add)

        return run


@lru_cache(maxsize=256)
def _narrow(problem: ConvProblem, fits: bool = False, real: str = "float64") -> ConvProblem:
    """In floating point; without a policy where no sum needs one."""
    types, epilogue = problem.types, problem.epilogue
    return replace(
        problem,
        types=Types(types.x, real, types.result),
        epilogue=replace(epilogue, policy=None) if fits else epilogue,
    )
