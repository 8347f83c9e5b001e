"""Running a pooling plan: one call per merged batch, and the indices a user asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.backends.base import Array, Runner
from convops.dispatch.arrays import batches
from convops.dispatch.indices import index_result
from convops.problem import dtypes
from convops.problem.pool import PoolProblem


def run_pool(problem: PoolProblem, run: Runner | None, x: Array, out: Array, workers: int) -> Any:
    """Fill `out`; the result is `out`, or a pair with the indices. Without a runner there is nothing to compute."""
    x = x.astype(dtypes.named(problem.dtype), copy=False)
    taps = np.empty(problem.out_shape, np.int64) if problem.indices else None
    if run is not None:
        arrays = (x, out) if taps is None else (x, out, taps)
        for part, *results in batches(problem.arrangement, *arrays):
            run(part, (results[0], results[1] if taps is not None else None), workers)
    if taps is None:
        return out
    return out, index_result(problem, taps)
