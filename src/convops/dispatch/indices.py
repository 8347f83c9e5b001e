"""From the tap that won a window to the kind of index a user asked for."""

from __future__ import annotations

import numpy as np

from convops.backends.base import Array
from convops.problem.pool import PoolProblem
from convops.problem.windows import origins, widths


def index_result(problem: PoolProblem, taps: Array) -> Array:
    """Flat positions, in the user's order of axes: in the window, in the pooled axes, or in the whole array."""
    if problem.indices == "window" or problem.is_empty:
        return taps
    where, whole = problem.arrangement, problem.indices == "array"
    steps = _steps(problem.x_shape if whole else problem.spatial)
    position = np.zeros(taps.shape, np.int64)
    if whole:
        for place in set(range(taps.ndim)) - set(where.spatial):
            position += _along(np.arange(taps.shape[place]) * steps[place], place, taps.ndim)
    pooled = list(enumerate(zip(problem.axes, where.spatial, strict=True)))
    for number, (axis, place) in reversed(pooled):
        outputs = np.arange(axis.out)
        taps, tap = np.divmod(taps, _along(widths(axis, outputs), place, taps.ndim))
        first = _along(origins(axis, outputs), place, taps.ndim)
        position += (first + tap * axis.dilation) * steps[place if whole else number]
    return position


def _steps(lengths: tuple[int, ...]) -> list[int]:
    """Items from one index to the next, per axis, in C order."""
    steps = [1]
    for length in lengths[:0:-1]:
        steps.append(steps[-1] * length)
    return steps[::-1]


def _along(values: Array, axis: int, ndim: int) -> Array:
    shape = [1] * ndim
    shape[axis] = len(values)
    return values.reshape(shape)
