"""From the tap that won a window to the kind of index a user asked for."""

from __future__ import annotations

import numpy as np

from convops.backends.base import Array
from convops.problem.pool import PoolProblem
from convops.problem.windows import AdaptiveAxis, origins, widths

# Indices that are made at once, to stay in a cache.
PART = 1 << 15


def index_result(problem: PoolProblem, taps: Array) -> Array:
    """Flat positions, in the user's order of axes: in the window, in the pooled axes, or in the whole array."""
    if problem.indices == "window" or problem.is_empty:
        return taps
    where, whole = problem.arrangement, problem.indices == "array"
    steps = _steps(problem.x_shape if whole else problem.spatial)
    position = np.zeros((1,) * taps.ndim, np.int64)
    if whole:
        for place in set(range(taps.ndim)) - set(where.spatial):
            position = position + _along(np.arange(taps.shape[place]) * steps[place], place, taps.ndim)
    pooled = list(enumerate(zip(problem.axes, where.spatial, strict=True)))
    if problem.products <= taps.size and not any(isinstance(axis, AdaptiveAxis) for axis in problem.axes):
        return _looked_up(problem, taps, position, [steps[place if whole else n] for n, (_, place) in pooled])
    for number, (axis, place) in reversed(pooled):
        outputs = np.arange(axis.out)
        taps, tap = np.divmod(taps, _along(widths(axis, outputs), place, taps.ndim))
        first = _along(origins(axis, outputs), place, taps.ndim)
        position = position + (first + tap * axis.dilation) * steps[place if whole else number]
    return position


def _looked_up(problem: PoolProblem, taps: Array, position: Array, steps: list[int]) -> Array:
    """Where windows are alike: the place of a window and of a tap in it add up."""
    table = np.zeros((1,) * len(steps), np.int64)
    for number, (axis, place, step) in enumerate(zip(problem.axes, problem.arrangement.spatial, steps, strict=True)):
        table = table + _along(np.arange(axis.window) * (axis.dilation * step), number, len(steps))
        position = position + _along(origins(axis, np.arange(axis.out)) * step, place, taps.ndim)
    places, some = np.broadcast_to(position, taps.shape), max(1, PART * len(taps) // taps.size)
    for first in range(0, len(taps), some):
        part = slice(first, first + some)
        np.add(table.ravel().take(taps[part]), places[part], out=taps[part])
    return taps


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
