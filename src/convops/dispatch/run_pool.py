"""Running a pooling plan: one call per merged batch, the indices a user asked for, and where a result did not fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.backends.base import Array, Runner
from convops.backends.misfits import Misfit
from convops.dispatch.arrays import batches
from convops.dispatch.indices import index_result
from convops.dispatch.misfit_error import overflow_error
from convops.dispatch.run_function import run_function
from convops.problem.pool import PoolProblem


def run_pool(problem: PoolProblem, run: Runner | None, x: Array, out: Any, workers: int) -> Any:
    """Fill `out`; the result is `out`, or a pair with the indices. Without a runner there is nothing to compute."""
    if problem.reduction == "func":
        return run_function(problem, run, x, out)
    taps = np.empty(problem.out_shape, np.int64) if problem.indices else None
    if run is not None:
        arrays = (x, out) if taps is None else (x, out, taps)
        images = 0
        for part, *results in batches(problem.arrangement, *arrays):
            try:
                run(part, (results[0], results[1] if taps is not None else None), workers)
            except Misfit as misfit:
                raise overflow_error(problem, misfit, images) from None
            images += len(part)
    if taps is None:
        return out
    return out, index_result(problem, taps)
