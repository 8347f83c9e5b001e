"""Running a convolution plan: one call per merged batch, and the user's index of a result that did not fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.backends.base import Array, Runner
from convops.backends.misfits import Misfit
from convops.dispatch.arrays import batches
from convops.dispatch.misfit_error import overflow_error
from convops.problem import dtypes
from convops.problem.conv import ConvProblem


def run_conv(problem: ConvProblem, run: Runner | None, x: Array, out: Array, add: Array | None, workers: int) -> Array:
    """Fill `out`. Without a runner there is nothing to compute."""
    if run is None:
        return out
    arrays = (x, out) if add is None else (x, out, add)
    images = 0
    for part, *results in batches(problem.arrangement, *arrays):
        try:
            run(part, results[0], workers, **({"add": results[1]} if add is not None else {}))
        except Misfit as misfit:
            raise overflow_error(problem, misfit, images) from None
        images += len(part)
    return out


def check_add(problem: ConvProblem, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """`add` must have the result's shape and cast to the sums' dtype."""
    if shape != problem.out_shape:
        raise ValueError(f"add must have the shape of the result, {problem.out_shape}, got {shape}")
    dtypes.check("add", dtype)
    sums = "int64" if problem.dtype == dtypes.INTEGER else problem.dtype
    if not np.can_cast(dtype, dtypes.named(sums), "same_kind"):
        raise TypeError(f"add of dtype {dtype} does not cast to {sums}, in which the sums are computed")
