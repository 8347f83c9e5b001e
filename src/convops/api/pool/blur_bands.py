"""`blur_pool` of large arrays, band after band, so that what lies between pool and blur stays in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil, prod
from typing import Any, NamedTuple

import numpy as np

from convops.backends.base import Array
from convops.dispatch.arrays import new_array
from convops.dispatch.plan import Plan
from convops.problem import dtypes
from convops.problem.conv import ConvProblem

# Bytes of the dense pool that a band may have, and how many bands are worth their plans.
BAND_BYTES, LEAST_BANDS = 2 << 20, 4

Stages = Callable[[tuple[int, ...]], tuple[Plan, Plan]]


class Band(NamedTuple):
    """Rows of x, their plans, which rows of the blur's result are right, and where they go."""

    rows: slice
    dense: Plan
    blur: Plan
    kept: slice
    place: slice

    def run(self, x: Array, out: Array, axis: int, between: Array) -> None:
        """Pool and blur, in the memory given."""
        pooled = self.dense(x[along(axis, self.rows)], between)
        out[along(axis, self.place)] = self.blur(pooled)[along(axis, self.kept)]


def along(axis: int, part: slice) -> tuple[slice, ...]:
    """An index of some rows."""
    return (*(slice(None),) * axis, part)


def cut(stages: Stages, dense: Plan, blur: Plan, axis: int, taps: int) -> list[Band]:
    """The bands; none where the whole is small, or where a sum may overflow beyond what is kept."""
    if dtypes.is_integer(blur.problem.out_dtype):
        return []
    assert isinstance(blur.problem, ConvProblem)
    stride = blur.problem.axes[dense.problem.arrangement.spatial.index(axis)].stride
    rows, outputs, halo = dense.output_shape[axis], blur.output_shape[axis], ceil(taps / stride)
    step = BAND_BYTES // max(1, bytes_between(dense) * stride // max(1, rows))
    if outputs < LEAST_BANDS * step or step < 4 * halo:
        return []
    window = dense.problem.x_shape[axis] - rows + 1
    return list(_bands(stages, dense.problem.x_shape, axis, Grid(rows, outputs, step, halo, stride, window)))


class Grid(NamedTuple):
    """Rows of the dense pool, rows of the result, those of a band and of its surroundings, and both steps."""

    rows: int
    outputs: int
    step: int
    halo: int
    stride: int
    window: int


def _bands(stages: Stages, shape: tuple[int, ...], axis: int, grid: Grid) -> Iterator[Band]:
    plans: dict[int, tuple[Plan, Plan]] = {}
    for begin in range(0, grid.outputs, grid.step):
        end = min(begin + grid.step, grid.outputs)
        first = max(0, begin - grid.halo)
        rows = slice(first * grid.stride, min(grid.rows, (end + grid.halo) * grid.stride) + grid.window - 1)
        size = rows.stop - rows.start
        if size not in plans:
            plans[size] = stages((*shape[:axis], size, *shape[axis + 1 :]))
        yield Band(rows, *plans[size], slice(begin - first, end - first), slice(begin, end))


def bytes_between(dense: Plan) -> int:
    """Of the dense pool's result."""
    return prod(dense.output_shape) * dtypes.named(dense.problem.out_dtype).itemsize


def workspace(bands: list[Band]) -> int:
    """Of the band that takes most, with what its blur returns."""
    return max(
        band.dense.workspace_bytes
        + band.blur.workspace_bytes
        + bytes_between(band.dense)
        + prod(band.blur.output_shape) * dtypes.named(band.blur.problem.out_dtype).itemsize
        for band in bands
    )


def run(bands: list[Band], x: Array, out: Array | None, whole: Plan, axis: int) -> Array:
    """All bands of x, in order."""
    dtype: np.dtype[Any] = dtypes.named(whole.problem.out_dtype)
    result = new_array(whole.output_shape, dtype, x) if out is None else out
    between: dict[tuple[int, ...], Array] = {}
    for band in bands:
        shape = band.dense.output_shape
        if shape not in between:
            between = {shape: new_array(shape, dtypes.named(band.dense.problem.out_dtype))}
        band.run(x, result, axis, between[shape])
    return result
