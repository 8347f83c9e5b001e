"""Running a convolution plan: one call per merged batch, and the user's index of a result that did not fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from convops.backends.base import Array, Runner
from convops.backends.misfits import Misfit
from convops.dispatch.arrays import batches
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
            raise _overflow(problem, misfit, images) from None
        images += len(part)
    return out


def _overflow(problem: ConvProblem, misfit: Misfit, images: int) -> OverflowError:
    where, (image, channel, *spatial) = problem.arrangement, misfit.position
    batch = np.unravel_index(images + image, problem.batch) if problem.batch else ()
    index = where.user_shape(tuple(int(i) for i in batch), int(channel), tuple(map(int, spatial)))
    return not_fitting(problem, misfit.value, index)


def not_fitting(problem: ConvProblem, value: Any, index: tuple[int, ...]) -> OverflowError:
    """The error for a result that its dtype and the overflow policy do not admit; `index` is the user's."""
    shown = int(value) if value == value and abs(value) != float("inf") else float(value)
    hint = "" if value != value else "; overflow= may wrap, saturate or widen it"
    return OverflowError(f"the result {shown} at index {index} does not fit into {problem.types.result}{hint}")


def check_add(problem: ConvProblem, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """`add` must have the result's shape and cast to the sums' dtype."""
    if shape != problem.out_shape:
        raise ValueError(f"add must have the shape of the result, {problem.out_shape}, got {shape}")
    dtypes.check("add", dtype)
    sums = "int64" if problem.dtype == dtypes.INTEGER else problem.dtype
    if not np.can_cast(dtype, dtypes.named(sums), "same_kind"):
        raise TypeError(f"add of dtype {dtype} does not cast to {sums}, in which the sums are computed")
