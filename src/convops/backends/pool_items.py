"""Which dtype of the kernels stands for a pool's items, and when no copy is needed."""

from __future__ import annotations

import numpy as np

from convops.backends.base import Array
from convops.backends.pool_sums import is_wide
from convops.problem import dtypes
from convops.problem.pool import PoolProblem


def kernel_item(problem: PoolProblem) -> str:
    """The kernels' dtype for the items of x."""
    if dtypes.is_integer(problem.dtype) and problem.reduction != "lp":
        if is_wide(problem.dtype) and problem.reduction in ("sum", "avg"):
            return "uint32"
        return "uint8" if problem.dtype == "bool" else problem.dtype
    compute = dtypes.COMPLEX.get(problem.compute, problem.compute)
    return "float32" if compute in dtypes.HALVES else compute


def is_direct(problem: PoolProblem) -> bool:
    """Whether the kernels read x and write the result as they are."""
    if dtypes.is_integer(problem.dtype) and problem.reduction in ("sum", "avg", "lp"):
        sums = problem.reduction == "sum" and not is_wide(problem.dtype)
        return sums and problem.out_dtype in ("int64", "uint64") and problem.policy is None
    return problem.dtype == problem.out_dtype and kernel_item(problem) in (problem.dtype, "uint8")


def as_item(array: Array) -> Array:
    """bool as its bytes."""
    return array.view(np.uint8) if array.dtype == bool else array
