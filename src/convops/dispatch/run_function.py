"""Running a pool by a user's function, whose first results tell the dtype of the result."""

from __future__ import annotations

from math import prod

import numpy as np

from convops.backends.base import Array, Runner
from convops.backends.misfits import Misfit
from convops.backends.pool_blocks import Piece
from convops.dispatch.arrays import canonical
from convops.dispatch.misfit_error import overflow_error
from convops.problem import dtypes
from convops.problem.pool import PoolProblem


class _Result:
    """The canonical result, which exists from the first values on."""

    def __init__(self, problem: PoolProblem, out: Array | None) -> None:
        self._shape = (prod(problem.batch), problem.channels, *problem.out_spatial)
        self._out = out
        self.array: Array | None = None

    def put(self, piece: Piece, values: Array) -> None:
        if self.array is None:
            self.create(values.dtype)
        assert self.array is not None
        if values.dtype != self.array.dtype:
            raise ValueError(f"func must return one dtype, got {self.array.dtype} and then {values.dtype}")
        piece.put(self.array, values)

    def create(self, dtype: np.dtype) -> None:
        """`out` cannot be checked earlier."""
        if self._out is not None and self._out.dtype != dtype:
            raise ValueError(f"out must have dtype {dtype}, which func returns, got {self._out.dtype}")
        self.array = np.empty(self._shape, dtype)


def run_function(problem: PoolProblem, run: Runner | None, x: Array, out: Array | None) -> Array:
    """The result in the user's order of axes; `out` is written last. Without a runner it is empty."""
    result = _Result(problem, out)
    if run is None:
        result.create(dtypes.named(problem.out_dtype or problem.dtype))
    else:
        view = canonical(x, problem.arrangement)
        try:
            run(view.reshape(-1, *view.shape[len(problem.batch) :]), result.put)
        except Misfit as misfit:
            raise overflow_error(problem, misfit, 0) from None
    assert result.array is not None
    pooled = _in_user_order(problem, result.array)
    if out is None:
        return np.ascontiguousarray(pooled)
    out[...] = pooled
    return out


def _in_user_order(problem: PoolProblem, result: Array) -> Array:
    where = problem.arrangement
    middle = () if where.channel is None else result.shape[1:2]
    spread = result.reshape(*problem.batch, *middle, *problem.out_spatial)
    return spread.transpose(np.argsort(where.order))
